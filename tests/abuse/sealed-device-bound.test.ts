/** A thief has the sealed cookies of a device-bound session, without the device. */
import { describe, expect, it } from "vitest";
import { createSealedSessions, sessionsAuthority } from "sojourn/sealed";
import type { SealedSessionsOptions } from "sojourn/sealed";
import {
  BOUND,
  boundBrowser,
  BoundBrowser,
  SESSION,
  webcryptoBrowser,
} from "../support/bound-browser.ts";
import {
  activeIn,
  CookieBox,
  factsOf,
  MINUTE_MS,
  secretText,
  WrittenFeed,
} from "../support/sealed-world.ts";

const LOCKED = { state: "locked", setCookies: [] };
const SMALL = "small";
/** More than two cookies hold: the token stands alone. */
const LARGE = "x".repeat(8_000);

async function robbed(
  note: string = SMALL,
  given: Partial<SealedSessionsOptions> = {},
  bind: typeof boundBrowser = boundBrowser,
) {
  const secrets = [secretText(1)];
  const victim = await bind({ secrets });
  const { sessions, clock } = victim.place;
  const edge = createSealedSessions({
    secrets,
    feed: new WrittenFeed(() => clock.now()),
    authority: sessionsAuthority(sessions),
    time: { wall: () => clock.now(), monotonic: () => clock.now() },
    ...given,
  });
  const box = new CookieBox();
  await victim.visit(async (session) => {
    await session.set("note", note);
    box.take(await edge.seal(factsOf(session, victim.jar.get(SESSION) ?? "")));
  });
  const stolen = box.header;
  const withCookie = (value: string = victim.jar.get(BOUND) ?? "") =>
    `${stolen}; ${BOUND}=${value}`;
  return { victim, edge, clock, stolen, withCookie, place: victim.place };
}

describe("sealed cookies of a device-bound session", () => {
  it.each([
    ["a copy", SMALL],
    ["its token", LARGE],
  ])("[DB-11] are nobody's without the bound cookie: %s", async (_what, note) => {
    const { edge, stolen, withCookie } = await robbed(note);
    expect(await edge.read(stolen)).toEqual(LOCKED);
    expect(activeIn(await edge.read(withCookie())).session.subject).toBe("alice");
  });

  it("[DB-11] [DB-14] are nobody's without the cookie that a page's key renews", async () => {
    const { edge, stolen, withCookie } = await robbed(SMALL, {}, webcryptoBrowser);
    expect(await edge.read(stolen)).toEqual(LOCKED);
    expect(activeIn(await edge.read(withCookie())).session.subject).toBe("alice");
  });

  it("[DB-11] are nobody's once the bound cookie has ended, also when renewed", async () => {
    const { edge, clock, victim, withCookie } = await robbed();
    const copied = withCookie();
    // Bound 10 s ago, for ten minutes.
    await clock.advanceAsync(10 * MINUTE_MS - 10_001);
    activeIn(await edge.read(copied));
    await clock.advanceAsync(1);
    expect(await edge.read(copied)).toEqual(LOCKED);
    await victim.refresh("");
    await victim.refresh();
    activeIn(await edge.read(withCookie()));
    expect(await edge.read(copied)).toEqual(LOCKED);
  });

  it("[DB-11] [ID-10] are nobody's with the bound cookie of another session, or two", async () => {
    const { edge, place, victim, withCookie } = await robbed();
    const own = new BoundBrowser(place);
    await own.login("mallory");
    await own.register();
    const foreign = own.jar.get(BOUND) ?? "";
    expect(await edge.read(withCookie(foreign))).toEqual(LOCKED);
    expect(await edge.read(`${withCookie()}; ${BOUND}=${foreign}`)).toEqual(LOCKED);
    expect(await edge.read(withCookie("A".repeat(48)))).toEqual(LOCKED);
    activeIn(await edge.read(withCookie(victim.jar.get(BOUND))));
  });

  it("[DB-11] taken before it was bound are nobody's from their renewal on", async () => {
    const { edge, clock, victim } = await robbed();
    const fresh = new BoundBrowser(victim.place);
    await fresh.login("bob");
    const { offer } = fresh;
    const box = new CookieBox();
    await fresh.visit(async (session) => {
      box.take(await edge.seal(factsOf(session, fresh.jar.get(SESSION) ?? "")));
    });
    fresh.offer = offer;
    expect((await fresh.register()).status).toBe(200);
    await clock.advanceAsync(5 * MINUTE_MS - 1);
    activeIn(await edge.read(box.header));
    await clock.advanceAsync(1);
    expect(await edge.read(box.header)).toEqual(LOCKED);
  });

  it("are served for the moments in which requests have no bound cookie to bring", async () => {
    const { edge, clock, victim } = await robbed(SMALL);
    const fresh = new BoundBrowser(victim.place);
    await fresh.login("bob");
    await fresh.register();
    const box = new CookieBox();
    await fresh.visit(async (session) => {
      box.take(await edge.seal(factsOf(session, fresh.jar.get(SESSION) ?? "")));
    });
    await clock.advanceAsync(9_999);
    activeIn(await edge.read(box.header));
    await clock.advanceAsync(1);
    expect(await edge.read(box.header)).toEqual(LOCKED);
  });

  it("bring the bound cookie to the authority, and none to one who only observes", async () => {
    const brought: unknown[] = [];
    const check = (question: { boundCookie?: string }) => {
      brought.push(question.boundCookie);
      return Promise.resolve({ state: "unknown" } as const);
    };
    for (const enforcement of ["require", "observe"] as const) {
      const given = { authority: { check }, dbsc: { enforcement } };
      const { edge, withCookie, victim } = await robbed(LARGE, given);
      await edge.read(withCookie());
      expect(brought.pop()).toBe(enforcement === "observe" ? undefined : victim.jar.get(BOUND));
    }
  });

  it("are served as they are where the device is only observed", async () => {
    const { edge, stolen } = await robbed(SMALL, { dbsc: { enforcement: "observe" } });
    activeIn(await edge.read(stolen));
  });

  it("are looked at with the cookie name that the sessions have", async () => {
    const { edge, stolen, withCookie } = await robbed(SMALL, { dbsc: { cookieName: "device" } });
    expect(await edge.read(withCookie())).toEqual(LOCKED);
    const bound = withCookie().replace(`; ${BOUND}=`, "; __Host-device=");
    expect(bound).not.toBe(stolen);
    activeIn(await edge.read(bound));
  });
});
