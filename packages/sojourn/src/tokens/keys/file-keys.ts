/**
 * Keys in a file for its owner alone: a JWK Set with dates. The file is looked at before each use
 * and read again when it changed, so that a rotation needs no restart. A file that became
 * unreadable leaves the keys as they were, and is said.
 */
import { privateFiles } from "#platform";
import { ConfigError } from "../../engine/errors.ts";
import type { PrivateFile, PrivateFiles } from "../../engine/ports.ts";
import { withRevocation } from "./key-document.ts";
import { readKeyText } from "./key-text.ts";
import type { LocalKey } from "./key-text.ts";
import { listProblems, localProvider } from "./local-keys.ts";
import type { KeyProvider } from "./provider.ts";

export interface FileKeysOptions {
  /** Mode 0600: a file that others may open is refused. */
  readonly path: string;
  /** Hears why a changed file could not be taken; what was read before stays in use. */
  readonly onError?: (error: unknown) => void;
  /** For tests; default: the runtime's files. */
  readonly files?: PrivateFiles;
}

/**
 * Write a key document where only its owner can read it, in one step.
 * @throws {ConfigError} (rejects) where there are no files.
 */
export async function writeKeyFile(path: string, document: string): Promise<void> {
  if (privateFiles === undefined) throw new ConfigError([{ path: "path", message: NO_FILES }]);
  await privateFiles.replace(path, document);
}

const NO_FILES = "there are no files here; use environmentKeys or kmsKeys";

/**
 * A provider over a key file. One look at the file before each signature (20 µs).
 * @throws {ConfigError} (rejects) when the file cannot be used at first; never a part of it.
 */
export async function fileKeys(options: FileKeysOptions): Promise<KeyProvider> {
  const files = options.files ?? privateFiles;
  if (files === undefined) throw new ConfigError([{ path: "path", message: NO_FILES }]);
  const { path, onError } = options;
  const file = new KeyFile(files, path, onError);
  await file.begin();
  return {
    ...localProvider("file", () => file.keys()),
    async revoke(kid, at) {
      const { text } = await readWhole(files, path);
      await files.replace(path, withRevocation(text, kid, at));
    },
  };
}

class KeyFile {
  readonly #files: PrivateFiles;
  readonly #path: string;
  readonly #onError: ((error: unknown) => void) | undefined;
  #version: string | undefined;
  #keys: readonly LocalKey[] = [];
  #looking: Promise<void> | undefined;
  /** Said that there is nothing to read, and not again with each signature. */
  #missing = false;

  constructor(files: PrivateFiles, path: string, onError?: (error: unknown) => void) {
    this.#files = files;
    this.#path = path;
    this.#onError = onError;
  }

  async begin(): Promise<void> {
    await this.#look();
  }

  /** Simultaneous callers share one look. */
  async keys(): Promise<readonly LocalKey[]> {
    this.#looking ??= this.#look()
      .catch((error: unknown) => this.#say(error))
      .finally(() => (this.#looking = undefined));
    await this.#looking;
    return this.#keys;
  }

  #say(error: unknown): void {
    const again = this.#missing && this.#version === undefined;
    if (!again) this.#onError?.(error);
    this.#missing = this.#version === undefined;
  }

  async #look(): Promise<void> {
    const found = await this.#read();
    if (found === undefined) return;
    const problems = found.shared ? [sharedProblem] : [];
    const read = await readKeyText(found.text, { purpose: "access-token" }, "path");
    problems.push(...read.problems, ...listProblems(read.keys));
    // Said once for each change, and not again with each signature.
    this.#version = found.version;
    if (problems.length > 0) throw new ConfigError(problems);
    this.#keys = read.keys;
  }

  async #read(): Promise<PrivateFile | undefined> {
    try {
      return await this.#files.read(this.#path, this.#version);
    } catch (cause) {
      // Whatever comes back in its place is read.
      this.#version = undefined;
      throw new ConfigError([{ path: "path", message: "cannot be read" }], { cause });
    }
  }
}

const sharedProblem = {
  path: "path",
  message: "may be opened by others than its owner; chmod 600",
};

async function readWhole(files: PrivateFiles, path: string): Promise<PrivateFile> {
  const found = await files.read(path);
  if (found === undefined) throw new ConfigError([{ path: "path", message: "cannot be read" }]);
  return found;
}
