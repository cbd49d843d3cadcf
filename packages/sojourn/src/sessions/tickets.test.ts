import { describe, expect, it } from "vitest";
import type { Session } from "./session.ts";
import {
  failure,
  idOf,
  MINUTE,
  SECOND,
  secretOf,
  sessionIn,
  successorIn,
  visit,
  world,
} from "../../../../tests/support/world.ts";
import type { Data, World } from "../../../../tests/support/world.ts";
import { MemoryStore } from "../stores/memory.ts";

async function withTicket(place: World = world(), lifeMs?: number) {
  const { session, token } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
  const issued = await place.sessions.tickets.issue(
    session,
    lifeMs === undefined ? {} : { lifeMs },
  );
  return { place, session, token, ...issued };
}

describe("a ticket", () => {
  it("[TR-10] is redeemed once, for the session as it is now", async () => {
    const { place, session, ticket } = await withTicket();
    await session.set("cart", "apples");
    const redeemed = await place.sessions.tickets.redeem(ticket);
    expect([redeemed?.id, redeemed?.subject, redeemed?.data["cart"]]).toEqual([
      session.id,
      "alice",
      "apples",
    ]);
    expect(await place.sessions.tickets.redeem(ticket)).toBeUndefined();
    expect(place.named("token-unknown")).toMatchObject([{ why: "ticket used before" }]);
  });

  it("[TR-10] goes to one of 50 who bring it at once, whichever process they ask", async () => {
    const { place, ticket } = await withTicket();
    const other = world({ beside: place });
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, at) =>
        (at % 2 === 0 ? place : other).sessions.tickets.redeem(ticket),
      ),
    );
    expect(results.filter((session) => session !== undefined)).toHaveLength(1);
  });

  it("lives 30 s unless told otherwise, to the millisecond", async () => {
    const place = world();
    const { ticket, expiresAt } = await withTicket(place);
    expect(expiresAt).toBe(place.clock.now() + 30 * SECOND);
    const { ticket: other } = await withTicket(place, 2 * SECOND);
    await place.clock.advanceAsync(2 * SECOND - 1);
    expect((await place.sessions.tickets.redeem(other))?.subject).toBe("alice");
    const { ticket: third } = await withTicket(place, 2 * SECOND);
    await place.clock.advanceAsync(2 * SECOND);
    const finds = place.store.calls("find");
    expect(await place.sessions.tickets.redeem(third)).toBeUndefined();
    expect(place.store.calls("find")).toBe(finds);
    await place.clock.advanceAsync(26 * SECOND + 1);
    expect(await place.sessions.tickets.redeem(ticket)).toBeUndefined();
  });

  it("never outlives its session's absolute end", async () => {
    const place = world({ policy: "owasp-asvs-l2" });
    const { session } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
    const end = session.absoluteExpiresAt ?? 0;
    while (place.clock.now() < end - 5 * SECOND) {
      await place.clock.advanceAsync(Math.min(20 * MINUTE, end - 5 * SECOND - place.clock.now()));
      await session.extend();
    }
    expect((await place.sessions.tickets.issue(session)).expiresAt).toBe(end);
  });

  it("is worth nothing when its session has ended, locked or is unknown, and is not used up", async () => {
    const { place, session, ticket } = await withTicket();
    await session.lock();
    const creates = place.store.calls("create");
    expect(await place.sessions.tickets.redeem(ticket)).toBeUndefined();
    expect(place.store.calls("create")).toBe(creates);
    const second = await withTicket(place);
    await second.session.logout();
    expect(await place.sessions.tickets.redeem(second.ticket)).toBeUndefined();
    const elsewhere = world({ store: new MemoryStore() });
    const third = await withTicket(place);
    expect(await elsewhere.sessions.tickets.redeem(third.ticket)).toBeUndefined();
  });

  const hard: readonly (readonly [string, (session: Session<Data>) => Promise<unknown>])[] = [
    ["rotate", (session) => session.rotate()],
    ["step-up", (session) => session.stepUp({ amr: ["otp"] })],
    ["lock and unlock", (session) => session.lock().then(() => session.unlock({ amr: ["pwd"] }))],
  ];
  it.each(hard)("is worth nothing after a %s: neither is its maker's token", async (_name, act) => {
    const { place, session, token, ticket } = await withTicket();
    const before = (await place.sessions.tickets.issue(session)).ticket;
    await act(session);
    const after = (await place.sessions.tickets.issue(session)).ticket;
    // Not even for the time that the token itself may still be under way.
    expect(await place.sessions.tickets.redeem(ticket)).toBeUndefined();
    await place.clock.advanceAsync(10 * SECOND);
    expect(await place.sessions.authenticate(token)).toMatchObject({ reason: "replaced" });
    expect(await place.sessions.tickets.redeem(before)).toBeUndefined();
    expect((await place.sessions.tickets.redeem(after))?.subject).toBe("alice");
  });

  it("stays good while the browser's token is replaced in the usual way, hard ones before or not", async () => {
    const rotateEveryMs = 5 * MINUTE;
    const place = world({ policy: { extends: "owasp-asvs-l2", rotateEveryMs } });
    const { session } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
    let { token } = await session.rotate();
    for (let turn = 0; turn < 3; turn += 1) {
      await place.clock.advanceAsync(rotateEveryMs);
      const { ticket } = await place.sessions.tickets.issue(
        sessionIn(await place.sessions.authenticate(token)),
      );
      token = successorIn(await place.sessions.authenticate(token, { canSetToken: true }));
      expect((await place.sessions.authenticate(token)).state).toBe("active");
      expect((await place.sessions.tickets.redeem(ticket))?.subject).toBe("alice");
    }
  });

  it("[TN-01] is worth nothing in another tenant", async () => {
    const place = world();
    const { session } = await place.sessions.open({ subject: "alice", tenant: "acme" });
    const { ticket } = await place.sessions.tickets.issue(session);
    expect(await place.sessions.tickets.redeem(ticket)).toBeUndefined();
    expect(place.store.calls("find")).toBe(0);
    const redeemed = await place.sessions.tickets.redeem(ticket, { tenant: "acme" });
    expect([redeemed?.tenant, redeemed?.subject]).toEqual(["acme", "alice"]);
  });

  it("stays good when the store fails while it is looked at (I7)", async () => {
    const { place, ticket } = await withTicket();
    place.store.fail("find", "before");
    expect(await failure(place.sessions.tickets.redeem(ticket))).toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
    });
    place.store.fail("create", "before");
    expect(await failure(place.sessions.tickets.redeem(ticket))).toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
    });
    expect((await place.sessions.tickets.redeem(ticket))?.subject).toBe("alice");
  });

  it("is used up by one character more, less or other in no case: none of those is a ticket", async () => {
    const { place, ticket } = await withTicket();
    const finds = place.store.calls("find");
    for (let at = 0; at < ticket.length; at += 1) {
      const other = ticket[at] === "A" ? "B" : "A";
      const forged = ticket.slice(0, at) + other + ticket.slice(at + 1);
      expect(await place.sessions.tickets.redeem(forged), `at ${at}`).toBeUndefined();
    }
    const odd: unknown[] = ["", ticket.slice(1), `${ticket}A`, "x".repeat(1e6), null, {}, 7];
    for (const one of odd) {
      expect(await place.sessions.tickets.redeem(one as string)).toBeUndefined();
    }
    expect(place.store.calls("find")).toBe(finds);
    expect(place.named("token-forged").length).toBe(ticket.length + odd.length);
    expect((await place.sessions.tickets.redeem(ticket))?.subject).toBe("alice");
  });

  it("is no session token, and a session token is no ticket", async () => {
    const { place, token, ticket } = await withTicket();
    expect(ticket).toMatch(/^sj1t_[\w-]{80}$/);
    expect((await place.sessions.authenticate(ticket)).state).toBe("unknown");
    expect((await visit(place, { token: ticket })).session.state).toBe("anonymous");
    const headers = { authorization: `Bearer ${ticket}` };
    expect((await visit(place, { headers })).session.state).toBe("anonymous");
    expect(await place.sessions.tickets.redeem(token)).toBeUndefined();
    const renamed = `sj1t_${token.slice(5)}`;
    expect(await place.sessions.tickets.redeem(renamed)).toBeUndefined();
  });

  it("survives a rollout of secrets like any token", async () => {
    const { place, ticket } = await withTicket();
    const next = world({ beside: place, secrets: [secretOf(2), secretOf(1)] });
    expect((await next.sessions.tickets.redeem(ticket))?.subject).toBe("alice");
    const fresh = await withTicket(next);
    expect(await place.sessions.tickets.redeem(fresh.ticket)).toBeUndefined();
  });
});

