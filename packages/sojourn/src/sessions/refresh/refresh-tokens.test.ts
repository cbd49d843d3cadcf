import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Session } from "../session.ts";
import type { RefreshStanding, UseRefresh } from "./refresh-tokens.ts";
import { failure, idOf, MINUTE, SECOND, world } from "../../../../../tests/support/world.ts";
import type { Data, World, WorldOptions } from "../../../../../tests/support/world.ts";

const AUDIENCE = "https://api.example";
/** Of the default policy. */
const GRACE = 20 * SECOND;
const APP: UseRefresh = { client: "app", fingerprint: "phone" };

async function granted(options: WorldOptions = {}, jkt?: string) {
  const place = world(options);
  const { session, token: sessionToken } = await place.sessions.open({
    subject: "alice",
    amr: ["pwd"],
  });
  const issued = await issue(place, session, jkt);
  return { place, session, sessionToken, ...issued };
}

function issue(place: World, session: Session<Data>, jkt?: string) {
  return place.sessions.refreshTokens.issue(session, {
    client: "app",
    audience: AUDIENCE,
    scope: "cart:read cart:write",
    fingerprint: "phone",
    ...(jkt === undefined ? {} : { jkt }),
  });
}

function use(place: World, token: string, how: Partial<UseRefresh> = {}) {
  return place.sessions.refreshTokens.use(token, { ...APP, ...how });
}

function leaveIn(standing: RefreshStanding) {
  if (standing.state !== "active") throw new Error(`expected leave, got ${standing.state}`);
  return standing;
}

function nextOf(standing: RefreshStanding): string {
  const { successor } = leaveIn(standing);
  if (successor === undefined) throw new Error("expected a successor");
  return successor;
}

/** Use after use, a minute apart. @returns every token in turn. */
async function chain(place: World, first: string, uses: number): Promise<string[]> {
  const tokens = [first];
  for (let count = 0; count < uses; count += 1) {
    tokens.push(nextOf(await use(place, tokens.at(-1) ?? "")));
    place.clock.advance(MINUTE);
  }
  return tokens;
}

describe("a use", () => {
  it("[RT-01] gives a new token each time, with what the session is worth now", async () => {
    const { place, session, token, family } = await granted();
    expect(token).toMatch(/^sj1r_/);
    const [, second, third] = await chain(place, token, 2);
    expect(new Set([token, second, third]).size).toBe(3);
    const leave = leaveIn(await use(place, third ?? ""));
    expect(leave).toMatchObject({ family, client: "app", subjectEpoch: 0 });
    expect(leave.grant).toEqual({ audience: AUDIENCE, scope: "cart:read cart:write" });
    expect([leave.session.id, leave.session.subject]).toEqual([idOf(session).slice(4), "alice"]);
  });

  it("costs one write, and one more within a minute for what its session saw", async () => {
    const { place, token, family } = await granted();
    const [, second = ""] = await chain(place, token, 1);
    const writes = () => place.store.calls("replace") + place.store.calls("touch");
    const before = writes();
    await use(place, second);
    expect(writes() - before).toBe(1);
    const stored = await place.store.find({ tenant: "default", id: family.slice(4) });
    expect(stored?.record.seenAt).toBe(place.clock.now());
    await place.clock.advanceAsync(SECOND);
    expect(writes() - before).toBeLessThanOrEqual(2);
  });

  it("[RT-02, RT-03] gives parallel users in two processes one successor, without an alarm", async () => {
    const { place, token } = await granted();
    const other = world({ beside: place });
    const all = Array.from({ length: 100 }, (_, at) => use(at % 2 ? place : other, token));
    const successors = new Set((await Promise.all(all)).map(nextOf));
    expect(successors.size).toBe(1);
    expect([...place.named("token-fork"), ...other.named("token-fork")]).toEqual([]);
    expect(place.store.calls("replace")).toBeGreaterThan(0);
  });

  it("[RT-03] repeats the successor in the grace, to the same context alone", async () => {
    const { place, token } = await granted();
    const first = nextOf(await use(place, token));
    place.clock.advance(GRACE);
    expect(nextOf(await use(place, token))).toBe(first);
    const elsewhere = leaveIn(await use(place, token, { fingerprint: "desktop" }));
    expect(elsewhere.successor).toBeUndefined();
  });

  it("does not orphan the first successor when answers come in another order", async () => {
    const { place, token } = await granted();
    // Two uses at once; the answer to the first is the last to come, and overwrites.
    const [late, early] = await Promise.all([use(place, token), use(place, token)]);
    const used = nextOf(early);
    const next = nextOf(await use(place, used));
    // The client is turned back to what it had used, and goes on with it.
    expect(nextOf(late)).toBe(used);
    place.clock.advance(SECOND);
    expect(nextOf(await use(place, used))).toBe(next);
    place.clock.advance(MINUTE);
    expect(leaveIn(await use(place, next)).successor).toBeDefined();
    expect(place.named("token-fork")).toEqual([]);
  });

  it("serves a straggler without a token, and rotates no faster than the grace", async () => {
    const { place, token } = await granted();
    const second = nextOf(await use(place, token));
    const third = nextOf(await use(place, second));
    expect(leaveIn(await use(place, token)).successor).toBeUndefined();
    // Its confirmation would drop the first token while that may still be under way.
    expect(leaveIn(await use(place, third)).successor).toBeUndefined();
    place.clock.advance(GRACE + 1);
    expect(nextOf(await use(place, third))).toMatch(/^sj1r_/);
    expect(place.named("token-fork")).toEqual([]);
  });
});

