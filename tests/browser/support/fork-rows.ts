/**
 * What honest people do to a session token, one row each. A row begins with a rotation that is due
 * and ends with nothing under way; the person has to be signed in all the time.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Page } from "playwright-core";
import type { SeededRandom } from "sojourn/testing";
import { expect } from "vitest";
import { soon } from "./chromium.ts";
import { ask, walk } from "./fork-browser.ts";
import type { Person } from "./fork-browser.ts";
import { FLUSH_MS, GRACE_MS, ROTATION_MS, TRANSIT_MS } from "./fork-site.ts";
import type { ForkSite } from "./fork-site.ts";

export interface Stage {
  readonly site: ForkSite;
  readonly person: Person;
  readonly random: SeededRandom;
  /** How many pages a tab goes through at a time. */
  readonly steps: readonly [least: number, most: number];
}

const SECOND = 1_000;
const MANY = 200;
/** Few requests are under way at a time, so that nothing is for longer than T. */
const PACE_MS = 300;
const JITTER_MS = 40;
/** Before and after every deadline that the rules know. */
const PAUSES_MS: readonly number[] = [
  0,
  SECOND,
  TRANSIT_MS,
  3 * TRANSIT_MS + SECOND,
  3 * TRANSIT_MS + 2 * SECOND,
  GRACE_MS - SECOND,
  GRACE_MS + SECOND,
  FLUSH_MS - SECOND,
  FLUSH_MS + GRACE_MS + SECOND,
  60 * FLUSH_MS,
];

function pause({ site, random }: Stage, upToMs: number = Infinity): Promise<void> {
  return site.later(random.pick(PAUSES_MS.filter((ms) => ms <= upToMs)));
}

function due({ site }: Stage): Promise<void> {
  return site.later(ROTATION_MS);
}

/** Exactly so many tabs, all of them on a page of the application. */
async function tabs({ person, site }: Stage, count: number): Promise<Page[]> {
  const [first, ...more] = person.context.pages();
  for (const page of more) await page.close();
  const open = first === undefined ? [] : [first];
  while (open.length < count) open.push(await person.context.newPage());
  for (const page of open) await page.goto(site.url("/plain"));
  return open;
}

async function isSignedIn(page: Page, count = 1): Promise<void> {
  const answers = await ask(page, count);
  expect(answers.filter(({ subject }) => subject !== "alice")).toEqual([]);
}

/** What was pending becomes confirmed. */
async function settle(stage: Stage): Promise<void> {
  const [page] = await tabs(stage, 1);
  if (page === undefined) throw new Error("there is no tab");
  await isSignedIn(page);
  await isSignedIn(page);
}

/** All of them at once; the rotation becomes due on the way. */
async function walkAll({ site, random, steps }: Stage, open: readonly Page[]): Promise<void> {
  await site.later(ROTATION_MS - random.int(0, TRANSIT_MS));
  site.pace(random.int(0, PACE_MS));
  site.jitter(random.pick([0, JITTER_MS]));
  await Promise.all(open.map((page) => walk(page, site.url(), random.int(...steps))));
  site.pace(0);
  site.jitter(JITTER_MS);
  await Promise.all(open.map((page) => isSignedIn(page, 5)));
  site.jitter(0);
  await site.later(TRANSIT_MS);
}

async function parallelTabs(stage: Stage): Promise<void> {
  const open = await tabs(stage, 3);
  await walkAll(stage, open);
  await pause(stage);
  await Promise.all(open.map((page) => isSignedIn(page, 2)));
  // These may all have been sent before the first of them was given the successor.
  await settle(stage);
}

async function twoWindows(stage: Stage): Promise<void> {
  const { person } = stage;
  const [page] = await tabs(stage, 1);
  if (page === undefined) throw new Error("there is no tab");
  await due(stage);
  const opened = person.context.waitForEvent("page");
  const opens = page.evaluate(() => void open("/page", "", "popup,width=400,height=300"));
  await Promise.all([opens, isSignedIn(page, 2)]);
  const other = await opened;
  await other.waitForLoadState();
  await walkAll(stage, [page, other]);
  await pause(stage);
  await Promise.all([isSignedIn(page, 3), isSignedIn(other, 3)]);
  await other.close();
}

/** It ends while answers are under way, or with cookies that are not on its disk. */
async function crashAndRestore(stage: Stage): Promise<void> {
  const { person, site, random } = stage;
  await tabs(stage, 2);
  await settle(stage);
  await person.restart();
  const [page] = await tabs(stage, 1);
  if (page === undefined) throw new Error("there is no tab");
  await due(stage);
  const uses = random.int(1, 3);
  for (let count = 0; count < uses; count += 1) {
    await isSignedIn(page, 1 + count);
    await pause(stage, count === 0 ? Infinity : GRACE_MS);
  }
  if (random.chance(0.5)) ask(page, 5).catch(() => undefined);
  await person.crash();
  await pause(stage);
  await person.start();
  const restored = person.context.pages();
  await Promise.all(restored.map((tab) => tab.goto(site.url())));
  await Promise.all(restored.map((tab) => isSignedIn(tab, 3)));
  await pause(stage);
  await settle(stage);
}

