import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { attempt, HOST, needed, start } from "./process.mjs";

/** @typedef {import("./process.mjs").Engine} Engine */

/**
 * Start nginx, in its folder.
 *
 * @param {(address: string) => string} configure Its configuration; one server listens there.
 * @param {{ workers?: boolean }} [options] With `workers` it can be told another configuration.
 * @returns {Promise<Engine & { reload: (configure: (address: string) => string) => void }>} What is
 *   under way is finished as before a reload.
 */
export function startNginx(configure, { workers = false } = {}) {
  const program = needed("nginx");
  return attempt(async (port) => {
    const folder = mkdtempSync(join(tmpdir(), "sojourn-nginx-"));
    const file = join(folder, "nginx.conf");
    /** @param {typeof configure} by */
    const write = (by) => writeFileSync(file, `${by(`${HOST}:${port}`).trimEnd()}\n`);
    write(configure);
    // One process, or all as the same: others may not look into the folder.
    const how = workers ? "user root root; worker_processes 2;" : "master_process off;";
    const fixed = ["-e", "stderr", "-g", `daemon off; ${how}`];
    const engine = await start({
      name: "nginx",
      folder,
      port,
      url: `http://${HOST}:${port}`,
      signal: "TERM",
      command: [program, "-p", folder, "-c", file, ...fixed],
    });
    return Object.assign(engine, {
      /** @param {typeof configure} by */
      reload: (by) => {
        write(by);
        process.kill(engine.pid, "SIGHUP");
      },
    });
  });
}
