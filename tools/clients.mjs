/**
 * Write the clients of the Backend API from the service's own OpenAPI document: TypeScript in
 * `packages/sojourn-client/src/backend`, Python in `clients/python`. `--check` only compares.
 * It reads the document of the built service: npm run build first.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, exit } from "node:process";
import { planOf } from "./clients/plan.mjs";
import { renderPython } from "./clients/python.mjs";
import { renderTypes, renderOperations } from "./clients/typescript.mjs";
import { root, run } from "./setup.mjs";

/** @returns {Promise<import("./clients/plan.mjs").Document>} */
async function readDocument() {
  const built = join(root, "packages/sojourn-server/dist");
  const { readConfig } = await import(join(built, "config/config.js"));
  const { createLog } = await import(join(built, "api/log.js"));
  const { startService } = await import(join(built, "main/service.js"));
  const place = mkdtempSync(join(tmpdir(), "sojourn-clients-"));
  const env = {
    SOJOURN_SECRETS: randomBytes(32).toString("base64url"),
    SOJOURN_STORE: "memory:",
    SOJOURN_PORT: "0",
    SOJOURN_METRICS_PORT: "0",
    SOJOURN_AUDIT_SPOOL: join(place, "spool"),
  };
  const log = createLog("error", { write: (/** @type {string} */ line) => console.error(line) });
  const service = await startService(readConfig({ flags: {}, env }), log);
  try {
    const answer = await fetch(`${service.url}/openapi.json`);
    return /** @type {import("./clients/plan.mjs").Document} */ (await answer.json());
  } finally {
    await service.stop();
    rmSync(place, { recursive: true, force: true });
  }
}

/**
 * As the formatter of the repository has it.
 *
 * @param {string} text
 */
async function formatted(text) {
  const place = mkdtempSync(join(root, "node_modules", ".clients-"));
  try {
    const file = join(place, "text.ts");
    writeFileSync(file, text);
    const command = join(root, "node_modules/oxfmt/bin/oxfmt");
    const code = await run(process.execPath, [command, "-c", join(root, ".oxfmtrc.json"), file]);
    if (code !== 0) throw new Error("oxfmt refused what was generated");
    return readFileSync(file, "utf8");
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

const plan = planOf(await readDocument());
const python = join(root, "clients/python/sojourn.py");
const typescript = join(root, "packages/sojourn-client/src/backend");
const files = [
  [join(typescript, "types.ts"), await formatted(renderTypes(plan))],
  [join(typescript, "operations.ts"), await formatted(renderOperations(plan))],
  [python, renderPython(plan, readFileSync(python, "utf8"))],
];
const stale = files.filter(([path = "", text]) => readFileSync(path, "utf8") !== text);
if (argv.includes("--check")) {
  for (const [path] of stale) console.error(`${path} is not what the service says of itself.`);
  if (stale.length > 0) console.error("Write the clients anew: npm run clients, and commit them.");
  exit(stale.length === 0 ? 0 : 1);
}
for (const [path = "", text = ""] of stale) {
  writeFileSync(path, text);
  console.log(`Wrote ${path}`);
}
exit(0);
