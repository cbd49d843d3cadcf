import { describe, expect, it } from "vitest";
import { failure, idOf, leave, visit, world } from "../../../../tests/support/world.ts";
import type { World } from "../../../../tests/support/world.ts";
import { Lockouts } from "./lockouts.ts";
import type { Lockout, LockoutKind } from "./lockouts.ts";
import type { SessionNews } from "./watch.ts";

const MESSAGE = "Call us.";
const ENDED = { state: "ended", reason: "locked_out", message: MESSAGE };

interface Place extends World {
  readonly lockouts: Lockouts;
  lock(kind: LockoutKind, value: string, more?: Partial<Lockout>): void;
}

function place(): Place {
  const lockouts = new Lockouts();
  const tenant = "default";
  const lock: Place["lock"] = (kind, value, more = {}) =>
    lockouts.set({ id: "lck_1", tenant, kind, value, message: MESSAGE, ...more });
  return { ...world({ lockouts }), lockouts, lock };
}

const OPENING = { subject: "alice", client: "app", device: { id: "dev" } };
const CASES: readonly (readonly [LockoutKind, string])[] = [
  ["subject", "alice"],
  ["client", "app"],
  ["device", "dev"],
  ["network", "203.0.113.0/24"],
  ["tenant", ""],
];

describe("a lockout", () => {
  it.each(CASES)(
    "of a %s ends what is live of it when presented, for good",
    async (kind, value) => {
      const p = place();
      const { token, session } = await p.sessions.open(OPENING);
      const from = { address: "203.0.113.9" };
      expect((await p.sessions.authenticate(token, from)).state).toBe("active");
      p.lock(kind, value, { reason: "fraud" });
      expect(await p.sessions.authenticate(token, from)).toEqual(ENDED);
      expect(p.named("session-ended")).toMatchObject([
        { session: session.id, reason: "locked_out", cause: "fraud", actor: "lock:lck_1" },
      ]);
      p.lockouts.lift("lck_1");
      expect(await p.sessions.authenticate(token, from)).toEqual({
        state: "ended",
        reason: "locked_out",
      });
    },
  );

  it.each(CASES)("of a %s lets nothing of it open, until it is lifted", async (kind, value) => {
    const p = place();
    p.lock(kind, value, { expiresAt: p.clock.now() + 1_000 });
    const opening = { ...OPENING, address: "203.0.113.9" };
    const refused = await failure(p.sessions.open(opening));
    expect(refused).toMatchObject({ code: "ERR_LOCKED_OUT", notice: MESSAGE, retryable: false });
    expect(p.named("session-established")).toEqual([]);
    p.clock.advance(1_000);
    expect((await p.sessions.open(opening)).session.state).toBe("active");
  });

  it("is told to nobody before its end is stored: trouble is trouble", async () => {
    const p = place();
    const { token } = await p.sessions.open(OPENING);
    p.lock("device", "dev");
    p.store.fail("revoke", "before");
    expect(await failure(p.sessions.authenticate(token))).toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
    });
    expect(await p.sessions.authenticate(token)).toEqual(ENDED);
  });

  it("leaves the old session alone that a refused login would have replaced", async () => {
    const p = place();
    const { token } = await p.sessions.open({ subject: "bob" });
    p.lock("subject", "alice");
    const { session } = await visit(p, { token });
    expect(await failure(session.login("alice"))).toMatchObject({ code: "ERR_LOCKED_OUT" });
    expect((await p.sessions.authenticate(token)).state).toBe("active");
  });

  it("of a network counts by the address of the request, behind trusted proxies", async () => {
    const lockouts = new Lockouts();
    const p = world({ lockouts, proxies: ["10.0.0.0/8"] });
    const network = { kind: "network", value: "198.51.100.0/24", message: MESSAGE } as const;
    lockouts.set({ id: "lck_1", tenant: "default", ...network });
    const { token } = await p.sessions.open({ subject: "alice" });
    const through = (address: string) =>
      visit(p, {
        token,
        headers: { "x-forwarded-for": address, "x-forwarded-proto": "https" },
        view: { remoteAddress: "10.0.0.1" },
      });
    expect((await through("192.0.2.1")).session.subject).toBe("alice");
    // Named by somebody who is no proxy: that is not where the request comes from.
    const named = { "x-forwarded-for": "198.51.100.7" };
    expect((await visit(p, { token, headers: named })).session.subject).toBe("alice");
    const { session } = await through("198.51.100.7");
    expect([session.endedReason, session.endedMessage]).toEqual(["locked_out", MESSAGE]);
    const login = await through("198.51.100.7");
    expect(await failure(login.session.login("bob"))).toMatchObject({ code: "ERR_LOCKED_OUT" });
    expect(leave(login).cookies).toEqual([]);
  });

  it("ends a session for whoever looks at it, changes it or gives a factor", async () => {
    for (const act of ["find", "extend", "update", "rotate", "lock", "stepUp"] as const) {
      const p = place();
      const { session } = await p.sessions.open(OPENING);
      p.lock("client", "app");
      const acts = {
        find: async () => expect(await p.sessions.find(idOf(session))).toBeUndefined(),
        extend: () => session.extend(),
        update: () => session.update((draft) => void (draft["n"] = 1)),
        rotate: () => session.rotate(),
        lock: () => session.lock(),
        stepUp: () => session.stepUp({ amr: ["otp"] }),
      };
      if (act === "find") await acts.find();
      else {
        const error = await failure(Promise.resolve(acts[act]()));
        expect([act, error]).toEqual([act, expect.objectContaining({ reason: "locked_out" })]);
      }
      p.lockouts.lift("lck_1");
      expect(await p.sessions.describe(idOf(session))).toMatchObject({ reason: "locked_out" });
    }
  });

  it("ends tickets and refresh tokens with their session, and those of a client alone", async () => {
    const p = place();
    const { session } = await p.sessions.open({ subject: "alice" });
    const grant = { client: "app", audience: "https://api.example" };
    const issued = await p.sessions.refreshTokens.issue(session, grant);
    const { ticket } = await p.sessions.tickets.issue(session);
    p.lock("client", "app");
    expect(await p.sessions.refreshTokens.look(issued.token)).toBeUndefined();
    expect(await p.sessions.refreshTokens.use(issued.token, { client: "app" })).toEqual({
      state: "refused",
      why: "ended",
    });
    const again = failure(p.sessions.refreshTokens.issue(session, grant));
    expect(await again).toMatchObject({ code: "ERR_LOCKED_OUT" });
    expect((await p.sessions.tickets.redeem(ticket))?.subject).toBe("alice");
    const { ticket: second } = await p.sessions.tickets.issue(session);
    p.lockouts.lift("lck_1");
    p.lock("network", "203.0.113.0/24");
    const where = { address: "203.0.113.9" };
    expect(await p.sessions.tickets.redeem(second, where)).toBeUndefined();
  });

  it("is told to watchers at once, with its message, and to no others", async () => {
    const p = place();
    const said = new Map<string, SessionNews[]>();
    const ids: string[] = [];
    for (const [name, device, address] of [
      ["hit", "dev", "192.0.2.1"],
      ["near", "other", "203.0.113.9"],
      ["spared", "other", "192.0.2.1"],
    ] as const) {
      const { session } = await p.sessions.open({ subject: name, device: { id: device } });
      const news: SessionNews[] = [];
      if (name !== "spared") ids.push(idOf(session));
      said.set(name, news);
      p.sessions.watch(idOf(session), (one) => news.push(one), { address });
    }
    const last = async (name: string): Promise<SessionNews | undefined> => {
      for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
      return said.get(name)?.at(-1);
    };
    p.lock("device", "dev");
    const ended = { type: "ended", reason: "locked_out", message: MESSAGE };
    expect(await last("hit")).toMatchObject(ended);
    expect(await last("near")).toMatchObject({ type: "hello" });
    p.lock("network", "203.0.113.0/24", { id: "lck_2" });
    expect(await last("near")).toMatchObject(ended);
    expect(await last("spared")).toMatchObject({ type: "hello" });
    // What somebody was told stays true.
    p.lockouts.replace([]);
    for (const id of ids) {
      expect(await p.sessions.describe(id)).toMatchObject({ reason: "locked_out" });
    }
  });

  it("closes the live connections from a network alone, and the session of theirs", async () => {
    const p = place();
    const { session } = await p.sessions.open({ subject: "alice" });
    const closed: unknown[] = [];
    for (const address of ["192.0.2.1", "203.0.113.9"]) {
      const live = p.sessions.live.hold(session, { maxPerSession: 9, address });
      live.begin((end) => closed.push([address, end]));
      await live.read();
    }
    p.lock("network", "198.51.100.0/24");
    expect(closed).toEqual([]);
    p.lock("network", "203.0.113.0/24", { id: "lck_2" });
    const ended = { kind: "ended", reason: "locked_out" };
    expect(closed[0]).toEqual(["203.0.113.9", ended]);
    // Its session was presented from there: it ends, and with it what others have open.
    await expect.poll(() => closed).toHaveLength(2);
    expect(await p.sessions.describe(idOf(session))).toMatchObject({ reason: "locked_out" });
  });

  it("says what it is to an explanation", async () => {
    const p = place();
    const { token } = await p.sessions.open(OPENING);
    p.lock("device", "dev");
    const { session } = await visit(p, { token });
    expect(session.explain().says).toMatch(/lock/);
  });
});