describe("reuse", () => {
  it("[RT-01] of a genuine old token ends the family and tells both contexts", async () => {
    const { place, session, token, family } = await granted();
    const tokens = await chain(place, token, 3);
    const [old = ""] = tokens;
    const standing = await use(place, old, { fingerprint: "thief" });
    expect(standing).toEqual({ state: "refused", why: "ended" });
    const [alarm] = place.named("token-fork");
    expect(alarm).toMatchObject({ session: family, reaction: "revoke", sameContext: false });
    expect(alarm?.heldContext).toMatch(/^[\w.-]{8,}$/);
    expect(alarm?.presentedContext).not.toBe(alarm?.heldContext);
    expect(place.named("session-ended")).toMatchObject([{ reason: "reuse_detected" }]);
    expect(await use(place, tokens.at(-1) ?? "")).toEqual({ state: "refused", why: "ended" });
    expect((await place.sessions.describe(idOf(session)))?.state).toBe("active");
  });

  it("[RT-01] is no excuse that a client lost its tokens: it keeps them before it uses them", async () => {
    const { place, token } = await granted();
    const second = nextOf(await use(place, token));
    place.clock.advance(MINUTE);
    await use(place, second);
    place.clock.advance(GRACE);
    expect((await use(place, token)).state).toBe("active");
    place.clock.advance(1);
    expect(await use(place, token)).toEqual({ state: "refused", why: "ended" });
  });

  it("[DE-07] has no effect for anybody who forged the token", async () => {
    const { place, token } = await granted();
    const [old = "", , now = ""] = await chain(place, token, 2);
    const reads = place.store.calls("find");
    const forged = [
      old.slice(0, 37) + "A".repeat(32) + old.slice(69),
      `${old.slice(0, -1)}${old.endsWith("A") ? "B" : "A"}`,
      old.replace("sj1r_", "sj1s_"),
      "",
    ];
    for (const text of forged) {
      expect(await use(place, text)).toEqual({ state: "refused", why: "forged" });
      expect(await place.sessions.refreshTokens.revoke(text, { client: "app" })).toBe(false);
    }
    expect(place.store.calls("find")).toBe(reads);
    expect(place.named("token-fork")).toEqual([]);
    expect((await use(place, now)).state).toBe("active");
  });
});

