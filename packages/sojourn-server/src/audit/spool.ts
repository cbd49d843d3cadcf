/**
 * Entries on their way into the trail, in files of this machine. An entry is one append: once
 * `write` returned, the kernel has it, and it outlives the process whatever ends that.
 *
 * Each process holds a lock for as long as it lives, which the kernel takes away with it. Files
 * whose lock is free belong to nobody any more, and whoever finds them takes them over. Process ids
 * would not do: in containers every one of them is 1.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { ascii } from "./chain.ts";
import type { AuditEntry } from "./entry.ts";
import { SpoolLock } from "./spool-lock.ts";

export interface SpoolOptions {
  /** Of this installation alone. Local to the machine: locks do not reach further. */
  readonly folder: string;
  /** Of this process, unique for ever. */
  readonly owner: string;
  /** Also outlive a crash of the machine. */
  readonly fsync: boolean;
}

/** A finished file of entries. */
export interface Segment {
  readonly path: string;
  readonly entries: readonly AuditEntry[];
  /** Lines that are no entries: a crash of the machine, or somebody's hand. */
  readonly damaged: number;
}

/** A file is read whole. */
const SEGMENT_BYTES = 1_048_576;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const SEGMENT = /^([A-Za-z0-9_-]{16})\.(\d{1,15})\.entries$/;

export class Spool {
  readonly #options: SpoolOptions;
  #lock: SpoolLock | undefined;
  #fd: number | undefined;
  #number = 0;
  #bytes = 0;

  constructor(options: SpoolOptions) {
    this.#options = options;
  }

  /** One line, written when this returns. @throws when the disk would not take all of it. */
  append(entry: AuditEntry): void {
    const line = `${ascii(JSON.stringify(entry))}\n`;
    const fd = (this.#fd ??= this.#open());
    try {
      if (writeSync(fd, line, null, "latin1") !== line.length) throw diskFull();
      if (this.#options.fsync) fsyncSync(fd);
      this.#bytes += line.length;
      if (this.#bytes >= SEGMENT_BYTES) this.finish();
    } catch (error) {
      // What is half a line stays the last of its file.
      this.#fd = undefined;
      closeSync(fd);
      throw error;
    }
  }

  /** End the present file, so that what it holds can be taken away. */
  finish(): void {
    if (this.#fd === undefined || this.#bytes === 0) return;
    closeSync(this.#fd);
    this.#fd = undefined;
  }

  /**
   * Files of this process that are finished, oldest first.
   *
   * @param orphans Also those of processes that are gone.
   */
  segments(orphans: boolean): readonly string[] {
    const { folder, owner } = this.#options;
    const open = this.#fd === undefined ? -1 : this.#number;
    const found: { readonly path: string; readonly order: string }[] = [];
    const free = new Map<string, boolean>([[owner, true]]);
    for (const name of list(folder)) {
      const [, whose = "", number = ""] = SEGMENT.exec(name) ?? [];
      if (whose === "" || (whose === owner && Number(number) === open)) continue;
      const orphaned = free.get(whose) ?? (orphans && SpoolLock.isFree(this.#lockPath(whose)));
      free.set(whose, orphaned);
      if (!orphaned) continue;
      found.push({ path: join(folder, name), order: whose + number.padStart(15, "0") });
    }
    return found.toSorted((a, b) => (a.order < b.order ? -1 : 1)).map(({ path }) => path);
  }

  read(path: string): Segment {
    const lines = readFileSync(path, "latin1").split("\n");
    // Behind the last newline is nothing, or what was cut off while it was written.
    lines.pop();
    const entries: AuditEntry[] = [];
    for (const line of lines) {
      const entry = entryOf(line);
      if (entry !== undefined) entries.push(entry);
    }
    return { path, entries, damaged: lines.length - entries.length };
  }

  /** All of it is in the trail. */
  remove(path: string): void {
    rmSync(path, { force: true });
    const { folder, owner } = this.#options;
    const [, whose = ""] = SEGMENT.exec(path.slice(folder.length + 1)) ?? [];
    if (whose === owner) return;
    const more = list(folder).some((name) => name.startsWith(whose) && SEGMENT.test(name));
    if (!more) rmSync(this.#lockPath(whose), { force: true });
  }

  /** What is not in the trail yet stays for the next process. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    const { folder, owner } = this.#options;
    const more = list(folder).some((name) => name.startsWith(owner) && SEGMENT.test(name));
    this.#lock?.release();
    if (this.#lock !== undefined && !more) rmSync(this.#lockPath(owner), { force: true });
    this.#lock = undefined;
    try {
      rmdirSync(folder);
    } catch {
      // Others are in it, or it never was.
    }
  }

  #open(): number {
    const { folder, owner } = this.#options;
    mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
    this.#lock ??= SpoolLock.take(this.#lockPath(owner));
    this.#number += 1;
    this.#bytes = 0;
    return openSync(join(folder, `${owner}.${this.#number}.entries`), "ax", FILE_MODE);
  }

  #lockPath(owner: string): string {
    return join(this.#options.folder, `${owner}.lock`);
  }
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function entryOf(line: string): AuditEntry | undefined {
  try {
    const entry = JSON.parse(line) as Partial<AuditEntry>;
    const { id, at, tenant, name, actor, about } = entry;
    const texts = [id, tenant, name, actor].every((text) => typeof text === "string");
    const timed = Number.isSafeInteger(Math.trunc(at ?? Number.NaN));
    const whole = texts && timed && typeof about === "object" && about !== null;
    return whole ? (entry as AuditEntry) : undefined;
  } catch {
    return undefined;
  }
}

function diskFull(): Error {
  return Object.assign(new Error("the spool took half a line"), { code: "ENOSPC" });
}
