/** `sojourn audit …`: what happened, and whether anybody has changed what is told of it. */
import { readFileSync, writeFileSync } from "node:fs";
import { FORMATS, lineOf, viewOfEntry } from "../audit/formats.ts";
import type { Format } from "../audit/formats.ts";
import type { SignedStand } from "../audit/signer.ts";
import { ERASED } from "../audit/trail.ts";
import type { ReadEntry, TrailFilter } from "../audit/trail-reader.ts";
import { verifyTrail } from "../audit/verify.ts";
import type { Verification } from "../audit/verify.ts";
import { EXIT, FailedError, textOption, UsageError } from "./command.ts";
import type { Command, Invocation, Option } from "./command.ts";
import { withInstallation } from "./context.ts";
import { instantOf, limitOf, OPERATOR } from "./options.ts";
import { facts, moment, table } from "./output.ts";
import type { Paint } from "./output.ts";

const PAGE = 200;
const LINES_AT_ONCE = 500;

const filterOptions: readonly Option[] = [
  {
    name: "tenant",
    value: "TENANT",
    means: "only this tenant's (default: all, and the service's own)",
  },
  { name: "subject", value: "SUBJECT", means: "only what is about this subject" },
  { name: "session", value: "ID", means: "only what is about this session, ses_…" },
  { name: "name", value: "NAME", means: "only events of this name, like session-ended" },
  { name: "actor", value: "OPERATOR", means: "only what this one did, like key:shop-api" },
  { name: "from", value: "INSTANT", means: "since then, like 2026-11-20 or 2026-11-20T12:00:00Z" },
  { name: "to", value: "INSTANT", means: "before then" },
];

function filterOf(invocation: Invocation, command: string): TrailFilter {
  const { values } = invocation;
  return {
    tenant: textOption(values, "tenant"),
    subject: textOption(values, "subject"),
    session: textOption(values, "session"),
    name: textOption(values, "name"),
    actor: textOption(values, "actor"),
    from: instantOf(invocation, "from", command),
    to: instantOf(invocation, "to", command),
  };
}

const list: Command = {
  name: "audit list",
  summary: "List audit entries, newest first",
  words: [],
  options: [
    ...filterOptions,
    { name: "limit", value: "N", means: "at most so many (default: 50)" },
  ],
  installation: true,
  examples: [
    "sojourn audit list --subject alice",
    "sojourn audit list --name session-ended --json",
  ],
  async run(invocation) {
    const filter = filterOf(invocation, this.name);
    const limit = limitOf(invocation, this.name);
    const items = await withInstallation(invocation, async ({ control }) => {
      const found: ReadEntry[] = [];
      let before: number | undefined;
      do {
        const wanted = Math.min(PAGE, limit - found.length);
        const page = await control.trailReader.page(filter, wanted, before);
        found.push(...page.items);
        before = page.next;
      } while (before !== undefined && found.length < limit);
      return found;
    });
    invocation.output.result({ items: items.map(viewOfEntry) }, (paint) => listText(items, paint));
    return EXIT.ok;
  },
};

function listText(items: readonly ReadEntry[], paint: Paint): string {
  if (items.length === 0) return "No entries.";
  const rows = items.map((item) => [
    String(item.seq),
    moment(item.at),
    item.name,
    item.tenant,
    item.erased === true ? "(erased)" : (item.subject ?? "-"),
    item.actor ?? "(erased)",
    [item.reason, item.cause].filter((word) => word !== undefined).join(", ") || "-",
    item.tampered === true ? "TAMPERED" : "",
  ]);
  const titles = ["SEQ", "AT", "NAME", "TENANT", "SUBJECT", "OPERATOR", "WHY", ""];
  return table([titles, ...rows], paint);
}

const exportCommand: Command = {
  name: "audit export",
  summary: "Write all entries that match, oldest first, one on a line",
  words: [],
  options: [
    ...filterOptions,
    { name: "format", value: "FORMAT", means: `${FORMATS.join(" or ")} (default: ndjson)` },
  ],
  installation: true,
  details: "With --json the format is ndjson. That it was exported is an entry itself.",
  examples: [
    "sojourn audit export --from 2026-01-01 > audit.ndjson",
    "sojourn audit export --tenant acme --format cef > audit.cef",
  ],
  async run(invocation) {
    const filter = filterOf(invocation, this.name);
    const format: Format | undefined = FORMATS.find(
      (one) => one === (textOption(invocation.values, "format") ?? "ndjson"),
    );
    if (format === undefined) {
      throw new UsageError(`--format: accepted: ${FORMATS.join(", ")}`, this.name);
    }
    await withInstallation(invocation, async ({ control, audit }) => {
      audit.log.note("audit-exported", OPERATOR, { detail: { format } }, filter.tenant);
      let lines: string[] = [];
      for await (const entry of control.trailReader.entries(filter)) {
        lines.push(lineOf(entry, format));
        if (lines.length < LINES_AT_ONCE) continue;
        invocation.output.lines(lines);
        lines = [];
      }
      invocation.output.lines(lines);
    });
    return EXIT.ok;
  },
};