describe("a family", () => {
  it("[RT-04] is bound to client, scope and audience, and asking for more changes nothing", async () => {
    const { place, token } = await granted();
    expect(await use(place, token, { client: "other" })).toEqual({
      state: "refused",
      why: "client",
    });
    expect(await use(place, token, { scope: "admin" })).toEqual({ state: "scope" });
    expect(await use(place, token, { scope: "cart:read admin" })).toEqual({ state: "scope" });
    expect(await use(place, token, { audience: "https://b" })).toEqual({ state: "audience" });
    expect(place.store.calls("replace")).toBe(0);
    const less = leaveIn(await use(place, token, { scope: "cart:read", audience: AUDIENCE }));
    expect(less.grant.scope).toBe("cart:read");
    const next = leaveIn(await use(place, nextOf(less)));
    expect(next.grant.scope).toBe("cart:read cart:write");
  });

  it("[RT-05] that is bound to a key wants its proof at every use", async () => {
    const jkt = "k".repeat(43);
    const { place, token } = await granted({}, jkt);
    expect(await use(place, token)).toEqual({ state: "proof" });
    expect(await use(place, token, { jkt: "x".repeat(43) })).toEqual({ state: "proof" });
    expect(place.store.calls("replace")).toBe(0);
    expect(leaveIn(await use(place, token, { jkt })).grant.jkt).toBe(jkt);
  });

  it("[RT-05] needs a key where the policy says so", async () => {
    const { sessions } = world({ policy: "banking" });
    const { session } = await sessions.open({ subject: "alice" });
    const options = { client: "app", audience: AUDIENCE };
    expect(String(await failure(sessions.refreshTokens.issue(session, options)))).toMatch(/jkt/);
    const bound = { ...options, jkt: "k".repeat(43) };
    expect((await sessions.refreshTokens.issue(session, bound)).token).toMatch(/^sj1r_/);
  });

  it("[RT-06] ends with its session, whatever ended that, and with all of the subject's", async () => {
    const one = await granted();
    await one.session.logout();
    expect(await use(one.place, one.token)).toEqual({ state: "refused", why: "ended" });
    expect(one.place.named("session-ended").map(({ reason }) => reason)).toEqual([
      "logout",
      "logout",
    ]);
    expect(await one.place.sessions.find(one.family)).toBeUndefined();
    const two = await granted();
    const except = idOf(two.session);
    await two.place.sessions.subject("alice").revokeAll({ except, cause: "credential_change" });
    expect(await use(two.place, two.token)).toEqual({ state: "refused", why: "ended" });
    expect((await two.place.sessions.find(except))?.state).toBe("active");
  });

  it("[TE-10] is listed below its session and ends alone by its handle", async () => {
    const { place, session, token, family } = await granted();
    const { items } = await place.sessions.subject("alice").list();
    expect(items.map(({ kind, parent, client }) => ({ kind, parent, client }))).toContainEqual({
      kind: "refresh",
      parent: session.id,
      client: "app",
    });
    expect(await place.sessions.subject("alice").revoke(family)).toBe(true);
    expect(await use(place, token)).toEqual({ state: "refused", why: "ended" });
    expect((await place.sessions.find(idOf(session)))?.state).toBe("active");
  });

  it("[TO-13] keeps its absolute end over 1000 rotations and dies unused", async () => {
    const { place, session, token, family } = await granted();
    place.clock.advance(MINUTE);
    const later = await place.sessions.describe((await issue(place, session)).family);
    expect(later?.summary.absoluteExpiresAt).toBe(session.absoluteExpiresAt);
    const endOf = async () => (await place.sessions.describe(family))?.summary.absoluteExpiresAt;
    const end = await endOf();
    expect(end).toBeLessThanOrEqual(session.absoluteExpiresAt ?? 0);
    let current = token;
    for (let count = 0; count < 1_000; count += 1) {
      current = nextOf(await use(place, current));
      place.clock.advance(GRACE + 1);
      if (count % 200 === 0) expect(await endOf()).toBe(end);
    }
    expect(await endOf()).toBe(end);
    const idle = await granted({ policy: "owasp-asvs-l2" });
    idle.place.clock.advance(idle.expiresAt - idle.place.clock.now() - 1);
    expect((await use(idle.place, idle.token)).state).toBe("active");
    const unused = await granted({ policy: "owasp-asvs-l2" });
    unused.place.clock.advance(unused.expiresAt - unused.place.clock.now());
    expect(await use(unused.place, unused.token)).toEqual({ state: "refused", why: "ended" });
  });

  it("keeps its session from idling, and is refused without loss while that is locked", async () => {
    const { place, session, token } = await granted({ policy: "owasp-asvs-l2" });
    const idleAt = async () =>
      (await place.sessions.describe(idOf(session)))?.summary.seenAt ?? Number.NaN;
    const before = await idleAt();
    place.clock.advance(5 * MINUTE);
    const second = nextOf(await use(place, token));
    await place.clock.advanceAsync(2 * SECOND);
    expect(await idleAt()).toBeGreaterThan(before);
    await session.lock(1);
    expect(await use(place, second)).toEqual({ state: "locked" });
    await session.unlock({ amr: ["pwd"] });
    expect((await use(place, second)).state).toBe("active");
  });

  it("is nobody's session: its tokens sign nobody in, and no session's token refreshes", async () => {
    const { place, token, sessionToken, family } = await granted();
    expect((await place.sessions.authenticate(token)).state).toBe("unknown");
    expect(await use(place, sessionToken)).toEqual({ state: "refused", why: "forged" });
    const found = await place.sessions.find(family);
    const rotated = await found?.rotate();
    expect(JSON.stringify(rotated)).not.toContain("sj1s_");
    const open = place.sessions.open({ subject: "eve", kind: "refresh" });
    expect(String(await failure(open))).toMatch(/kind/);
  });

  it("[RT-06] is no session to issue below: what is issued hangs on the session itself", async () => {
    const { place, family } = await granted();
    const found = await place.sessions.find(family);
    if (found === undefined) throw new Error("it is live");
    expect(await failure(issue(place, found))).toMatchObject({
      path: "refreshTokens.issue.session",
    });
  });

  it("counts under no limit of sessions and is evicted by none", async () => {
    const policy = { extends: "saas", concurrency: { max: 1, onLimit: "reject" } } as const;
    const place = world({ policy });
    const { session } = await place.sessions.open({ subject: "alice" });
    const { token } = await issue(place, session);
    expect(String(await failure(place.sessions.open({ subject: "alice" })))).toMatch(/1 live/);
    await session.logout();
    await place.sessions.open({ subject: "alice" });
    expect(await use(place, token)).toEqual({ state: "refused", why: "ended" });
  });

  it("refuses a grant that was changed in the store", async () => {
    const { place, token, family } = await granted();
    const found = await place.sessions.find(family);
    await found?.set("grant", { audience: AUDIENCE, scope: "admin" });
    expect(await failure(use(place, token))).toMatchObject({ code: "ERR_DATA_UNREADABLE" });
  });
});