async function backForwardCache(stage: Stage): Promise<void> {
  const { person, site, random } = stage;
  const [page, other] = await tabs(stage, 2);
  if (page === undefined || other === undefined) throw new Error("there are no two tabs");
  await page.goto(site.url("/page"));
  await due(stage);
  const { restored } = site.counts;
  if (random.chance(0.5)) await isSignedIn(other);
  await pause(stage);
  await Promise.all([page.evaluate(() => history.back()), isSignedIn(other, 3)]);
  await soon(() => site.counts.restored).toBeGreaterThanOrEqual(restored + 3);
  await pause(stage);
  await isSignedIn(other, 2);
  await page.close();
  expect(person.context.pages()).toEqual([other]);
}

async function lostResponses(stage: Stage): Promise<void> {
  const { site, random } = stage;
  const [page] = await tabs(stage, 1);
  if (page === undefined) throw new Error("there is no tab");
  await due(stage);
  const times = random.int(1, 3);
  for (let count = 0; count < times; count += 1) {
    site.loseAnswers(true);
    // However often the browser tries.
    await expect(ask(page, random.int(1, 4))).rejects.toThrow("Failed to fetch");
    site.loseAnswers(false);
    await pause(stage);
  }
  await isSignedIn(page, 3);
  await isSignedIn(page, 3);
  await pause(stage);
  await isSignedIn(page);
  // An answer that was lost late may still be under way, and no other token is given until then.
  await site.later(3 * TRANSIT_MS + 2 * SECOND);
  await settle(stage);
}

/** Chromium prerenders nothing while somebody drives it, so that here the page drives itself. */
async function prerender(stage: Stage): Promise<void> {
  const { person, site, random } = stage;
  await settle(stage);
  // Either the page is given the successor and the prerendered one confirms it, or it is given.
  const before = random.chance(0.5);
  if (before) await due(stage);
  const { loads, prerendered, arrived } = site.counts;
  site.tell("wait");
  const leave = await person.startAlone(site.url("/speculate"));
  await soon(() => site.counts.loads).toBeGreaterThan(loads);
  if (!before) await due(stage);
  site.tell("prerender");
  await soon(() => site.counts.prerendered).toBeGreaterThan(prerendered);
  await pause(stage);
  if (random.chance(0.8)) {
    site.tell("go there");
    await soon(() => site.counts.arrived).toBeGreaterThan(arrived);
  }
  await leave();
  await person.start();
  await settle(stage);
}

async function offlineAndBack(stage: Stage): Promise<void> {
  const { person, site, random } = stage;
  const [page, other] = await tabs(stage, 2);
  if (page === undefined || other === undefined) throw new Error("there are no two tabs");
  await due(stage);
  if (random.chance(0.5)) await isSignedIn(other);
  const { answered } = site.counts;
  // It goes while an answer is under way.
  site.loseAnswers(true);
  const asked = ask(page).catch(() => undefined);
  while (site.counts.answered === answered) await sleep(2);
  await person.context.setOffline(true);
  await asked;
  site.loseAnswers(false);
  await expect(ask(page)).rejects.toThrow("Failed to fetch");
  await pause(stage);
  await person.context.setOffline(false);
  await Promise.all([isSignedIn(page, 3), isSignedIn(other, 3)]);
  await isSignedIn(other);
}

function sealedIn({ site }: Stage): number {
  return site.named("session-rotated").filter(({ how }) => how === "sealed").length;
}

async function manyFetches(stage: Stage): Promise<void> {
  const { site } = stage;
  await settle(stage);
  const [page, other] = await tabs(stage, 2);
  if (page === undefined || other === undefined) throw new Error("there are no two tabs");
  await due(stage);
  const issued = sealedIn(stage);
  site.jitter(JITTER_MS);
  await Promise.all([isSignedIn(page, MANY), isSignedIn(other, 5)]);
  site.jitter(0);
  expect(sealedIn(stage)).toBe(issued + 1);
  await pause(stage);
  await Promise.all([isSignedIn(page, 10), isSignedIn(other, 10)]);
}

export const HONEST: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  "parallel tabs": parallelTabs,
  "two windows": twoWindows,
  "a crash of the browser, and its restoration": crashAndRestore,
  "the back/forward cache": backForwardCache,
  "lost responses": lostResponses,
  prerendering: prerender,
  "hours offline, and back": offlineAndBack,
  "200 parallel fetches during a rotation": manyFetches,
};
