/**
 * What gives a copied cookie away, and what comes of it: Chromium is the owner. `SOJOURN_SEED`
 * draws the same thefts again; `SOJOURN_SLOW` has more of them.
 */
import { randomInt } from "node:crypto";
import { env } from "node:process";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { SeededRandom } from "sojourn/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeCertificate } from "./support/certificate.ts";
import { launchChromium, soon } from "./support/chromium.ts";
import { ask, post } from "./support/fork-browser.ts";
import type { Answer } from "./support/fork-browser.ts";
import {
  FLUSH_MS,
  GRACE_MS,
  POLICY,
  ROTATION_MS,
  startForkSite,
  TRANSIT_MS,
} from "./support/fork-site.ts";
import type { ForkSite } from "./support/fork-site.ts";
import { Thief } from "./support/thief.ts";

const seed = Number(env["SOJOURN_SEED"] ?? randomInt(2 ** 32));
const RUNS = env["SOJOURN_SLOW"] === "1" ? 40 : 3;
const LONG_MS = 600_000;
const SECOND = 1_000;
const OTHER_BROWSER = "Mozilla/5.0 (X11) Other/1.0";

const certificate = makeCertificate();
let browser: Browser;
let site: ForkSite;
let owner: BrowserContext;
let page: Page;

interface Holder {
  use(): Promise<Answer>;
}

beforeAll(async () => {
  browser = await launchChromium({ trustedKey: certificate.trustedKey });
});

beforeEach(async () => {
  await begin();
});

afterEach(end);

afterAll(() => browser?.close());

const endings: (() => unknown)[] = [];

/** The owner signs in. */
async function begin(policy: object = POLICY): Promise<void> {
  site = await startForkSite(certificate, { ...POLICY, ...policy });
  owner = await browser.newContext();
  page = await owner.newPage();
  await page.goto(site.url());
  await post(page, "/login");
  endings.push(() => owner.close());
}

async function end(): Promise<void> {
  for (const run of endings.splice(0)) await run();
  await site.close();
}

function holderOf(page: Page): Holder {
  return { use: async () => (await ask(page))[0] ?? { subject: null, state: "none" } };
}

async function inProfile(userAgent?: string): Promise<Holder> {
  const context = await browser.newContext(userAgent === undefined ? {} : { userAgent });
  endings.push(() => context.close());
  await context.addCookies(await owner.cookies());
  const copy = await context.newPage();
  await copy.goto(site.url("/plain"));
  return holderOf(copy);
}

async function inProgram(userAgent: string): Promise<Holder> {
  const [cookie] = await owner.cookies();
  const thief = new Thief(site, userAgent, cookie?.value ?? "");
  endings.push(() => thief.stop());
  return thief;
}

/** Where the cookie is copied to, by whether it looks like the owner's browser there. */
const SAME: Readonly<Record<string, () => Promise<Holder>>> = {
  "a second profile": () => inProfile(),
  "a program that calls itself the same browser": async () =>
    inProgram(await page.evaluate(() => navigator.userAgent)),
};
const OTHER: Readonly<Record<string, () => Promise<Holder>>> = {
  "another browser": () => inProfile(OTHER_BROWSER),
  "a program that says what it is": () => inProgram("curl/8.5.0"),
};

const BOTH = ["the owner", "the copy"] as const;

function ordered(who: string, copy: Holder): [first: Holder, second: Holder] {
  const original = holderOf(page);
  return who === "the owner" ? [original, copy] : [copy, original];
}

/** The rotation is due: one of both is given the new token, and confirms it. */
async function rotate(first: Holder): Promise<void> {
  await site.later(ROTATION_MS);
  expect(await first.use()).toMatchObject({ subject: "alice" });
  expect(await first.use()).toMatchObject({ subject: "alice" });
}

/** Activity later than what a browser may not have had on its disk. */
async function workOn(holder: Holder): Promise<void> {
  await site.later(FLUSH_MS + GRACE_MS + SECOND);
  const { now } = site;
  expect(await holder.use()).toMatchObject({ subject: "alice" });
  const seenAt = async () => (await site.sessions.subject("alice").list()).items[0]?.seenAt;
  await soon(seenAt).toBeGreaterThanOrEqual(now);
}

function forks() {
  return site.named("token-fork");
}

async function expectBoth(holders: readonly Holder[], answer: object): Promise<void> {
  for (const holder of holders) expect(await holder.use()).toMatchObject(answer);
}

const LOCKED = { subject: null, state: "locked" };
const ENDED = { subject: null, endedReason: "reuse_detected" };

