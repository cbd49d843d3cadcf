/**
 * The runners of `npm test`: what each one starts and how its outcome is counted. A static check
 * counts as one; a vitest project counts its tests, and running none of them is a failure.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { installExamples } from "./examples.mjs";
import { cleanEnvironment, node, oldestNode, root } from "./setup.mjs";

/**
 * @typedef {object} Outcome
 * @property {number} passed
 * @property {number} failed
 * @property {string[]} notes Shown under the summary, such as the seed of a simulation.
 * @property {string} output Everything the runner printed; shown when something failed.
 *
 * @typedef {object} Runner
 * @property {string} name
 * @property {boolean} needsBuild Left out, and counted as failed, when the build did not pass.
 * @property {() => void} [ahead] Begin what waits for the network, while others compute.
 * @property {(options: { slow: boolean }) => Promise<Outcome>} run
 */

/** Where vitest's JSON reports lie; `coverage-requirements` reads them. Ignored by git. */
export const reports = join(root, ".reports");

const names =
  "unit contract simulation faults abuse differential integration browser console examples";
/** The vitest projects whose tests cite requirements, in the order they run. */
export const projects = names.split(" ");

const TRANSCRIPT_CHARS = 4_000_000;

/**
 * Tests start hundreds of processes of the same few programs. What V8 made of a module is kept
 * here: a service that starts needs a fifth of the processor less, a command a third.
 */
const COMPILED = join(root, "node_modules", ".cache", "node-compile");

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @param {Record<string, string>} [extra] Environment on top of the cleaned one.
 * @returns {Promise<{ code: number, output: string }>}
 */
function capture(program, args, extra = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...cleanEnvironment(), NO_COLOR: "1", NODE_COMPILE_CACHE: COMPILED, ...extra },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const collect = (/** @type {Buffer} */ chunk) => {
      if (output.length < TRANSCRIPT_CHARS) output += chunk.toString();
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    const stop = () => child.kill("SIGTERM");
    process.once("exit", stop);
    child.on("error", reject);
    child.on("close", (code) => {
      process.off("exit", stop);
      resolve({ code: code ?? 1, output });
    });
  });
}

/** @param {string} output */
function notesIn(output) {
  return output.split("\n").filter((line) => /^(note|seed): /.test(line));
}

/**
 * @param {string} name
 * @param {readonly (readonly string[])[]} commands Scripts and arguments, each run by this Node.
 * @returns {Runner}
 */
function check(name, ...commands) {
  return {
    name,
    needsBuild: name === "packages" || name === "api",
    async run() {
      let output = "";
      for (const command of commands) {
        const result = await capture(node, command);
        output += result.output;
        if (result.code !== 0) return { passed: 0, failed: 1, notes: [], output };
      }
      return { passed: 1, failed: 0, notes: notesIn(output), output };
    },
  };
}

/**
 * @typedef {object} Assertion
 * @property {string} fullName
 * @property {string} status
 *
 * @typedef {object} Report The parts of vitest's JSON report that are read here.
 * @property {boolean} success
 * @property {{ name: string, status: string, assertionResults: Assertion[] }[]} testResults
 */

/**
 * @param {string} file
 * @returns {Report | undefined}
 */
export function readReport(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
}

/** A skipped test passes only with its reason in the title: `… (skipped: no IPv6 here)`. */
const EXCUSED = /\(skipped: .{10,}\)/;

/**
 * @param {Report | undefined} report
 * @param {number} code
 */
function judge(report, code) {
  const suites = report?.testResults ?? [];
  const tests = suites.flatMap((suite) => suite.assertionResults);
  const passed = tests.filter((test) => test.status === "passed").length;
  const unexcused = tests.filter(
    (test) => !["passed", "failed"].includes(test.status) && !EXCUSED.test(test.fullName),
  );
  const broken = suites.filter((suite) => suite.status === "failed" && !hasFailure(suite));
  const problems = [
    ...unexcused.map((test) => `skipped without a reason in its title: ${test.fullName}`),
    ...broken.map((suite) => `could not be run: ${suite.name}`),
  ];
  let failed = tests.filter((test) => test.status === "failed").length + problems.length;
  if (passed + failed === 0) problems.push("no test was executed");
  else if (failed === 0 && code !== 0) problems.push(`vitest ended with code ${code}`);
  failed = Math.max(failed, problems.length);
  return { passed, failed, problems };
}

/** @param {Report["testResults"][number]} suite */
function hasFailure(suite) {
  return suite.assertionResults.some((test) => test.status === "failed");
}

