/** A thief has the session cookie of a device-bound session, with or without the bound cookie. */
import { describe, expect, it } from "vitest";
import { warrantOf } from "../../packages/sojourn/src/sessions/warrant.ts";
import { BOUND, BoundBrowser, boundBrowser, SESSION } from "../support/bound-browser.ts";
import type { PlaceOptions } from "../support/bound-browser.ts";

const MINUTE_MS = 60_000;
const NOBODY = { subject: null, state: "locked", data: {}, claimant: "alice" };
const ALICE = { subject: "alice", state: "active" };

async function robbed(options: PlaceOptions = {}) {
  const victim = await boundBrowser(options);
  await victim.visit((session) => session.set("note", "secret"));
  const thief = new BoundBrowser(victim.place);
  for (const [name, value] of victim.jar) thief.jar.set(name, value);
  return { victim, thief, place: victim.place };
}

function unproven({ place }: BoundBrowser): object[] {
  return place.events.filter(({ name }) => name === "binding-unproven");
}

describe("a stolen cookie of a device-bound session", () => {
  it("[DB-11] is nobody's without the bound cookie, and the owner's goes on", async () => {
    const { victim, thief } = await robbed();
    thief.loseBoundCookie();
    expect(await thief.visit()).toMatchObject(NOBODY);
    expect(unproven(thief)).toMatchObject([{ why: "missing", enforcement: "step-up" }]);
    expect(await victim.visit()).toMatchObject({ ...ALICE, data: { note: "secret" } });
  });

  it("[DB-11] is as good as the owner's until the bound cookie ends, and no longer", async () => {
    const { victim, thief, place } = await robbed();
    // Bound 10 s ago, for ten minutes.
    await place.clock.advanceAsync(10 * MINUTE_MS - 10_001);
    expect(await thief.visit()).toMatchObject(ALICE);
    await place.clock.advanceAsync(1);
    expect(await thief.visit()).toMatchObject(NOBODY);
    expect(unproven(thief)).toMatchObject([{ why: "expired" }]);
    await victim.refresh("");
    expect((await victim.refresh()).status).toBe(200);
    expect(await victim.visit()).toMatchObject(ALICE);
    expect(await thief.visit()).toMatchObject(NOBODY);
  });

  it("[DB-03] gets no bound cookie: the thief has no key to sign with", async () => {
    const { victim, thief, place } = await robbed();
    thief.id = victim.id;
    await place.clock.advanceAsync(10 * MINUTE_MS);
    await thief.refresh("");
    for (let round = 0; round < 3; round += 1) {
      const answer = await thief.refresh();
      expect([answer.status, answer.headers.getSetCookie()]).toEqual([403, []]);
    }
    expect(await thief.visit()).toMatchObject(NOBODY);
    expect(await victim.visit()).toMatchObject({ subject: null });
  });

  it.each(["extend", "rotate", "lock", "setRoles", "set", "update"] as const)(
    "[DB-11] cannot %s without the bound cookie",
    async (what) => {
      const { thief } = await robbed();
      thief.loseBoundCookie();
      const before = thief.jar.get(SESSION);
      const answer = await thief.visit((session) => {
        if (what === "set") return session.set("note", "a");
        if (what === "update")
          return session.update((draft) => Object.assign(draft, { note: "a" }));
        return what === "setRoles" ? session.setRoles(["admin"]) : session[what]();
      });
      expect(answer).toMatchObject({ code: "session_locked", status: 423 });
      expect(thief.jar.get(SESSION)).toBe(before);
    },
  );

  it("[DB-11] is given no successor without the bound cookie", async () => {
    const { victim, thief, place } = await robbed();
    thief.loseBoundCookie();
    await place.clock.advanceAsync(61 * MINUTE_MS);
    const before = thief.jar.get(SESSION);
    expect(await thief.visit()).toMatchObject(NOBODY);
    expect(thief.jar.get(SESSION)).toBe(before);
    await victim.refresh("");
    await victim.refresh();
    expect(await victim.visit()).toMatchObject(ALICE);
    expect(victim.jar.get(SESSION)).not.toBe(before);
  });

  it("[DB-11] vouches for nothing that would go without the bound cookie", async () => {
    const { victim, thief, place } = await robbed();
    const { sessions } = place;
    const { tickets, refreshTokens } = sessions;
    const grant = { client: "app", audience: "https://api.example" };
    let warrant: unknown;
    const vouched = async (browser: BoundBrowser) => {
      const ticket = await browser.visit((session) => tickets.issue(session));
      const refresh = await browser.visit((session) => refreshTokens.issue(session, grant));
      await browser.visit(async (session) => void (warrant = warrantOf(session)));
      return [ticket, refresh, { warrant }];
    };
    const [id] = (await sessions.subject("alice").list()).items.map((one) => one.id);
    const all = [ALICE, ALICE, { warrant: expect.objectContaining({ id }) as object }];
    expect(await vouched(victim)).toMatchObject(all);
    thief.loseBoundCookie();
    const locked = { code: "session_locked" };
    expect(await vouched(thief)).toMatchObject([locked, locked, { warrant: undefined }]);
  });

  it("[DB-11] is nobody's as a bearer token either", async () => {
    const { thief } = await robbed();
    const headers = { authorization: `Bearer ${thief.jar.get(SESSION)}` };
    thief.jar.clear();
    expect(await thief.visit(undefined, headers)).toMatchObject(NOBODY);
  });

  it("[ID-10] is nobody's together with the bound cookie of another session", async () => {
    const { victim, thief, place } = await robbed();
    const own = new BoundBrowser(place);
    await own.login("mallory");
    await own.register();
    await place.clock.advanceAsync(10_000);
    thief.jar.set(BOUND, own.jar.get(BOUND) ?? "");
    expect(await thief.visit()).toMatchObject(NOBODY);
    expect(unproven(thief).at(-1)).toMatchObject({ why: "foreign", subject: "alice" });
    expect(await own.visit()).toMatchObject({ subject: "mallory" });
    expect(await victim.visit()).toMatchObject(ALICE);
    // Twice with different values: neither is believed.
    const both = `${SESSION}=${victim.jar.get(SESSION)}; ${BOUND}=${victim.jar.get(BOUND)}`;
    const conflict = { cookie: `${both}; ${BOUND}=${own.jar.get(BOUND)}` };
    expect(await victim.visit(undefined, conflict)).toMatchObject(NOBODY);
  });

  it("[DB-08] is not excused by saying that the browser could not refresh", async () => {
    const { victim, thief } = await robbed();
    thief.loseBoundCookie();
    const skipped = {
      "secure-session-skipped": `quota_exceeded;session_identifier="${victim.id}"`,
    };
    expect(await thief.visit(undefined, skipped)).toMatchObject(NOBODY);
    expect(unproven(thief)).toMatchObject([{ why: "missing", skipped: "quota_exceeded" }]);
  });
});