describe.each(Object.keys(SAME))("a cookie copied to %s", (where) => {
  it.each(BOTH)("[TO-08] locks both out a minute after %s has renewed it", async (who) => {
    const copy = (await SAME[where]?.()) as Holder;
    expect(await copy.use()).toMatchObject({ subject: "alice" });
    const [first, second] = ordered(who, copy);
    await rotate(first);
    // In its grace it may be a straggler.
    expect(await second.use()).toMatchObject({ subject: "alice" });
    await workOn(first);
    expect(forks()).toEqual([]);
    expect(await second.use()).toMatchObject(LOCKED);
    await expectBoth([first, second], LOCKED);
    expect(forks()).toMatchObject([{ reaction: "step-up", sameContext: true }]);
  });

  it.each(BOTH)("alarms at the next use of %s who renewed it and paused", async (who) => {
    const copy = (await SAME[where]?.()) as Holder;
    const [first, second] = ordered(who, copy);
    await rotate(first);
    await site.later(GRACE_MS + SECOND);
    // It looks like a browser that lost what was not on its disk, and is given a branch.
    expect(await second.use()).toMatchObject({ subject: "alice" });
    expect(forks()).toEqual([]);
    expect(await first.use()).toMatchObject(LOCKED);
    await expectBoth([first, second], LOCKED);
    expect(forks()).toHaveLength(1);
  });
});

describe.each(Object.keys(OTHER))("a cookie copied to %s", (where) => {
  it.each(BOTH)("ends the session at once after %s has renewed it", async (who) => {
    const copy = (await OTHER[where]?.()) as Holder;
    const [first, second] = ordered(who, copy);
    await rotate(first);
    expect(await second.use()).toMatchObject({ subject: "alice" });
    expect(forks()).toEqual([]);
    await site.later(GRACE_MS + SECOND);
    expect(await second.use()).toMatchObject(ENDED);
    await expectBoth([first, second], ENDED);
    expect(forks()).toMatchObject([{ reaction: "revoke", sameContext: false }]);
    const [{ heldContext, presentedContext } = {}] = forks();
    expect(new Set([heldContext, presentedContext, undefined]).size).toBe(3);
  });
});

describe("a copied cookie", () => {
  it("[ID-11] is worth nothing after a step-up, and no alarm", async () => {
    const copy = await inProfile();
    await post(page, "/step-up");
    expect(await copy.use()).toMatchObject({ subject: "alice" });
    await site.later(TRANSIT_MS + SECOND);
    expect(await copy.use()).toMatchObject({ subject: null, endedReason: "replaced" });
    expect(await holderOf(page).use()).toMatchObject({ subject: "alice" });
    expect(forks()).toEqual([]);
  });

  it.each([
    ["alert", { subject: "alice" }],
    ["step-up", LOCKED],
    ["revoke", ENDED],
  ] as const)("does what the policy says, in whatever context: %s", async (onFork, answer) => {
    await end();
    await begin({ onFork });
    const copy = await (onFork === "revoke" ? inProfile() : inProfile(OTHER_BROWSER));
    const original = holderOf(page);
    await rotate(original);
    await workOn(original);
    await expectBoth([copy, original], answer);
    expect(forks()).toMatchObject([{ reaction: onFork, sameContext: onFork === "revoke" }]);
  });

  /** Both use it before the rotation, one renews it and goes on, and then the other comes back. */
  async function theft(random: SeededRandom): Promise<void> {
    const where = random.pick(Object.keys({ ...SAME, ...OTHER }));
    const copy = (await { ...SAME, ...OTHER }[where]?.()) as Holder;
    const [first, second] = ordered(random.pick(BOTH), copy);
    for (let uses = random.int(0, 3); uses > 0; uses -= 1) {
      await random.pick([first, second]).use();
      await site.later(random.int(0, ROTATION_MS / 4));
    }
    await rotate(first);
    if (random.chance(0.5)) {
      await site.later(random.int(0, GRACE_MS));
      expect(await second.use()).toMatchObject({ subject: "alice" });
    }
    if (where in SAME || random.chance(0.5)) await workOn(first);
    await site.later(GRACE_MS + random.int(SECOND, ROTATION_MS));
    expect(forks()).toEqual([]);
    expect(await second.use()).toMatchObject({ subject: null });
    expect(forks()).toMatchObject([{ sameContext: where in SAME }]);
  }

  it(
    `[TO-08] is noticed in all of ${RUNS} thefts past the grace and a minute`,
    async () => {
      console.log(`seed: ${seed} (SOJOURN_SEED)`);
      for (let run = 0; run < RUNS; run += 1) {
        await end();
        await begin();
        await theft(new SeededRandom(seed + run));
      }
      console.log(`note: ${RUNS} of ${RUNS} thefts in Chromium noticed at the other's first use`);
    },
    LONG_MS,
  );
});
