import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attempt, HOST, needed, start } from "./process.mjs";
import { ask } from "./resp.mjs";

/**
 * @typedef {import("./process.mjs").Engine} Engine
 * @typedef {import("./process.mjs").EngineOptions} EngineOptions
 */

/** Start Debian's Redis. Nothing is written to disk. @param {EngineOptions} [options] */
export function startRedis(options = {}) {
  const program = needed("redis-server");
  return attempt((port) => {
    const folder = mkdtempSync(join(tmpdir(), "sojourn-redis-"));
    const fixed = ["--bind", HOST, "--port", String(port), "--dir", folder, "--save", ""];
    // A primary would wait 5 s for more replicas before it sends its data to the first.
    const usual = ["--daemonize", "no", "--repl-diskless-sync-delay", "0"];
    return start({
      name: "redis-server",
      folder,
      port,
      url: `redis://${HOST}:${port}`,
      command: [program, ...fixed, ...usual, ...(options.args ?? [])],
      hello: Buffer.from("PING\r\n"),
      welcome: (answer) => /^(\+PONG|-NOAUTH|-MASTERDOWN)/.test(answer.toString()),
    });
  });
}

/**
 * @param {Engine} replica
 * @returns {Promise<boolean>} whether it has its primary's data and follows it.
 */
export async function follows(replica) {
  return String(await ask(replica, "INFO", "replication")).includes("master_link_status:up");
}
