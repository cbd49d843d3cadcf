import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attempt, HOST, needed, start } from "./process.mjs";

/**
 * Start Caddy.
 *
 * @param {(address: string) => string} configure Its Caddyfile; one site is at the address.
 */
export function startCaddy(configure) {
  const program = needed("caddy");
  return attempt((port) => {
    const folder = mkdtempSync(join(tmpdir(), "sojourn-caddy-"));
    const file = join(folder, "Caddyfile");
    writeFileSync(file, `${configure(`${HOST}:${port}`).trimEnd()}\n`);
    // What it keeps otherwise goes to the home of whoever runs it.
    const home = [`HOME=${folder}`, `XDG_DATA_HOME=${folder}`, `XDG_CONFIG_HOME=${folder}`];
    return start({
      name: "caddy",
      folder,
      port,
      url: `http://${HOST}:${port}`,
      signal: "TERM",
      command: [
        "/usr/bin/env",
        ...home,
        program,
        "run",
        "--adapter",
        "caddyfile",
        "--config",
        file,
      ],
    });
  });
}