describe("what the policy does about a request that does not prove its device", () => {
  it("[DB-11] step-up: a factor takes the place of the device, and may be bound anew", async () => {
    const { victim, thief } = await robbed();
    victim.loseBoundCookie();
    expect(await victim.visit()).toMatchObject(NOBODY);
    await victim.visit((session) => session.stepUp({ amr: ["pwd"] }));
    expect(await victim.visit()).toMatchObject({ ...ALICE, data: { note: "secret" } });
    // The other holder of the old token is out at once, bound cookie or not.
    expect(await thief.visit()).toMatchObject({ subject: null });
    await victim.visit((session) => session.stepUp({ amr: ["pwd"] }));
    expect((await victim.register()).status).toBe(200);
    await victim.place.clock.advanceAsync(10_000);
    expect(await victim.visit()).toMatchObject(ALICE);
    victim.loseBoundCookie();
    expect(await victim.visit()).toMatchObject(NOBODY);
  });

  it("[DB-11] step-up: no factor, no change", async () => {
    const { thief } = await robbed();
    thief.loseBoundCookie();
    for (const how of ["stepUp", "unlock"] as const) {
      await thief.visit((session) => session[how]({ amr: [] }).catch(() => undefined));
    }
    expect(await thief.visit()).toMatchObject(NOBODY);
  });

  it("[DB-11] step-up: takes the factors of a lock, where there are more", async () => {
    const { victim } = await robbed();
    const prove = (amr: string[]) => victim.visit((session) => session.stepUp({ amr }));
    await victim.visit((session) => session.lock(2));
    victim.loseBoundCookie();
    expect(await prove(["pwd"])).toMatchObject({ status: 422 });
    expect(await victim.visit()).toMatchObject(NOBODY);
    await prove(["pwd", "otp"]);
    expect(await victim.visit()).toMatchObject(ALICE);
  });

  it("[DB-11] step-up: takes the factors of the policy, where there are more", async () => {
    const policy = { extends: "saas", reauthFactors: 2 } as const;
    const { victim } = await robbed({ policy });
    const prove = (amr: string[]) => victim.visit((session) => session.stepUp({ amr }));
    victim.loseBoundCookie();
    expect(await prove(["pwd"])).toMatchObject({ status: 422 });
    expect(await victim.visit()).toMatchObject(NOBODY);
    await prove(["pwd", "otp"]);
    expect(await victim.visit()).toMatchObject(ALICE);
  });

  it("[DB-11] require: only a login helps", async () => {
    const policy = { extends: "saas", binding: "require-where-supported" } as const;
    const { victim } = await robbed({ policy });
    victim.loseBoundCookie();
    const refused = await victim.visit((session) => session.stepUp({ amr: ["pwd"] }));
    expect(refused).toMatchObject({ status: 400 });
    expect(await victim.visit()).toMatchObject(NOBODY);
    await victim.login();
    expect(await victim.visit()).toMatchObject({ ...ALICE, data: { note: "secret" } });
  });

  it("observe: an event and nothing else, by an option alone", async () => {
    const { victim } = await robbed({ dbsc: { enforcement: "observe" } });
    victim.loseBoundCookie();
    expect(await victim.visit()).toMatchObject(ALICE);
    expect(unproven(victim)).toMatchObject([{ why: "missing", enforcement: "observe" }]);
  });

  it.each([
    ["degraded", { ...ALICE, amr: [] }],
    ["step-up", NOBODY],
    ["require", NOBODY],
  ] as const)("[DB-08] a skipped refresh is answered by its own rule: %s", async (rule, is) => {
    const { victim } = await robbed({ dbsc: { onSkipped: rule } });
    const skipped = {
      "secure-session-skipped": `unreachable;session_identifier="${victim.id}"`,
    };
    victim.loseBoundCookie();
    expect(await victim.visit(undefined, skipped)).toMatchObject(is);
    expect(await victim.visit()).toMatchObject(NOBODY);
    // It explains a cookie that is missing, and none that is not this session's.
    victim.jar.set(BOUND, "A".repeat(48));
    expect(await victim.visit(undefined, skipped)).toMatchObject(NOBODY);
  });
});
