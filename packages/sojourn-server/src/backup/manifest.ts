/** What lies beside the copies: which they are, and where the audit trail stood around them. */
import { createHash } from "node:crypto";
import { createReadStream, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { SignedStand } from "../audit/signer.ts";

export interface BackupFile {
  readonly of: "sessions" | "control";
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface Manifest {
  readonly version: 1;
  readonly at: string;
  readonly store: string;
  /** Before the first copy: what ended before it is known to the copies. */
  readonly from: SignedStand;
  /** After the last one: a trail that ends here is one of the copies. */
  readonly until: SignedStand;
  readonly files: readonly BackupFile[];
}

const NAME = "backup.json";

export async function describeFile(of: BackupFile["of"], path: string): Promise<BackupFile> {
  return { of, name: basename(path), bytes: statSync(path).size, sha256: await digest(path) };
}

export function writeManifest(folder: string, manifest: Manifest): void {
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  writeFileSync(join(folder, NAME), text, { flag: "wx", mode: 0o600 });
}

/** @returns `undefined` where there is none that can be understood. */
export function readManifest(folder: string): Manifest | undefined {
  try {
    const value = JSON.parse(readFileSync(join(folder, NAME), "utf8")) as Partial<Manifest>;
    const { version, from, until, files } = value;
    const stands = [from, until].every((one) => Number.isSafeInteger(one?.seq));
    return version === 1 && stands && Array.isArray(files) ? (value as Manifest) : undefined;
  } catch {
    return undefined;
  }
}

/** @returns its path, or what is wrong with it. */
export async function checkedFile(
  folder: string,
  manifest: Manifest,
): Promise<{ readonly path: string } | { readonly problem: string }> {
  const file = manifest.files.find(({ of }) => of === "sessions");
  if (file === undefined || basename(file.name) !== file.name) {
    return { problem: "holds no copy of the sessions" };
  }
  const path = join(folder, file.name);
  const there = await digest(path).catch(() => undefined);
  if (there === undefined) return { problem: `${file.name} cannot be read` };
  return there === file.sha256 ? { path } : { problem: `${file.name} is not what was written` };
}

async function digest(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
