/** `sojourn/websocket` with the client and server of `ws`: how long a socket lives. */
import { createSessions } from "sojourn";
import type { Requirement, SessionEnd } from "sojourn";
import { afterEach, describe, expect, it } from "vitest";
import { failure, idOf, MINUTE, SECOND, secretOf, world } from "../support/world.ts";
import type { Data } from "../support/world.ts";
import { connected, dial, pass, say, serveSockets, settle, stopLive } from "./live-harness.ts";
import type { Scene } from "./live-harness.ts";

afterEach(stopLive);

describe("a socket", () => {
  const ends: readonly [string, string, (stage: Scene) => Promise<unknown>][] = [
    ["signs out", "logout", ({ session }) => session.logout()],
    ["is revoked", "revoked", ({ place, session }) => place.sessions.revoke(idOf(session))],
    [
      "is revoked by another process",
      "revoked",
      ({ place, session }) => world({ beside: place }).sessions.revoke(idOf(session)),
    ],
    [
      "is ended with all of its subject's",
      "subject_revoked",
      ({ place }) => place.sessions.subject("alice").revokeAll(),
    ],
    [
      "is replaced by a login",
      "replaced",
      async ({ place, session }) => (await place.sessions.find(idOf(session)))?.login("alice"),
    ],
    [
      "is evicted by erasure",
      "revoked",
      ({ place }) => place.store.purgeSubject("default", "alice", place.clock.now()),
    ],
  ];
  it.each(ends)("[TR-10] is closed with 4401 when its session %s: %s", async (_how, word, act) => {
    const { client, ...stage } = await connected();
    await act(stage);
    expect(await client.closed).toMatchObject({ code: 4401 });
    const { reason } = await client.closed;
    expect([word, "subject_revoked"]).toContain(reason);
    expect(stage.server.guests[0]?.end?.kind).toBe("ended");
  });

  it("is closed with 4423 when its session is locked", async () => {
    const { place, client, session } = await connected();
    await session.lock();
    expect(await client.closed).toMatchObject({ code: 4423, reason: "locked" });
    await pass(place, 2 * SECOND);
    expect(place.clock.pending).toBe(0);
  });

  it("is closed at the idle deadline, not one millisecond before: sending is no activity", async () => {
    const { place, client } = await connected();
    for (let minute = 0; minute < 29; minute += 1) {
      await pass(place, MINUTE, MINUTE);
      await say(client, "still here");
    }
    await pass(place, MINUTE - 1);
    expect(place.sessions.live.size).toBe(1);
    await pass(place, 1);
    expect(await client.closed).toMatchObject({ code: 4401, reason: "idle_timeout" });
  });

  it("is closed with 4423 where idleness locks instead", async () => {
    const policy = { extends: "owasp-asvs-l2", onIdle: "lock-one-factor" } as const;
    const { place, client } = await connected({}, { policy });
    await pass(place, 31 * MINUTE, MINUTE);
    expect(await client.closed).toMatchObject({ code: 4423, reason: "locked" });
  });

  it("outlives the idle deadline by messages where they count, never the absolute one", async () => {
    const { place, client, session, server } = await connected({ activity: "messages" });
    for (let step = 0; step < 71; step += 1) {
      await pass(place, 10 * MINUTE, MINUTE);
      await say(client, "working");
    }
    expect(server.guests[0]?.end).toBeUndefined();
    expect((await place.sessions.find(idOf(session)))?.idleExpiresAt).toBe(
      session.absoluteExpiresAt,
    );
    await pass(place, 10 * MINUTE, MINUTE);
    expect(await client.closed).toMatchObject({ code: 4401, reason: "absolute_timeout" });
  });

  it("coalesces what counts: many messages are one touch", async () => {
    const { place, client, session } = await connected({ activity: "messages" });
    await pass(place, 5 * MINUTE, MINUTE);
    const before = session.seenAt ?? 0;
    for (let count = 0; count < 50; count += 1) {
      await say(client, `${count}`);
      if (count % 5 === 0) await pass(place, SECOND);
    }
    expect(place.store.calls("touch")).toBe(1);
    expect((await place.sessions.find(idOf(session)))?.seenAt).toBe(before + 5 * MINUTE);
  });

  it("does not count pings", async () => {
    const { place, client } = await connected({ activity: "messages" });
    await pass(place, 29 * MINUTE, MINUTE);
    const pong = new Promise((resolve) => void client.socket.once("pong", resolve));
    client.socket.ping("x");
    await pong;
    await pass(place, MINUTE, MINUTE);
    expect(await client.closed).toMatchObject({ code: 4401, reason: "idle_timeout" });
  });

  it("never revives by a message what idleness has ended", async () => {
    const { place, client, session } = await connected({ activity: "messages" });
    await pass(place, 30 * MINUTE - 1, MINUTE);
    // The deadline passes while nobody can be asked whether it was moved.
    place.store.fail("find", "hang");
    place.clock.advance(1);
    await say(client, "too late");
    expect(place.store.hanging).toBe(1);
    await place.clock.advanceAsync(500);
    expect(place.store.calls("touch")).toBe(0);
    place.store.release();
    expect(await client.closed).toMatchObject({ reason: "idle_timeout" });
    expect(await place.sessions.find(idOf(session))).toBeUndefined();
  });

  const lapses: readonly [string, Requirement, number][] = [
    ["elevation runs out", { elevated: true }, 5 * MINUTE],
    ["its factor is too old", { maxAgeMs: 2 * MINUTE }, 2 * MINUTE + 1],
    ["one of two factors is too old", { factors: 2, maxAgeMs: 2 * MINUTE }, 2 * MINUTE + 1],
  ];
  it.each(lapses)("is closed with 4403 the moment %s", async (_how, require, lapse) => {
    const place = world({ policy: { extends: "owasp-asvs-l2", sudoMs: 5 * MINUTE } });
    const { session } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
    const { token } = await session.stepUp({ amr: ["pwd", "otp"] });
    const server = await serveSockets(place, { require });
    const client = await dial(server, { token });
    await pass(place, lapse - 1);
    expect(place.sessions.live.size).toBe(1);
    await pass(place, 1);
    expect(await client.closed).toMatchObject({ code: 4403, reason: "assurance" });
    expect((await place.sessions.find(idOf(session)))?.subject).toBe("alice");
  });

  it("stays when the factor is given again in time", async () => {
    const { place, client, session } = await connected({ require: { maxAgeMs: 2 * MINUTE } });
    await pass(place, MINUTE, MINUTE);
    await session.stepUp({ amr: ["pwd"] });
    await pass(place, 2 * MINUTE);
    expect(place.sessions.live.size).toBe(1);
    await pass(place, 1);
    expect(await client.closed).toMatchObject({ code: 4403 });
  });

  it("lives across rotations, and its session is read as it is now", async () => {
    const { client, server, session } = await connected();
    const [guest] = server.guests;
    await session.rotate();
    await session.set("cart", "apples");
    await session.stepUp({ amr: ["otp"] });
    await say(client, "hello");
    const now = await guest?.read();
    expect([now?.data["cart"], now?.assurance?.amr]).toEqual(["apples", ["pwd", "otp"]]);
    await now?.set("cart", "pears");
    expect((await guest?.read())?.data["cart"]).toBe("pears");
  });

  it("refuses writes of a handler that still has the session when it has ended (I1)", async () => {
    const { place, client, server, session } = await connected();
    const now = await server.guests[0]?.read();
    await session.logout();
    await client.closed;
    const ended = { code: "ERR_SESSION_ENDED", reason: "logout" };
    expect(await failure(now?.set("cart", "x") ?? Promise.resolve())).toMatchObject(ended);
    // What has ended has ended, whoever can be asked. Invariant I2.
    place.store.setDown(true);
    expect(await failure(server.guests[0]?.read() ?? Promise.resolve())).toMatchObject(ended);
  });

  it("hears of an end by the next read, even where the tail is silent", async () => {
    const { place, client, server } = await connected();
    // A write that this process is not told of, as a lossy tail would lose it.
    const find = place.store.find.bind(place.store);
    const end: SessionEnd = { reason: "revoked", at: place.clock.now() };
    place.store.find = async (ref) => {
      const stored = await find(ref);
      return stored && { ...stored, record: { ...stored.record, state: "ended", end } };
    };
    expect(await failure(server.guests[0]?.read() ?? Promise.resolve())).toMatchObject({
      code: "ERR_SESSION_ENDED",
    });
    expect(await client.closed).toMatchObject({ code: 4401, reason: "revoked" });
  });

  it("[TR-10] is read every 20 s besides the tail, and closed when that shows an end", async () => {
    const { place, client } = await connected();
    const find = place.store.find.bind(place.store);
    const end: SessionEnd = { reason: "revoked", at: place.clock.now() };
    place.store.find = async (ref) => {
      const stored = await find(ref);
      return stored && { ...stored, record: { ...stored.record, state: "ended", end } };
    };
    await pass(place, 20 * SECOND);
    expect(await client.closed).toMatchObject({ code: 4401, reason: "revoked" });
  });

  it("delivers no message after the end, and cuts off a client that keeps sending", async () => {
    const { place, server, session, client } = await connected();
    // A client that ignores the close: it never answers it.
    const underlying = client.socket as unknown as { _receiver: { removeAllListeners(): void } };
    underlying._receiver.removeAllListeners();
    await session.logout();
    await settle(place);
    client.socket.send("after the end");
    await settle(place, 20);
    expect(server.arrivals).toEqual([]);
    expect(server.wss.clients.size).toBe(1);
    await pass(place, SECOND);
    await expect.poll(() => server.wss.clients.size).toBe(0);
  });
});

it("[TR-10] closes a socket the moment its session is revoked in its own process", async () => {
  const options = { secrets: [secretOf(1)], production: false, sweep: false } as const;
  const sessions = createSessions<Data>(options);
  const server = await serveSockets({ sessions });
  const taken: number[] = [];
  for (let round = 0; round < 30; round += 1) {
    const { session, token } = await sessions.open({ subject: "alice", amr: ["pwd"] });
    const client = await dial(server, { token });
    await sessions.revoke(idOf(session));
    const revokedAt = performance.now();
    const { at, code } = await client.closed;
    expect(code).toBe(4401);
    taken.push(at - revokedAt);
  }
  taken.sort((a, b) => a - b);
  const [median = 0, worst = 0] = [taken[15], taken.at(-1)];
  console.log(
    `note: revoked → closed, one process: ${median.toFixed(1)} ms, worst ${worst.toFixed(1)} ms`,
  );
  expect(worst).toBeLessThan(500);
  await sessions.close();
});
