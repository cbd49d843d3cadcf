/**
 * Takes entries down on the way of a request, and carries them into the trail behind it. No
 * request waits or fails for the trail; what is lost in the end is counted, and the count is an
 * entry itself.
 */
import { randomBytes } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { ContentionError, StoreUnavailableError } from "sojourn";
import type { SessionEvent } from "sojourn";
import { entryOfEvent } from "./entry.ts";
import type { About, AuditEntry, Circumstances } from "./entry.ts";
import { NoiseGate } from "./noise.ts";
import type { Spool } from "./spool.ts";
import type { Trail } from "./trail.ts";

/** `delayed`: the trail waits in the spool. `in-memory`: the spool cannot be written. */
export const AUDIT_STATES = ["ok", "delayed", "in-memory", "dropping"] as const;
export type AuditState = (typeof AUDIT_STATES)[number];

export interface AuditLogParts {
  readonly trail: Trail;
  /** Absent where nothing outlives the process, and for commands: they wait for the trail. */
  readonly spool?: (owner: string) => Spool;
  /** Carry entries into the trail twice a second. */
  readonly background: boolean;
  readonly now: () => number;
  /** Said once for each outage. */
  readonly onTrouble?: (where: "spool" | "trail", error: unknown) => void;
  /** How many entries could not even be kept in memory. */
  readonly onDropped?: (count: number) => void;
}

const DRAIN_EVERY_MS = 500;
/** A batch is a transaction; in SQLite requests wait for its end. */
const BATCH = 64;
const ORPHANS_EVERY_ROUNDS = 20;
const MEMORY_MAX = 10_000;
const CLOSE_MS_MAX = 5_000;
const OWNER_BYTES = 12;

export class AuditLog {
  readonly #parts: AuditLogParts;
  readonly #owner = randomBytes(OWNER_BYTES).toString("base64url");
  readonly #spool: Spool | undefined;
  readonly #noise = new NoiseGate();
  #memory: AuditEntry[] = [];
  #dropped = 0;
  #count = 0;
  #spoolBroken = false;
  /** A broken spool is tried once a round. */
  #spoolTried = false;
  #trailBroken = false;
  #timer: NodeJS.Timeout | undefined;
  #rounds = 0;
  #draining: Promise<void> | undefined;
  #closed = false;
  #carried: () => void = () => undefined;
  readonly #listeners = new Set<(entry: AuditEntry) => void>();

  constructor(parts: AuditLogParts) {
    this.#parts = parts;
    this.#spool = parts.spool?.(this.#owner);
    if (!parts.background) return;
    this.#timer = setInterval(() => void this.drain(), DRAIN_EVERY_MS).unref();
  }

  get state(): AuditState {
    if (this.#dropped > 0) return "dropping";
    if (this.#spoolBroken) return "in-memory";
    return this.#trailBroken ? "delayed" : "ok";
  }

  /** What the library tells of sessions. Never throws; costs one append. */
  event(event: SessionEvent, circumstances: Circumstances): void {
    const suppressed = this.#noise.pass(event.name);
    if (suppressed === undefined) return;
    const entry = entryOfEvent(this.#nextId(), event, circumstances);
    this.#keep(suppressed === 0 ? entry : withSuppressed(entry, suppressed));
  }

  /** What the service itself does. Never throws. */
  note(name: string, actor: string, about: About, tenant = ""): void {
    this.#keep(this.entry(name, actor, about, tenant));
  }

  entry(name: string, actor: string, about: About, tenant = ""): AuditEntry {
    return { id: this.#nextId(), at: this.#parts.now(), tenant, name, actor, about };
  }

  /** @param listener Called when entries of this process have come into the trail. */
  whenCarried(listener: () => void): void {
    this.#carried = listener;
  }

  /** Hear of entries as they are taken down, before they have a place in the trail. */
  listen(listener: (entry: AuditEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Carry what there is into the trail. Never throws: what fails is tried again. */
  drain(): Promise<void> {
    this.#draining ??= this.#drain().finally(() => (this.#draining = undefined));
    return this.#draining;
  }

  /** @returns how many entries are in no file and not in the trail: a command says so. */
  async close(): Promise<number> {
    if (this.#closed) return this.#memory.length;
    this.#closed = true;
    clearInterval(this.#timer);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_MS_MAX)));
    // A round may be under way that does not see the last entries.
    await Promise.race([this.drain().then(() => this.drain()), late]);
    clearTimeout(timer);
    this.#spool?.close();
    return this.#memory.length + this.#dropped;
  }

  #nextId(): string {
    this.#count += 1;
    return `${this.#owner}.${this.#count.toString(36)}`;
  }

  #keep(entry: AuditEntry): void {
    for (const listener of this.#listeners) listener(entry);
    if (this.#spool !== undefined && this.#spooled(this.#spool, entry)) return;
    if (this.#memory.length < MEMORY_MAX) this.#memory.push(entry);
    else {
      this.#dropped += 1;
      this.#parts.onDropped?.(1);
    }
  }

  #spooled(spool: Spool, entry: AuditEntry): boolean {
    if (this.#spoolTried) return false;
    try {
      spool.append(entry);
      this.#spoolBroken = false;
      return true;
    } catch (error) {
      this.#spoolTried = true;
      if (!this.#spoolBroken) this.#parts.onTrouble?.("spool", error);
      this.#spoolBroken = true;
      return false;
    }
  }

  async #drain(): Promise<void> {
    try {
      await this.#drainMemory();
      await this.#drainSpool();
      this.#trailBroken = false;
    } catch (error) {
      const known = error instanceof StoreUnavailableError || error instanceof ContentionError;
      if (!this.#trailBroken || !known) this.#parts.onTrouble?.("trail", error);
      this.#trailBroken = true;
    }
    this.#mend();
  }

  async #drainMemory(): Promise<void> {
    while (this.#memory.length > 0) {
      const batch = this.#memory.slice(0, BATCH);
      await this.#parts.trail.append(batch);
      this.#memory = this.#memory.slice(batch.length);
      this.#carried();
      await turn();
    }
  }

  async #drainSpool(): Promise<void> {
    const spool = this.#spool;
    if (spool === undefined) return;
    const orphans = this.#rounds % ORPHANS_EVERY_ROUNDS === 0;
    this.#rounds += 1;
    for (const path of spool.segments(orphans)) await this.#drainSegment(spool, path);
    // Only now: while the trail cannot be written there is one more file, and not one each round.
    spool.finish();
    for (const path of spool.segments(false)) await this.#drainSegment(spool, path);
  }

  async #drainSegment(spool: Spool, path: string): Promise<void> {
    const { entries, damaged } = spool.read(path);
    for (let at = 0; at < entries.length; at += BATCH) {
      await this.#parts.trail.append(entries.slice(at, at + BATCH));
      this.#carried();
      await turn();
    }
    if (damaged > 0) this.note("audit-damaged", "system", { detail: { lines: damaged } });
    spool.remove(path);
  }

  /** Try the spool again, and say what was lost as soon as something can be said. */
  #mend(): void {
    this.#spoolTried = false;
    if (this.#dropped === 0 || this.#memory.length >= MEMORY_MAX) return;
    const detail = { entries: this.#dropped };
    this.#dropped = 0;
    this.note("audit-dropped", "system", { detail });
  }
}

function withSuppressed(entry: AuditEntry, suppressed: number): AuditEntry {
  const detail = { ...entry.about.detail, suppressed };
  return { ...entry, about: { ...entry.about, detail } };
}
