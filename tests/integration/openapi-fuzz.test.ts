/**
 * Every operation of the running service's own OpenAPI document, called with generated input: as
 * the document has it, nearly so, and meant badly. An operation that is new is covered by itself.
 * `SOJOURN_SEED` draws the same again; `SOJOURN_SLOW` takes longer.
 */
import { randomInt } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { hostileCall, validCall } from "../support/openapi/calls.ts";
import type { Call } from "../support/openapi/calls.ts";
import { nameOf } from "../support/openapi/document.ts";
import type { Route } from "../support/openapi/document.ts";
import { EVERYTHING, Explorer } from "../support/openapi/explorer.ts";
import type { Counts } from "../support/openapi/explorer.ts";
import { producersOf } from "../support/openapi/pool.ts";

const { env } = process;
const seed = Number(env["SOJOURN_SEED"] ?? randomInt(2 ** 31));
const SLOW = env["SOJOURN_SLOW"] === "1";
const ROUNDS = SLOW ? 8 : 1;
/** Calls of each operation in a round; each run draws others. What is turned off answers 404. */
const DRAWS = SLOW ? { valid: 6, hostile: 14 } : { valid: 4, hostile: 10 };
const DRAWS_BARE = SLOW ? DRAWS : { valid: 2, hostile: 5 };
/** More of them for an operation that has refused nothing. */
const REFUSALS_MAX = 100;
const TEST_MS_MAX = SLOW ? 1_800_000 : 300_000;

/** Operations that generated input cannot bring to a good answer, and what does so instead. */
const UNREACHED: Readonly<Record<string, string>> = {
  "POST /dbsc/register": "wants a proof by a new key: service-dbsc.test.ts",
  "POST /dbsc/refresh": "wants a proof by the bound key: service-dbsc.test.ts",
};
/** Operations that refuse nothing. */
const UNREFUSING: Readonly<Record<string, string>> = {
  "GET /": "takes no input",
  "GET /openapi.json": "takes no input",
  "GET /healthz": "takes no input",
  "GET /readyz": "takes no input",
  "GET /.well-known/device-bound-sessions": "takes no input",
  "GET /.well-known/jwks.json": "takes no input",
  "GET /.well-known/oauth-authorization-server": "takes no input",
};

describe.each([
  ["everything turned on", EVERYTHING],
  ["as little as possible", {}],
] as const)("the service with %s", (_name, settings) => {
  const draws = settings === EVERYTHING ? DRAWS : DRAWS_BARE;
  let explorer: Explorer;

  beforeAll(async () => {
    explorer = await Explorer.start({ env: settings, seed });
  }, TEST_MS_MAX);

  afterAll(async () => {
    await explorer.stop();
  });

  /** One property of one draw of calls; when it fails it is told short. */
  async function hold(calls: fc.Arbitrary<Call>, draw: number, numRuns: number): Promise<void> {
    const property = fc.asyncProperty(calls, async (call) => void (await explorer.judged(call)));
    await fc.assert(property, {
      seed: seed + draw,
      numRuns,
      asyncReporter: async ({ failed, errorInstance, counterexamplePath }) => {
        if (!failed) return;
        const why = errorInstance instanceof Error ? errorInstance.message : "nothing was drawn";
        throw new Error(`(${counterexamplePath}) ${why}`, { cause: errorInstance });
      },
    });
  }

  async function fuzz(route: Route, round: number): Promise<void> {
    const place = explorer.placeOf(route);
    const valid = validCall(route, place);
    const before = producersOf(route, explorer.routes);
    for (let draw = 0; draw < draws.valid; draw += 1) {
      await explorer.fresh();
      const other = before[(draw + round) % before.length];
      // Half of them meet something that another operation has just changed.
      if (draw % 2 === 1 && other !== undefined) await explorer.judged(explorer.draw(other));
      await hold(valid, round * draws.valid + draw, 1);
    }
    await explorer.fresh();
    await hold(hostileCall(route, place), round, draws.hostile);
  }

  async function isRefused(route: Route): Promise<boolean> {
    const refused = (): boolean => (explorer.counts.get(nameOf(route))?.refused ?? 0) > 0;
    const calls = hostileCall(route, explorer.placeOf(route));
    for (const call of fc.sample(calls, { seed, numRuns: REFUSALS_MAX })) {
      if (refused()) return true;
      await explorer.judged(call);
    }
    return refused();
  }

  it(
    "answers every operation soundly, whatever is sent",
    async () => {
      onTestFailed(() => console.log(`seed: ${seed} (SOJOURN_SEED)`));
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const route of explorer.routes) await fuzz(route, round);
      }
      const { logs } = explorer.service;
      expect(logs.filter((line) => line.includes("request failed"))).toEqual([]);
    },
    TEST_MS_MAX,
  );

  it(
    "comes to a good answer and to a refusal of each, where nothing is turned off",
    async () => {
      onTestFailed(() => console.log(`seed: ${seed} (SOJOURN_SEED)`));
      const { counts } = explorer;
      // What is off answers nothing but 404: the first test held it to that.
      const routes = settings === EVERYTHING ? explorer.routes : [];
      const missed: string[] = [];
      for (const route of routes.filter((one) => !(nameOf(one) in UNREACHED))) {
        const reached = counts.get(nameOf(route))?.good ?? 0;
        if (reached === 0 && (await explorer.reach(route)) === undefined)
          missed.push(nameOf(route));
      }
      const unrefused: string[] = [];
      for (const route of routes.filter((one) => !(nameOf(one) in UNREFUSING))) {
        if (!(await isRefused(route))) unrefused.push(nameOf(route));
      }
      expect({ missed, unrefused }).toEqual({ missed: [], unrefused: [] });
      if (routes.length > 0) console.log(`seed: ${seed}\n${table(counts)}`);
    },
    TEST_MS_MAX,
  );
});

function table(counts: ReadonlyMap<string, Counts>): string {
  const rows = [...counts].map(([name, { calls, good, refused }]) =>
    [name.padEnd(48), ...[calls, good, refused].map((one) => String(one).padStart(7))].join(""),
  );
  return [`${"operation".padEnd(48)}  calls   good refused`, ...rows].join("\n");
}
