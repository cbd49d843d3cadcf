/** Sessions bound to the device (DBSC) in Chromium, over HTTPS, with keys in software. */
import { MemoryStore } from "sojourn/stores/memory";
import { FaultyStore } from "sojourn/testing";
import { afterEach, describe, expect, it } from "vitest";
import {
  ALICE,
  BOUND,
  closeWorlds,
  GRACE_MS,
  loseBoundCookie,
  me,
  names,
  newFolder,
  openProfile,
  post,
  refreshes,
  signIn,
  startWorld,
} from "./support/bound-site.ts";
import type { Me, Profile, World } from "./support/bound-site.ts";
import { soon } from "./support/chromium.ts";
import { APP } from "./support/site.ts";

const MINUTE_MS = 60_000;
/** So that the session cookie outlives the browser. */
const REMEMBERED = { idleMs: 1_440 * MINUTE_MS, absoluteMs: 10_080 * MINUTE_MS };

afterEach(closeWorlds);

/** A bound session past its first moments, in a profile of its own. */
async function boundWorld(
  options: Parameters<typeof startWorld>[0] = {},
): Promise<{ world: World; profile: Profile }> {
  const world = await startWorld(options);
  const profile = await openProfile(world);
  await signIn(profile);
  world.skewMs += GRACE_MS;
  return { world, profile };
}

/** The outcomes that the browser told of so far. */
function told({ events }: Profile): string[] {
  return events.flatMap(
    ({ creationEventDetails, refreshEventDetails, terminationEventDetails }) => [
      ...(creationEventDetails === undefined
        ? []
        : [`created: ${creationEventDetails.fetchResult}`]),
      ...(refreshEventDetails === undefined ? [] : [refreshEventDetails.refreshResult]),
      ...(terminationEventDetails === undefined ? [] : [terminationEventDetails.deletionReason]),
    ],
  );
}

const outcomes = (world: World) => refreshes(world).map(({ proof, status }) => [proof, status]);