describe("a look", () => {
  it("[JW-15] tells what a token is worth and changes nothing", async () => {
    const { place, token } = await granted();
    const look = (text: string) => place.sessions.refreshTokens.look(text);
    expect(await look(token)).toMatchObject({ client: "app", grant: { audience: AUDIENCE } });
    const tokens = await chain(place, token, 2);
    const before = place.named("session-rotated").length;
    expect(await look(tokens[0] ?? "")).toBeUndefined();
    expect(await look(tokens[2] ?? "")).toBeDefined();
    expect(place.named("token-fork").length + place.named("session-rotated").length).toBe(before);
    expect((await use(place, tokens[2] ?? "")).state).toBe("active");
  });
});

describe("an honest client", () => {
  /** What the network does to one use: how long each way takes, and whether it gets lost. */
  const trip = fc.record({
    there: fc.nat({ max: 4_900 }),
    back: fc.nat({ max: 4_900 }),
    lost: fc.constantFrom(false, false, false, true),
    pause: fc.constantFrom(0, 0, 1_000, 6_000, 11_000, 17_000, 300_000),
  });

  it("[RT-03] raises no alarm, whatever is lost, late or out of order", async () => {
    const trips = fc.array(trip, { minLength: 20, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(trips, async (plan) => {
        const { place, token } = await granted();
        await drive(place, token, plan);
        expect(place.named("token-fork")).toEqual([]);
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});

interface Trip {
  readonly there: number;
  readonly back: number;
  readonly lost: boolean;
  readonly pause: number;
}

/** A client that sends what it holds at that moment, and keeps whatever comes, in that order. */
async function drive(place: World, first: string, plan: readonly Trip[]): Promise<void> {
  let held = first;
  let sendAt = 0;
  const acts: { at: number; run: () => Promise<void> | void }[] = [];
  for (const { there, back, lost, pause } of plan) {
    sendAt += pause;
    const at = sendAt;
    acts.push({
      at,
      run: () => {
        const token = held;
        const arrive = async (): Promise<void> => {
          const standing = await use(place, token);
          if (standing.state !== "active") throw new Error(`refused: ${JSON.stringify(standing)}`);
          const { successor } = standing;
          if (lost || successor === undefined) return;
          acts.push({ at: at + there + back, run: () => void (held = successor) });
        };
        acts.push({ at: at + there, run: arrive });
      },
    });
  }
  let now = 0;
  while (acts.length > 0) {
    acts.sort((a, b) => a.at - b.at);
    const next = acts.shift();
    if (next === undefined) break;
    if (next.at > now) place.clock.advance(next.at - now);
    now = Math.max(now, next.at);
    await next.run();
  }
}
