/**
 * `.sojourn/`: what `npm start` keeps between runs, and the settings that point every process at
 * it. Readable by its owner alone, since the secret in it signs every session.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./setup.mjs";

const SECRET_BYTES = 32;

/**
 * @typedef {object} State Absolute paths.
 * @property {string} secretFile
 * @property {string} database
 * @property {string} serviceLog
 * @property {string} notesLog
 */

/** @returns {State} after making the folder and the secret where they are missing. */
export function openState() {
  const folder = join(root, ".sojourn");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const secretFile = join(folder, "secret");
  if (!existsSync(secretFile)) {
    const secret = randomBytes(SECRET_BYTES).toString("base64url");
    writeFileSync(secretFile, `${secret}\n`, { mode: 0o600, flag: "wx" });
  }
  return {
    secretFile,
    database: join(folder, "sojourn.db"),
    serviceLog: join(folder, "service.log"),
    notesLog: join(folder, "notes.log"),
  };
}

/**
 * @param {State} state
 * @param {number} [port] Where to listen, for a process that does.
 * @returns {Record<string, string>} the environment that makes a process use this state.
 */
export function settings(state, port) {
  return {
    SOJOURN_SECRET_FILE: state.secretFile,
    SOJOURN_STORE: `sqlite:${state.database}`,
    SOJOURN_HOST: "127.0.0.1",
    ...(port === undefined ? {} : { SOJOURN_PORT: String(port) }),
  };
}