describe("a device-bound session in Chromium", () => {
  it("[DB-01] [DB-09] is bound after a login and renews its cookie, once for 12", async () => {
    const world = await startWorld();
    const profile = await openProfile(world);
    await signIn(profile);
    expect(world.calls).toEqual([
      { path: "/dbsc/register", proof: true, status: 200, body: expect.any(String) },
    ]);
    expect(world.bound).toEqual([expect.objectContaining({ tier: "dbsc", subject: "alice" })]);
    await soon(() => profile.events).toContainEqual(
      expect.objectContaining({
        succeeded: true,
        creationEventDetails: expect.objectContaining({ fetchResult: "Success" }),
      }),
    );
    expect(await me(profile.page)).toMatchObject(ALICE);

    world.skewMs += GRACE_MS;
    await loseBoundCookie(profile);
    const answers = await profile.page.evaluate(() =>
      Promise.all(
        Array.from({ length: 12 }, async () => (await (await fetch("/me")).json()) as Me),
      ),
    );
    expect(answers.map(({ subject }) => subject)).toEqual(Array(12).fill("alice"));
    expect(refreshes(world).map(({ proof, status }) => [proof, status])).toEqual([[true, 200]]);
    await soon(() => profile.events).toContainEqual(
      expect.objectContaining({
        succeeded: true,
        refreshEventDetails: expect.objectContaining({ refreshResult: "Refreshed" }),
      }),
    );
    expect(world.unproven).toEqual([]);
  });

  it("[DB-01] is bound by a form that redirects as well", async () => {
    const world = await startWorld();
    const profile = await openProfile(world);
    await profile.page.goto(world.site.url(APP, "/form"));
    await profile.page.getByRole("button").click();
    await soon(() => names(profile.context)).toContain(BOUND);
    expect(world.calls.map(({ status }) => status)).toEqual([200]);
  });

  it("[DB-05] survives answers that were lost: the same proof comes again", async () => {
    const { world, profile } = await boundWorld();
    world.cut = 1;
    await loseBoundCookie(profile);
    expect(await me(profile.page)).toMatchObject(ALICE);
    // Used up by the answer that was lost; then a challenge, and a new proof.
    expect(outcomes(world)).toEqual([
      [true, 200],
      [true, 403],
      [true, 200],
    ]);
    expect(await names(profile.context)).toContain(BOUND);
    expect(told(profile)).not.toContain("FatalError");
    expect(world.unproven).toEqual([]);
  });

  it("[DB-03] lives on when the browser is started again", async () => {
    const { world, profile } = await boundWorld({
      policy: { extends: "saas", remember: REMEMBERED },
    });
    await profile.context.close();
    const again = await openProfile(world);
    await loseBoundCookie(again);
    expect(await me(again.page)).toMatchObject(ALICE);
    expect(outcomes(world).at(-1)).toEqual([true, 200]);
    for (const [proof, status] of outcomes(world)) expect(status).toBe(proof ? 200 : 403);
    expect(world.unproven).toEqual([]);
  });

  it("[DB-06] [DB-08] outlives an outage of the store, and says that it could not", async () => {
    const store = new FaultyStore(new MemoryStore());
    const { world, profile } = await boundWorld({ store });
    await loseBoundCookie(profile);
    store.setDown(true);
    expect(await me(profile.page)).toBe(503);
    expect(refreshes(world).map(({ status }) => status)).toEqual([503]);
    expect(world.skipped[0]).toMatch(/^server_error;session_identifier="?ses_/);
    store.setDown(false);
    await soon(() => me(profile.page)).toMatchObject(ALICE);
    expect(await names(profile.context)).toContain(BOUND);
    expect(told(profile)).not.toContain("ServerRequested");
  });

  it("[DB-07] [DB-08] is nobody's while the browser's quota of signatures is used up", async () => {
    const { world, profile } = await boundWorld();
    for (let round = 0; round < 8 && world.skipped.length === 0; round += 1) {
      await loseBoundCookie(profile);
      await me(profile.page);
    }
    expect(world.skipped[0]).toMatch(/^quota_exceeded;/);
    expect(await me(profile.page)).toEqual({ subject: null, state: "locked" });
    expect(world.unproven).toContainEqual(
      expect.objectContaining({ why: "missing", skipped: "quota_exceeded" }),
    );
  });

  it("[TE-11] ends with the session: refresh says so, and no cookie leaves", async () => {
    const { world, profile } = await boundWorld();
    await world.site.sessions.subject("alice").revokeAll();
    await loseBoundCookie(profile);
    expect(await me(profile.page)).toMatchObject({ subject: null });
    expect(refreshes(world).map(({ status, body }) => [status, JSON.parse(body)])).toEqual([
      [200, { session_identifier: expect.stringMatching(/^ses_/), continue: false }],
    ]);
    expect(await names(profile.context)).not.toContain(BOUND);
    await soon(() => told(profile)).toContain("ServerRequested");
  });

  it("[TE-11] is over after a logout, whatever the browser still has", async () => {
    const { world, profile } = await boundWorld();
    const cookies = await profile.context.cookies();
    await post(profile.page, "/logout");
    expect(await names(profile.context)).toEqual([]);
    await profile.context.addCookies(cookies.filter(({ name }) => name !== BOUND));
    expect(await me(profile.page)).toMatchObject({ subject: null });
    expect(await names(profile.context)).not.toContain(BOUND);
    for (const { body } of refreshes(world)) expect(body).toContain('"continue":false');
  });

  it("[DB-11] is worth nothing in another profile once the bound time is over", async () => {
    const { world, profile } = await boundWorld();
    const thief = await openProfile(world, newFolder());
    await thief.context.addCookies(await profile.context.cookies());
    // Both cookies were copied: until the shorter one ends they are as good as the original.
    expect(await me(thief.page)).toMatchObject(ALICE);
    await thief.context.clearCookies({ name: BOUND });
    expect(await me(thief.page)).toEqual({ subject: null, state: "locked" });
    await thief.context.addCookies(await profile.context.cookies());

    world.skewMs += 10 * MINUTE_MS;
    expect(await me(thief.page)).toEqual({ subject: null, state: "locked" });
    expect(world.unproven.at(-1)).toMatchObject({ why: "expired", enforcement: "step-up" });
    expect(await post(thief.page, "/dbsc/refresh")).toBe(400);
    // The browser of the owner counts by its own clock, which has not moved.
    await loseBoundCookie(profile);
    expect(await me(profile.page)).toMatchObject(ALICE);
    expect(await me(thief.page)).toEqual({ subject: null, state: "locked" });
  });
});
