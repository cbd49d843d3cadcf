import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attempt, HOST, needed, start } from "./process.mjs";

/**
 * Start HAProxy.
 *
 * @param {(address: string) => string} configure Its configuration; one frontend binds the address.
 */
export function startHaproxy(configure) {
  const program = needed("haproxy");
  return attempt((port) => {
    const folder = mkdtempSync(join(tmpdir(), "sojourn-haproxy-"));
    const file = join(folder, "haproxy.cfg");
    writeFileSync(file, `${configure(`${HOST}:${port}`).trimEnd()}\n`);
    return start({
      name: "haproxy",
      folder,
      port,
      url: `http://${HOST}:${port}`,
      signal: "TERM",
      command: [program, "-db", "-f", file],
    });
  });
}
