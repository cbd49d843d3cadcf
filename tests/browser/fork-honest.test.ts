/**
 * What honest people do with a browser raises no alarm, however the rotation falls. `SOJOURN_SEED`
 * draws the same rows and pauses again; `SOJOURN_SLOW` goes through 10 000 page loads.
 */
import { randomInt } from "node:crypto";
import { env } from "node:process";
import { SeededRandom } from "sojourn/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeCertificate } from "./support/certificate.ts";
import { ask, Person, post } from "./support/fork-browser.ts";
import { HONEST } from "./support/fork-rows.ts";
import type { Stage } from "./support/fork-rows.ts";
import { startForkSite } from "./support/fork-site.ts";
import type { ForkSite } from "./support/fork-site.ts";

const seed = Number(env["SOJOURN_SEED"] ?? randomInt(2 ** 32));
const slow = env["SOJOURN_SLOW"] === "1";
const LOADS = slow ? 10_000 : 30;
const LOADS_TOLD = 500;
const STEPS: readonly [number, number] = slow ? [15, 45] : [2, 6];
const LONG_MS = 1_800_000;
/** Rows that start a browser, or take seconds otherwise, are drawn less often. */
const DRAWN: Readonly<Record<string, number>> = {
  "parallel tabs": 40,
  "a crash of the browser, and its restoration": 3,
  prerendering: 3,
  "200 parallel fetches during a rotation": 4,
};
const OTHERWISE_DRAWN = 12;

const certificate = makeCertificate();
let stage: Stage;
let site: ForkSite;

beforeAll(async () => {
  console.log(`seed: ${seed} (SOJOURN_SEED)`);
  site = await startForkSite(certificate);
  const person = new Person(certificate.trustedKey);
  stage = { site, person, random: new SeededRandom(seed), steps: STEPS };
  await person.start();
  const page = await person.context.newPage();
  await page.goto(site.url("/plain"));
  await post(page, "/login");
});

afterAll(async () => {
  await stage?.person.stop();
  await site?.close();
});

function confirmed(): number {
  return site.named("session-rotated").filter(({ how }) => how === "confirmed").length;
}

const ALARMS = ["token-fork", "session-ended", "session-locked", "generation-ahead"] as const;

/** One row: a rotation takes place, nobody is alarmed, and the person stays signed in. */
async function go(name: string): Promise<void> {
  const before = confirmed();
  await HONEST[name]?.(stage);
  expect(confirmed(), name).toBeGreaterThan(before);
  expect(
    ALARMS.flatMap((alarm) => site.named(alarm)),
    name,
  ).toEqual([]);
  const [page] = stage.person.context.pages();
  expect(page === undefined ? [] : await ask(page)).toMatchObject([{ subject: "alice" }]);
}

describe("rotation in Chromium raises no alarm through", () => {
  const names = Object.keys(HONEST);

  it.each(names)("[TO-08] %s", go);

  it(
    `all of these in any order: ${LOADS} page loads`,
    async () => {
      const urn = names.flatMap((name) =>
        Array.from({ length: DRAWN[name] ?? OTHERWISE_DRAWN }, () => name),
      );
      const began = { loads: site.counts.loads, rotations: confirmed(), at: performance.now() };
      const rows = new Map<string, number>();
      for (let told = 0; site.counts.loads - began.loads < LOADS;) {
        const name = stage.random.pick(urn);
        await go(name);
        rows.set(name, (rows.get(name) ?? 0) + 1);
        const loads = site.counts.loads - began.loads;
        if (loads - told < LOADS_TOLD) continue;
        told = loads;
        console.log(`${loads} page loads, ${confirmed() - began.rotations} rotations`);
      }
      const seconds = Math.round((performance.now() - began.at) / 1_000);
      const { loads, answered, prerendered, activated } = site.counts;
      console.log(
        `note: ${loads - began.loads} page loads, ${answered} requests, ` +
          `${confirmed() - began.rotations} rotations, 0 alarms in ${seconds} s`,
      );
      console.log(`note: ${prerendered} requests while prerendering, ${activated} pages activated`);
      for (const [name, count] of rows) console.log(`note: ${count} x ${name}`);
    },
    LONG_MS,
  );
});
