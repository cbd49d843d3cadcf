import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { attempt, HOST, needed, start } from "./process.mjs";

/** @typedef {import("./process.mjs").Engine} Engine */

/**
 * Start HAProxy.
 *
 * @param {(address: string) => string} configure Its configuration; one frontend binds the address.
 * @param {{ workers?: boolean }} [options] With `workers` it can be told another configuration.
 * @returns {Promise<Engine & { reload: (configure: (address: string) => string) => void }>} What is
 *   under way is finished as before a reload.
 */
export function startHaproxy(configure, { workers = false } = {}) {
  const program = needed("haproxy");
  return attempt(async (port) => {
    const folder = mkdtempSync(join(tmpdir(), "sojourn-haproxy-"));
    const file = join(folder, "haproxy.cfg");
    /** @param {typeof configure} by */
    const write = (by) => writeFileSync(file, `${by(`${HOST}:${port}`).trimEnd()}\n`);
    write(configure);
    const engine = await start({
      name: "haproxy",
      folder,
      port,
      url: `http://${HOST}:${port}`,
      signal: "TERM",
      command: [program, ...(workers ? ["-W"] : []), "-db", "-f", file],
    });
    return Object.assign(engine, {
      /** @param {typeof configure} by */
      reload: (by) => {
        write(by);
        process.kill(engine.pid, "SIGUSR2");
      },
    });
  });
}
