import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attempt, HOST, needed, start } from "./process.mjs";

/**
 * Start Prometheus.
 *
 * @param {readonly string[]} targets `HOST:PORT` of what it scrapes, once a second.
 * @param {readonly string[]} [rules] Absolute paths of files of rules.
 */
export function startPrometheus(targets, rules = []) {
  const program = needed("prometheus");
  return attempt((port) => {
    const folder = mkdtempSync(join(tmpdir(), "sojourn-prometheus-"));
    const file = join(folder, "prometheus.yml");
    // JSON is YAML, too.
    const configuration = {
      global: { scrape_interval: "1s", evaluation_interval: "1s" },
      rule_files: rules,
      scrape_configs: [{ job_name: "sojourn", static_configs: [{ targets }] }],
    };
    writeFileSync(file, JSON.stringify(configuration));
    return start({
      name: "prometheus",
      folder,
      port,
      url: `http://${HOST}:${port}`,
      signal: "TERM",
      command: [
        program,
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=${HOST}:${port}`,
        "--log.level=error",
      ],
    });
  });
}