describe("issuing", () => {
  it("touches no store, and refuses a life that is not short", async () => {
    const place = world();
    const { session } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
    place.store.setDown(true);
    await place.sessions.tickets.issue(session, { lifeMs: 1_000 });
    await place.sessions.tickets.issue(session, { lifeMs: 120_000 });
    for (const lifeMs of [999, 120_001, 1.5, Number.NaN, "30s" as unknown as number]) {
      expect(await failure(place.sessions.tickets.issue(session, { lifeMs }))).toMatchObject({
        code: "ERR_INVALID_ARGUMENT",
        path: "tickets.issue.lifeMs",
      });
    }
  });

  it("asks for a session that is all there", async () => {
    const place = world();
    const issue = (session: Session<Data>) => failure(place.sessions.tickets.issue(session));
    const { session: nobody } = await visit(place);
    expect(await issue(nobody)).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    const { session: half } = await place.sessions.open({ subject: "a", pending: true });
    expect(await issue(half)).toMatchObject({ code: "ERR_ASSURANCE" });
    const { session } = await place.sessions.open({ subject: "b", amr: ["pwd"] });
    await session.lock(2);
    expect(await issue(session)).toMatchObject({ code: "ERR_SESSION_LOCKED", factors: 2 });
    await session.logout();
    expect(await issue(session)).toMatchObject({ code: "ERR_SESSION_ENDED", reason: "logout" });
  });

  it("refuses a request whose token was just replaced: a ticket would raise it", async () => {
    const place = world();
    const { session, token } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
    await session.stepUp({ amr: ["otp"] });
    const straggler = await visit(place, { token });
    expect(straggler.session.assurance?.amr).toEqual(["pwd"]);
    expect(await failure(place.sessions.tickets.issue(straggler.session))).toMatchObject({
      code: "ERR_ASSURANCE",
    });
  });
});

