/**
 * Copies of the library, each with one guard taken out, for the simulation to find.
 *
 *   node tests/simulation/mutants.mjs            every mutant; each must fail
 *   node tests/simulation/mutants.mjs --none     the library as it is, by the same road
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { argv, execPath } from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const LIBRARY = "packages/sojourn";
const library = join(here, "../..", LIBRARY);

/**
 * @typedef {object} Mutant
 * @property {string} guard What is taken out.
 * @property {string} file Below the library's `src`.
 * @property {string} from Text that occurs exactly once.
 * @property {string} to
 * @property {string} scenario The one that is to find it.
 * @property {string | readonly string[]} finds How the failure begins, or a part of it; or any of
 *   several, where what is seen first depends on the seed.
 * @property {string} [steps] Where it takes longer than a run of the scenario.
 * @property {boolean} [quick] Also hunted where there is little time.
 */

/** @type {readonly Mutant[]} */
export const MUTANTS = [
  {
    guard: "replace compares the version",
    file: "stores/memory-writes.ts",
    from: 'if (stored.record.version !== expectedVersion) return "conflict";',
    to: "",
    scenario: "quiet",
    finds: "lost decision",
    quick: true,
  },
  {
    guard: "a data write compares the version it was made on",
    file: "engine/merge.ts",
    from: "expectedVersion !== undefined && expectedVersion !== dataVersion",
    to: "false",
    scenario: "quiet",
    finds: "I4: counter",
  },
  {
    guard: "a data write is update-if-live",
    file: "stores/memory-writes.ts",
    from: 'if (row === undefined || !isWritable(row)) return { outcome: "gone" };',
    to: 'if (row === undefined) return { outcome: "gone" };',
    scenario: "quiet",
    finds: "I1: patchData wrote",
    quick: true,
  },
  {
    guard: "revoke keeps the first end",
    file: "stores/memory-writes.ts",
    from: "if (record.end !== undefined) {",
    to: "if (record.end?.at === 0) {",
    scenario: "quiet",
    finds: "ending an ended session",
  },
  {
    guard: "no branch while the successor may be under way",
    file: "engine/rotation.ts",
    from: "return now - pending.sentAt <= 3 * policy.transitMs + SENT_EVERY_MS;",
    to: "return false;",
    scenario: "tabs",
    finds: "false alarm: token-fork",
  },
  {
    guard: "the previous token is served within its grace",
    file: "engine/rotation.ts",
    from: "if (now <= previous.graceUntil) return SERVE;",
    to: "",
    scenario: "quiet",
    finds: "false alarm: token-fork",
  },
  {
    guard: "a copied token is noticed when it comes back",
    file: "engine/rotation.ts",
    from: "record.seenAt <= rotation.confirmedAt + flushMs",
    to: "record.seenAt <= Infinity",
    scenario: "thief",
    finds: "used unnoticed",
  },
  {
    guard: "touch is max-merged",
    file: "engine/merge.ts",
    from: "const seenAt = Math.max(record.seenAt, touch.seenAt ?? record.seenAt);",
    to: "const seenAt = touch.seenAt ?? record.seenAt;",
    scenario: "storm",
    finds: "turned the last activity back",
  },
  {
    guard: "urgent touches are written through",
    file: "engine/session.ts",
    from: "record.seenAt + record.idleMs - now <= policy.touchEveryMs + lagMs",
    to: "record.idleMs === 0",
    scenario: "quiet",
    finds: "I6: ended",
  },
  {
    guard: "create refuses an epoch that is stale",
    file: "stores/memory-writes.ts",
    from: 'if (epoch > subjectEpoch) return { outcome: "stale-epoch", epoch };',
    to: "",
    scenario: "quiet",
    finds: "slipped through a revoke-all",
  },
  {
    guard: "extending leaves the absolute end alone",
    file: "engine/merge.ts",
    from: "if (!resent) return seenAt === record.seenAt ? record : { ...record, seenAt };",
    to: "if (!resent) return { ...record, seenAt, absoluteExpiresAt: seenAt + 600_000 };",
    scenario: "quiet",
    finds: "I11: touch moved the absolute end",
  },
  {
    guard: "login reads the old session's data after its end",
    file: "sessions/login.ts",
    from: "const frozen = await core.load(from.record);",
    to: "const frozen = from;",
    scenario: "quiet",
    finds: "I4",
    quick: true,
  },
  {
    guard: "the limit counts every live session",
    file: "stores/memory-writes.ts",
    from: "if (isLiveRow(row, now)) rows.set(row.stored.record.id, row);",
    to: "if (rows.size === 0 && isLiveRow(row, now)) rows.set(row.stored.record.id, row);",
    scenario: "quiet",
    finds: "limit:",
  },
  {
    guard: "a sweep tells of each end",
    file: "sessions/sweeper.ts",
    from: "announceEnds(this.#core, sessions);",
    to: "",
    scenario: "quiet",
    finds: "ended without a session-ended event",
  },
  {
    guard: "a near-cache forgets what the tail says has changed",
    file: "stores/near-cache.ts",
    from: 'if (change.kind === "session") this.#drop(change.ref.id);',
    to: 'if (change.kind === "session") return;',
    scenario: "near",
    finds: ["no write left there", "was acknowledged"],
    quick: true,
  },
  {
    guard: "a near-cache does not keep a read that a change overtook",
    file: "stores/near-cache.ts",
    from: "if (flight.doomed || flight.guard !== this.#guard) return;",
    to: "if (flight.guard !== this.#guard) return;",
    scenario: "near",
    finds: "was acknowledged",
  },
  {
    guard: "a near-cache does not keep a read that a subject's end or a gap overtook",
    file: "stores/near-cache.ts",
    from: "if (flight.doomed || flight.guard !== this.#guard) return;",
    to: "if (flight.doomed) return;",
    scenario: "near",
    finds: "was acknowledged",
  },
  {
    guard: "a near-cache forgets all sessions of a subject",
    file: "stores/near-cache.ts",
    from: "this.#invalidations += this.#shelf.dropSubject(tenant, subject);",
    to: "",
    scenario: "near",
    finds: "was acknowledged",
  },
  {
    guard: "a near-cache answers only what was proven fresh",
    file: "stores/near-cache.ts",
    from: "this.#monotonic() - this.#provenAt >= boundMs ||",
    to: "",
    scenario: "near",
    finds: ["was acknowledged", "no write left there"],
    quick: true,
  },
  {
    guard: "a process reads its own writes",
    file: "stores/near-cache.ts",
    from: "for (const { id } of refs) this.#drop(id);",
    to: "",
    scenario: "near",
    finds: "was acknowledged",
  },
  {
    guard: "a near-cache forgets everything at a gap",
    file: "stores/near-cache.ts",
    from: "this.#invalidations += this.#shelf.clear();",
    to: "",
    scenario: "near",
    // Which shows first is the seed's luck: data nobody wrote, or a session after its end.
    finds: ["no write left there", "was acknowledged"],
  },
  {
    guard: "what was acknowledged is written again after a failover",
    file: "sessions/keeper.ts",
    from: "if (changed) await this.#replay();",
    to: "",
    scenario: "replay",
    finds: ["was told", "whose end", "did not list"],
    quick: true,
  },
  {
    guard: "a session is noted when its opening was acknowledged",
    file: "sessions/keeper.ts",
    from: "this.#outbox.opened(created, options.data ?? {}, created.epoch);",
    to: "",
    scenario: "replay",
    finds: ["was told", "did not list"],
  },
  {
    guard: "an end is noted where it was acknowledged",
    file: "sessions/keeper.ts",
    from: "this.#outbox.ended(ref, result.end ?? end, until);",
    to: "",
    scenario: "replay",
    finds: "whose end",
  },
  {
    guard: "an absent session is trouble while somebody may write it again",
    file: "sessions/keeper.ts",
    from: "return stored ?? this.#requireSettled(ref);",
    to: "return stored;",
    scenario: "replay",
    steps: "20000",
    finds: "was told",
  },
];