const verify: Command = {
  name: "audit verify",
  summary: "Check every row of the trail; name the first that was tampered with",
  words: [],
  options: [
    {
      name: "checkpoint",
      value: "FILE",
      means: "a checkpoint kept elsewhere: the trail must still lead through it",
    },
  ],
  installation: true,
  details:
    "Checks that no row was changed, removed, inserted or reordered, that the head and the " +
    "checkpoints are signed with a secret of this installation, and that what is missing of " +
    "people was erased by an entry. A trail that was put back as a whole to an earlier state is " +
    "found with --checkpoint only.",
  exits: "0 nothing was found, 1 something was, or it could not be checked, 2 wrong usage.",
  examples: ["sojourn audit verify", "sojourn audit verify --checkpoint /media/kept/audit.json"],
  async run(invocation) {
    const kept = keptCheckpoint(textOption(invocation.values, "checkpoint"), this.name);
    const result = await withInstallation(invocation, ({ control }) =>
      verifyTrail(control.trailReader, kept),
    );
    invocation.output.result(result, (paint) => verdict(result, paint));
    return result.ok ? EXIT.ok : EXIT.failed;
  },
};

function keptCheckpoint(path: string | undefined, command: string): SignedStand | undefined {
  if (path === undefined) return undefined;
  const accepted = "--checkpoint: a file that sojourn audit checkpoint wrote";
  let value: Partial<SignedStand>;
  try {
    value = JSON.parse(readFileSync(path, "utf8")) as Partial<SignedStand>;
  } catch {
    throw new UsageError(`${accepted}; ${path} cannot be read as one`, command);
  }
  const { chain, anchorHash, hash, kid, signature, anchorSeq, seq, at } = value;
  const texts = [chain, anchorHash, hash, kid, signature].every((one) => typeof one === "string");
  const numbers = [anchorSeq, seq, at].every((one) => Number.isSafeInteger(one));
  if (texts && numbers) return value as SignedStand;
  throw new UsageError(`${accepted}; ${path} is none`, command);
}

function verdict(result: Verification, paint: Paint): string {
  const { problem, rows, from, to, erased, checkpoints, unknownCheckpoints } = result;
  const checked = facts(
    [
      ["Rows checked", rows === 0 ? "0" : `${rows} (${from} to ${to})`],
      ["Erased", erased === 0 ? undefined : `${erased} tell no more whom they were about`],
      ["Checkpoints", `${checkpoints} proved`],
      ["", unknownCheckpoints === 0 ? undefined : `${unknownCheckpoints} by a secret not here`],
      ["First wrong row", problem === undefined ? undefined : String(problem.seq)],
      ["Its id", problem?.id],
    ],
    paint,
  );
  if (problem === undefined) return `${paint.good("The trail is whole.")}\n${checked}`;
  return `${paint.bad(`Tampered with (${problem.finding}): ${problem.says}.`)}\n${checked}`;
}

const checkpoint: Command = {
  name: "audit checkpoint",
  summary: "Print where the chain stands, signed, to be kept elsewhere",
  words: [],
  options: [{ name: "out", value: "FILE", means: "write it there instead; never over a file" }],
  installation: true,
  details:
    "Keep it where nobody who can write the database can: `sojourn audit verify --checkpoint` " +
    "then finds a tail that was cut off, and a trail that was put back.",
  examples: ["sojourn audit checkpoint --out /media/kept/audit-2026-11-20.json"],
  async run(invocation) {
    const { stand, publicKeys } = await withInstallation(invocation, async ({ control }) => ({
      stand: await control.trail.head(),
      publicKeys: control.trailReader.signer.publicKeys(),
    }));
    const publicKey = publicKeys.find(({ kid }) => kid === stand.kid)?.pem;
    if (publicKey === undefined) {
      throw new FailedError(
        "the head is signed by no secret of this installation; verify it first",
      );
    }
    const text = JSON.stringify({ ...stand, publicKey }, null, 2);
    const path = textOption(invocation.values, "out");
    if (path === undefined) {
      invocation.output.result({ ...stand, publicKey }, () => text);
      return EXIT.ok;
    }
    try {
      writeFileSync(path, `${text}\n`, { flag: "wx" });
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      throw new FailedError(`cannot write ${path} (${code})`);
    }
    invocation.output.result({ seq: stand.seq, file: path }, () => `Row ${stand.seq}: ${path}`);
    return EXIT.ok;
  },
};

const erase: Command = {
  name: "audit erase",
  summary: "Forget a subject in every entry; the chain stays valid",
  words: ["SUBJECT"],
  options: [
    { name: "tenant", value: "TENANT", means: 'whose subject (default: "default")' },
    { name: "cause", value: "TEXT", means: "why, for the record; name nobody in it" },
  ],
  installation: true,
  details:
    "That, when and in which tenant something happened stays; whom it was about, from where and " +
    "every detail is gone, and so is the subject as an actor. End the sessions first.",
  examples: ["sojourn audit erase alice --cause gdpr_17"],
  async run(invocation) {
    const [subject = ""] = invocation.words;
    const tenant = textOption(invocation.values, "tenant") ?? "default";
    const cause = textOption(invocation.values, "cause");
    const done = await withInstallation(invocation, ({ control, audit }) =>
      control.trail.erase(tenant, subject, (ref) => {
        const about = { ...(cause === undefined ? {} : { cause }), detail: { ref } };
        return audit.log.entry(ERASED, OPERATOR, about, tenant);
      }),
    );
    if (!done) throw new FailedError("no entry is about this subject, or all are erased");
    invocation.output.result({ erased: true, tenant }, () => "Erased.");
    return EXIT.ok;
  },
};

export const auditCommands: readonly Command[] = [list, exportCommand, verify, checkpoint, erase];