describe("what a store keeps of a ticket", () => {
  it("is nothing before it is used, and nothing that opens anything afterwards (I12)", async () => {
    const kept: string[] = [];
    const place = world();
    const create = place.store.create.bind(place.store);
    place.store.create = (record, options) => {
      kept.push(JSON.stringify(record));
      return create(record, options);
    };
    const { ticket } = await withTicket(place);
    expect(kept).toHaveLength(1);
    expect(kept[0]).not.toContain("ticket");
    await place.sessions.tickets.redeem(ticket);
    expect(kept).toHaveLength(2);
    expect(kept.join()).not.toContain(ticket.slice(5));
    expect(kept.join()).not.toContain(ticket.slice(-16));
    expect(JSON.stringify(place.events)).not.toContain(ticket.slice(5));
  });

  it("is in no list, count, search or event of sessions, and is gone in the end", async () => {
    const store = new MemoryStore();
    const place = world({ store });
    const { session, ticket } = await withTicket(place);
    await place.sessions.tickets.redeem(ticket);
    const any = { state: "any" } as const;
    expect(await place.sessions.count(any)).toEqual({ count: 1, exact: true });
    const page = await place.sessions.query(any);
    expect(page.items.map(({ kind }) => kind)).toEqual(["user"]);
    const claim = Buffer.from(ticket.slice(5), "base64url").subarray(30, 48).toString("base64url");
    expect(await place.sessions.describe(`ses_${claim}`)).toBeUndefined();
    const kept = { tenant: "default~ticket", ...any };
    await place.clock.advanceAsync(MINUTE);
    place.events.length = 0;
    expect(await place.sessions.sweep()).toBe(0);
    expect(await store.count(kept, place.clock.now())).toMatchObject({ count: 1 });
    // As soon as no clock can take the ticket for good any more, not when ended sessions go.
    await place.clock.advanceAsync(MINUTE);
    expect(await place.sessions.sweep()).toBe(0);
    expect(await store.count(kept, place.clock.now())).toMatchObject({ count: 0 });
    expect(place.events).toEqual([]);
    expect(await place.sessions.tickets.redeem(ticket)).toBeUndefined();
    expect((await place.sessions.find(idOf(session)))?.subject).toBe("alice");
  });
});
