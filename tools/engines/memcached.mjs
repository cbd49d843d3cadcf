import { mkdtempSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { attempt, HOST, needed, start } from "./process.mjs";

/** Start Memcached, with 64 MiB. @param {import("./process.mjs").EngineOptions} [options] */
export function startMemcached(options = {}) {
  const program = needed("memcached");
  return attempt((port) => {
    // As root it wants to be told that this is meant.
    const fixed = ["-l", HOST, "-p", String(port), "-u", userInfo().username];
    return start({
      name: "memcached",
      folder: mkdtempSync(join(tmpdir(), "sojourn-memcached-")),
      port,
      url: `memcached://${HOST}:${port}`,
      command: [program, ...fixed, ...(options.args ?? [])],
      hello: Buffer.from("version\r\n"),
      welcome: (answer) => answer.toString().startsWith("VERSION"),
    });
  });
}