/**
 * Lay out a copy of the library and of the simulation, so that `sojourn` is that copy's sources.
 *
 * @returns {string} the folder.
 */
export function stage() {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-mutants-"));
  const copy = join(folder, LIBRARY);
  const tests = join(folder, "tests");
  cpSync(join(library, "src"), join(copy, "src"), { recursive: true });
  const manifest = readFileSync(join(library, "package.json"), "utf8");
  const sources = manifest.replaceAll(/\.\/dist\/([\w/-]+)\.js/g, "./src/$1.ts");
  writeFileSync(join(copy, "package.json"), sources);
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(copy, join(folder, "node_modules/sojourn"), "dir");
  for (const name of ["simulation", "faults", "support"]) {
    cpSync(join(here, "..", name), join(tests, name), { recursive: true });
  }
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  return folder;
}

/**
 * @param {string} folder A stage.
 * @param {readonly string[]} args Seed, steps, scenario.
 */
function simulate(folder, args) {
  const script = join(folder, "tests/simulation/run.ts");
  const ran = spawnSync(execPath, [script, ...args], { encoding: "utf8" });
  return { failed: ran.status !== 0, output: `${ran.stdout}${ran.stderr}` };
}

/**
 * Why the text to replace is not there exactly once, or `undefined`.
 *
 * @param {Mutant} mutant
 */
export function misfit({ file, from }) {
  const text = readFileSync(join(library, "src", file), "utf8");
  const count = text.split(from).length - 1;
  return count === 1 ? undefined : `${file} has ${count} times: ${from}`;
}

/**
 * Take one guard out of a staged copy, simulate, put it back.
 *
 * @param {string} folder
 * @param {Mutant} mutant
 * @param {number} seed
 * @returns {{ found: boolean, message: string }}
 */
export function hunt(folder, mutant, seed) {
  const path = join(folder, LIBRARY, "src", mutant.file);
  const original = readFileSync(path, "utf8");
  writeFileSync(
    path,
    original.replace(mutant.from, () => mutant.to),
  );
  try {
    const { failed, output } = simulate(folder, [
      String(seed),
      mutant.steps ?? "",
      mutant.scenario,
    ]);
    const message = output.split("\n").slice(0, 2).join(" · ");
    return {
      found: failed && [mutant.finds].flat().some((text) => output.includes(text)),
      message,
    };
  } finally {
    writeFileSync(path, original);
  }
}

function main() {
  const folder = stage();
  try {
    if (argv.includes("--none")) {
      const { output } = simulate(folder, argv.slice(3));
      console.log(output.trim());
      return;
    }
    for (const mutant of MUTANTS) {
      const { found, message } = hunt(folder, mutant, 1);
      if (!found) process.exitCode = 1;
      console.log(`${found ? "found" : "MISSED"}  ${mutant.guard}\n        ${message}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) main();
