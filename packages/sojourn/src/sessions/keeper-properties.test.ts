/**
 * Several processes on a store that fails over to a copy that lags, again and again. Whatever was
 * acknowledged holds: in the process that did it at once, everywhere once the store has settled.
 * Trouble (503) is allowed at any time, a wrong answer never. Invariants I1, I2, I5, I7.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StoreUnavailableError } from "../engine/errors.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { forgetfulStore } from "../../../../tests/support/forgetful-store.ts";
import { SECOND, world } from "../../../../tests/support/world.ts";
import type { World } from "../../../../tests/support/world.ts";

const RUNS = 100;
const PROCESSES = 3;
const SUBJECTS = ["alice", "bob"];

interface Opened {
  readonly token: string;
  readonly handle: string;
  readonly subject: string;
  /** An end that somebody was told is done. */
  ended: boolean;
  /** The process that was told. */
  endedBy?: number;
  /** An end that may have been done. */
  doubtful: boolean;
}

interface Setting {
  readonly places: readonly World[];
  readonly store: ReturnType<typeof forgetfulStore>;
  readonly clock: ManualClock;
  readonly opened: Opened[];
  /** No failover happens any more. */
  calm: boolean;
}

interface Step {
  readonly do:
    | "others"
    | "meanwhile"
    | "open"
    | "revokeAll"
    | "verify"
    | "revoke"
    | "set"
    | "copy"
    | "failOver"
    | "wait";
  readonly at: number;
  readonly who: number;
  readonly which: number;
  readonly ms: number;
}

/** In the middle of the next of these the store fails over. */
const MEANWHILE = [
  "create",
  "find",
  "revoke",
  "revokeSubject",
  "subjectEpoch",
  "apply",
  "health",
  "patchData",
] as const;

const NOBODY = { tenant: "default", id: "A".repeat(24) };

const DOINGS = {
  open: 4,
  verify: 6,
  revoke: 4,
  set: 3,
  revokeAll: 1,
  others: 2,
  meanwhile: 2,
  copy: 3,
  failOver: 2,
  wait: 2,
} as const;

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.oneof(
    ...Object.entries(DOINGS).map(([name, weight]) => {
      return { weight, arbitrary: fc.constant(name as Step["do"]) };
    }),
  ),
  at: fc.nat({ max: PROCESSES - 1 }),
  who: fc.nat({ max: SUBJECTS.length - 1 }),
  which: fc.nat({ max: 7 }),
  ms: fc.integer({ min: 1, max: 3_000 }),
});

async function setting(): Promise<Setting> {
  const clock = new ManualClock();
  const store = forgetfulStore(() => clock.now());
  const first = world({ clock, store });
  const rest = Array.from({ length: PROCESSES - 1 }, () => world({ beside: first }));
  const places = [first, ...rest];
  // From here on they hear of each other.
  for (const { sessions } of places) await sessions.inside().core.store.find(NOBODY);
  return { places, store, clock, opened: [], calm: false };
}

/** @returns `undefined` for trouble, which proves nothing. */
async function orTrouble<Value>(run: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof StoreUnavailableError) return undefined;
    throw error;
  }
}

async function verify(of: Setting, one: Opened, index: number): Promise<void> {
  const place = of.places[index];
  const standing = await orTrouble(async () => place?.sessions.authenticate(one.token));
  if (standing === undefined) return;
  if (one.endedBy === index) expect(standing.state, "I2: where it was ended").not.toBe("active");
  if (!one.ended && !one.doubtful) expect(standing.state, "I7: never ended").toBe("active");
}

/** @param except One that stays. */
async function revokeAll(
  of: Setting,
  subject: string,
  index: number,
  except?: Opened,
): Promise<void> {
  const all = of.opened.filter((one) => one.subject === subject && !one.ended);
  const theirs = all.filter((one) => one !== except);
  for (const one of theirs) one.doubtful = true;
  const how = except === undefined ? {} : { except: except.handle };
  const done = await orTrouble(async () =>
    of.places[index]?.sessions.subject(subject).revokeAll(how),
  );
  for (const one of theirs) if (done !== undefined) end(one, index);
}

function end(one: Opened, index: number): void {
  one.ended = true;
  one.endedBy ??= index;
}

async function open(of: Setting, place: World, subject: string): Promise<void> {
  const made = await orTrouble(() => place.sessions.open({ subject }));
  if (made === undefined) return;
  const handle = made.session.id ?? "";
  of.opened.push({ token: made.token, handle, subject, ended: false, doubtful: false });
}

async function play(of: Setting, next: Step): Promise<void> {
  if (next.do === "copy") return of.store.copy();
  if (next.do === "failOver") return of.store.failOver();
  if (next.do === "meanwhile") return meanwhile(of, next);
  if (next.do === "wait") return of.clock.advanceAsync(next.ms);
  const place = of.places[next.at];
  const subject = SUBJECTS[next.who];
  if (place === undefined || subject === undefined) return;
  if (next.do === "open") return open(of, place, subject);
  if (next.do === "revokeAll") return revokeAll(of, subject, next.at);
  const one = of.opened.at(-1 - next.which);
  if (one !== undefined) return use(of, next, one);
}

async function use(of: Setting, { do: doing, at }: Step, one: Opened): Promise<void> {
  const place = of.places[at];
  if (place === undefined) return;
  if (doing === "others") return revokeAll(of, one.subject, at, one);
  if (doing === "verify") return verify(of, one, at);
  return doing === "set" ? set(place, one) : revoke(place, one, at);
}

async function revoke(place: World, one: Opened, index: number): Promise<void> {
  one.doubtful = true;
  const result = await orTrouble(() => place.sessions.revoke(one.handle));
  if (result !== undefined) end(one, index);
}

function meanwhile(of: Setting, { at, which, ms }: Step): void {
  const operation = MEANWHILE[which];
  const strike = (): void => (of.calm ? undefined : of.store.failOver());
  if (operation !== undefined)
    of.places[at]?.store[ms % 2 === 0 ? "before" : "after"](operation, strike);
}

async function set(place: World, one: Opened): Promise<void> {
  const found = await orTrouble(() => place.sessions.find(one.handle));
  if (!one.doubtful) await orTrouble(async () => found?.set("key", 1));
}

describe("acknowledged writes on a store that fails over again and again", () => {
  it("hold where they were made at once, and everywhere once the store has settled", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        const of = await setting();
        for (const next of steps) await play(of, next);
        of.calm = true;
        await of.clock.advanceAsync(15 * SECOND);
        for (const one of of.opened) {
          for (const { sessions } of of.places) {
            const { state } = await sessions.authenticate(one.token, { activity: false });
            if (one.ended) expect(state, "I2: ended and told so").not.toBe("active");
            else if (!one.doubtful) expect(state, "I7: never ended").toBe("active");
          }
        }
        for (const { sessions } of of.places) await sessions.close();
      }),
      { numRuns: RUNS },
    );
  }, 60_000);
});
