/**
 * A sealed copy whose token was replaced meanwhile is still under way, or in a thief's hands: its
 * answer neither turns the cookie jar back nor gives what the session has reached since.
 */
import { describe, expect, it } from "vitest";
import { activeIn, MINUTE_MS, sealedWorld } from "../support/sealed-world.ts";

const TEN_MINUTES_MS = 10 * MINUTE_MS;
const SECOND_MS = 1_000;
/** Grace and transit time of the default policy. */
const GRACE_MS = 20 * SECOND_MS;
const TRANSIT_MS = 5 * SECOND_MS;
/** More than two cookies hold: each read asks the authority with the token itself. */
const TOO_LARGE = { text: "x".repeat(8_000) };

/** A session whose token is due for rotation at the next read, and every alarm. */
async function dueForRotation(data: Record<string, unknown> = TOO_LARGE) {
  const world = sealedWorld();
  const signed = await world.signIn(data);
  const { edge, sessions, clock } = world;
  const forks: unknown[] = [];
  sessions.events.on("token-fork", (event) => forks.push(event));
  for (let step = 0; step < 5; step += 1) {
    clock.advance(TEN_MINUTES_MS);
    signed.box.take(activeIn(await edge.read(signed.box.header)).setCookies);
  }
  clock.advance(TEN_MINUTES_MS + MINUTE_MS);
  return { ...world, ...signed, forks, old: signed.box.header };
}

describe("a request that was under way while its token was replaced", () => {
  it("is served and sets no cookie: the jar holds the successor", async () => {
    const { edge, box, old, clock, forks } = await dueForRotation();
    box.take(activeIn(await edge.read(old)).setCookies);
    expect(box.header).not.toBe(old);
    activeIn(await edge.read(box.header));
    box.take(activeIn(await edge.read(old)).setCookies);
    expect(box.header).not.toBe(old);
    clock.advance(2 * MINUTE_MS);
    activeIn(await edge.read(box.header));
    expect(forks).toEqual([]);
  });

  it("sets the successor while that may be lost, and nothing while it may be under way", async () => {
    const { edge, old, clock } = await dueForRotation();
    const [first] = activeIn(await edge.read(old)).setCookies;
    clock.advance(GRACE_MS);
    expect(activeIn(await edge.read(old)).setCookies).toEqual([first]);
    clock.advance(1);
    expect(activeIn(await edge.read(old)).setCookies).toEqual([]);
    clock.advance(3 * TRANSIT_MS + SECOND_MS);
    const again = activeIn(await edge.read(old)).setCookies;
    expect(again).toHaveLength(1);
    expect(again).not.toEqual([first]);
  });
});

describe("a copy of the token that a step-up replaced", () => {
  it.each([
    ["sealed", {}],
    ["alone", TOO_LARGE],
  ])("is served for the transit time, for what it was worth: %s", async (_how, data) => {
    const world = sealedWorld();
    const { session, box } = await world.signIn(data);
    const copy = box.header;
    world.clock.advance(TEN_MINUTES_MS);
    await session.stepUp({ amr: ["otp"] });
    const standing = activeIn(await world.edge.read(copy));
    expect(standing.session.assurance.amr).toEqual(["pwd"]);
    expect(standing.session.assurance.elevatedUntil).toBeUndefined();
    expect(standing.setCookies).toEqual([]);
    world.clock.advance(TRANSIT_MS + 1);
    expect(await world.edge.read(copy)).toEqual({ state: "ended", reason: "replaced" });
  });
});