/**
 * @param {string} name
 * @param {object} [lane] Several projects under one name, another Node to run them on, only the
 *   tests below folders, or something to be done first, in the environment of this process.
 * @param {readonly string[]} [lane.selected]
 * @param {string} [lane.program]
 * @param {readonly string[]} [lane.folders]
 * @param {readonly string[]} [lane.slowFolders] Those of the long run. Default: `folders`.
 * @param {() => Promise<void>} [lane.first]
 * @returns {Runner}
 */
function vitest(name, lane = {}) {
  const { selected = [name], program = node, folders = [], slowFolders = folders, first } = lane;
  /** @type {Promise<void> | undefined} */
  let begun;
  return {
    name,
    needsBuild: BUILT.includes(name),
    ahead() {
      begun ??= first?.();
      // Whoever waits for it is told.
      begun?.catch(() => undefined);
    },
    async run({ slow }) {
      const file = join(reports, `${name}.json`);
      mkdirSync(reports, { recursive: true });
      rmSync(file, { force: true });
      try {
        await (begun ?? first?.());
      } catch (error) {
        return { passed: 0, failed: 1, notes: [], output: String(error) };
      }
      const chosen = slow ? slowFolders : folders;
      // Vitest says nothing of a filter that matches nothing.
      const gone = chosen.filter((path) => !existsSync(join(root, path)));
      if (gone.length > 0) {
        return { passed: 0, failed: 1, notes: [], output: `there is no ${gone.join(", no ")}` };
      }
      const args = ["node_modules/vitest/vitest.mjs", "run", "--reporter=default"];
      args.push("--reporter=json", `--outputFile.json=${file}`, "--passWithNoTests");
      args.push(...selected.flatMap((project) => ["--project", project]), ...chosen);
      const result = await capture(program, args, slow ? { SOJOURN_SLOW: "1" } : {});
      const { passed, failed, problems } = judge(readReport(file), result.code);
      const output = [result.output, ...problems].join("\n");
      return { passed, failed, notes: notesIn(result.output), output };
    },
  };
}

/** Projects whose tests start what was built. */
const BUILT = "faults integration differential browser console examples tidy".split(" ");

/**
 * What depends on the Node below it: what is pure JavaScript is not run a second time. Of the
 * contract, every store inside the process (`node:sqlite`, timers, streams), and one file through
 * each server's driver (sockets, TLS, crypto). What a server does when it is killed, cut off,
 * replaced or shared is the server's doing, whatever Node asks it; the long run has the whole
 * contract on the oldest Node, too.
 */
const NODE_FOLDERS = [
  ...["platform", "tokens", "stores", "sessions", "adapters", "express-session"].map(
    (folder) => `packages/sojourn/src/${folder}/`,
  ),
  "packages/sojourn-server/",
];
const [inside, servers] = ["memory sqlite near-cache sabotage", "memcached redis postgres-tail"];
const ON_OLDEST_NODE = `${inside} ${servers}`
  .split(" ")
  .map((name) => `tests/contract/${name}.test.ts`);

/** @type {Readonly<Record<string, Parameters<typeof vitest>[1]>>} */
const LANES = {
  abuse: { slowFolders: ["tests/abuse/theft-timing.test.ts"] },
  browser: {
    slowFolders: ["tests/browser/fork-honest.test.ts", "tests/browser/fork-theft.test.ts"],
  },
  examples: { first: installExamples },
};

const bin = "node_modules";
const tsc = `${bin}/typescript/bin/tsc`;

/** In running order: what fails fast and explains the rest comes first. */
export const runners = [
  check("build", [tsc, "-b", "tsconfig.json"], ["tools/console/build.mjs"]),
  check("format", [`${bin}/oxfmt/bin/oxfmt`, "--check"]),
  check("lint", [`${bin}/oxlint/bin/oxlint`]),
  check("types", [tsc, "-b", "tsconfig.checks.json"]),
  check("dead-code", [`${bin}/knip/bin/knip.js`]),
  check("packages", ["tools/packages.mjs"]),
  check("api", ["tools/api-snapshot.mjs", "--check"]),
  check("clients", ["tools/clients.mjs", "--check"]),
  vitest("tidy"),
  ...projects.map((name) => vitest(name, LANES[name])),
  vitest("oldest-node", {
    selected: ["unit", "contract"],
    program: oldestNode,
    folders: [...NODE_FOLDERS, ...ON_OLDEST_NODE],
    slowFolders: [...NODE_FOLDERS, "tests/contract/"],
  }),
  check("requirements", ["tools/coverage-requirements.mjs", "--check"]),
];
