/** `sojourn evidence`: a folder for whoever audits. */
import { writeEvidence } from "../privacy/evidence.ts";
import { EXIT, FailedError, textOption, UsageError } from "./command.ts";
import type { Command } from "./command.ts";
import { withInstallation } from "./context.ts";
import { instantOf, OPERATOR } from "./options.ts";
import { table } from "./output.ts";

const evidence: Command = {
  name: "evidence",
  summary: "Write policy, access, ends, incidents and audit of a period into a folder, signed",
  words: [],
  options: [
    { name: "from", value: "INSTANT", means: "the first one, like 2026-10-01 (required)" },
    { name: "to", value: "INSTANT", means: "before this one (default: now)" },
    { name: "out", value: "FOLDER", means: "a folder that is not there yet (required)" },
  ],
  installation: true,
  details:
    "For audits (SOC 2, ISO 27001) and records under GDPR 30 and 33. It holds names of people and " +
    "no secret. manifest.json has every file's hash and is signed like the audit trail.",
  examples: ["sojourn evidence --from 2026-07-01 --to 2026-10-01 --out evidence-2026-q3"],
  async run(invocation) {
    const from = instantOf(invocation, "from", this.name);
    if (from === undefined) throw new UsageError("--from is missing", this.name);
    const period = { from, to: instantOf(invocation, "to", this.name) ?? Date.now() };
    if (period.from >= period.to) throw new UsageError("--from must be before --to", this.name);
    const folder = textOption(invocation.values, "out");
    if (folder === undefined) throw new UsageError("--out is missing", this.name);
    const config = invocation.config();
    const files = await withInstallation(invocation, async (installation) => {
      const detail = { from: period.from, to: period.to };
      installation.audit.log.note("evidence-written", OPERATOR, { detail });
      try {
        return await writeEvidence(folder, period, config, installation);
      } catch (error) {
        const code = error instanceof Error && "code" in error ? String(error.code) : "";
        if (code === "EEXIST") throw new FailedError(`${folder} is there already; name another`);
        if (/^E(?:NOENT|ACCES|NOSPC|ROFS|PERM)$/.test(code)) {
          throw new FailedError(`cannot write ${folder} (${code})`);
        }
        throw error;
      }
    });
    invocation.output.result({ folder, files }, (paint) =>
      table(
        [
          ["FILE", "BYTES", "SHA-256"],
          ...files.map(({ file, bytes, sha256 }) => [file, String(bytes), sha256]),
        ],
        paint,
      ),
    );
    return EXIT.ok;
  },
};

export const evidenceCommands: readonly Command[] = [evidence];
