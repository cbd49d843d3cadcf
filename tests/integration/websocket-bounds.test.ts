/** Sockets while the store is down, and many of them. */
import type { Duplex } from "node:stream";
import { afterEach, describe, expect, it } from "vitest";
import { failure, MINUTE, SECOND } from "../support/world.ts";
import {
  connected,
  dial,
  pass,
  say,
  scene,
  serveSockets,
  settle,
  stopLive,
} from "./live-harness.ts";

afterEach(stopLive);

describe("while the store is down", () => {
  it("sockets stay: an outage signs nobody out (I7)", async () => {
    const { place, client, server, token } = await connected();
    place.store.setDown(true);
    await pass(place, 28 * SECOND);
    await say(client, "still here");
    expect(server.guests[0]?.end).toBeUndefined();
    expect(await failure(server.guests[0]?.read() ?? Promise.resolve())).toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
    });
    place.store.setDown(false);
    await pass(place, 5 * MINUTE);
    expect(place.sessions.live.size).toBe(1);
    expect((await place.sessions.authenticate(token)).state).toBe("active");
  });

  it.each([
    ["closed", 30 * SECOND],
    ["degraded", 60 * SECOND],
  ] as const)(
    "a socket is closed with 4503 in the end (%s, %i ms, I3)",
    async (storeDown, bound) => {
      const policy = { extends: "owasp-asvs-l1", storeDown } as const;
      const { place, client, token } = await connected({}, { policy });
      place.store.setDown(true);
      await pass(place, bound - 1);
      expect(place.sessions.live.size).toBe(1);
      await pass(place, 1);
      expect(await client.closed).toMatchObject({ code: 4503, reason: "unavailable" });
      place.store.setDown(false);
      expect((await place.sessions.authenticate(token)).state).toBe("active");
    },
  );

  it("a store that hangs is no different", async () => {
    const { place, client } = await connected();
    place.store.fail("find", "hang", 60);
    await pass(place, 30 * SECOND);
    expect(await client.closed).toMatchObject({ code: 4503 });
    place.store.release();
  });

  it("the absolute end needs no store, and what cannot be shown to hold does not (I11)", async () => {
    const fresh = { require: { maxAgeMs: 10 * SECOND } };
    const { place, client } = await connected(fresh);
    place.store.setDown(true);
    await pass(place, 10 * SECOND + 1, 500);
    expect(await client.closed).toMatchObject({ code: 4503 });
    place.store.setDown(false);
    const { absoluteExpiresAt = 0, token } = await (async () => {
      const opened = await place.sessions.open({ subject: "bob", amr: ["pwd"] });
      return { absoluteExpiresAt: opened.session.absoluteExpiresAt, token: opened.token };
    })();
    const server = await serveSockets(place, { activity: "messages" });
    const other = await dial(server, { token });
    while (place.clock.now() < absoluteExpiresAt - 10 * SECOND) {
      await pass(
        place,
        Math.min(10 * MINUTE, absoluteExpiresAt - 10 * SECOND - place.clock.now()),
        MINUTE,
      );
      await say(other, "working");
    }
    place.store.setDown(true);
    await pass(place, 10 * SECOND);
    expect(await other.closed).toMatchObject({ code: 4401, reason: "absolute_timeout" });
  });
});

describe("many sockets", () => {
  it("of one session share one watch, and leave nothing behind", async () => {
    const { place, server, token, session } = await scene();
    const idle = place.clock.pending;
    const clients = await Promise.all(Array.from({ length: 40 }, () => dial(server, { token })));
    await settle(place);
    expect(place.sessions.live.size).toBe(40);
    place.store.resetCalls();
    await session.set("cart", "apples");
    await settle(place);
    // One for the write, one for the watch; not one for each socket.
    expect(place.store.calls("find")).toBeLessThanOrEqual(2);
    for (const { socket } of clients) socket.close();
    await Promise.all(clients.map(({ closed }) => closed));
    await settle(place);
    expect([place.sessions.live.size, place.clock.pending]).toEqual([0, idle]);
    place.store.resetCalls();
    await pass(place, MINUTE);
    expect(place.store.calls()).toBe(0);
  });

  it("that come later are judged by a read of their own, not by what others had", async () => {
    const { place, server, token } = await connected();
    const find = place.store.find.bind(place.store);
    const end = { reason: "revoked", at: place.clock.now() } as const;
    let reads = 0;
    // The session ends right after the handshake has seen it, and the tail does not say so.
    place.store.find = async (ref) => {
      const stored = await find(ref);
      reads += 1;
      if (reads === 1 || stored === undefined) return stored;
      return { ...stored, record: { ...stored.record, state: "ended", end } };
    };
    const late = await dial(server, { token });
    expect([late.status, await late.closed]).toMatchObject([101, { code: 4401 }]);
  });

  it("all hear the end, each once", async () => {
    const { place, server, token, session } = await scene();
    const clients = await Promise.all(Array.from({ length: 20 }, () => dial(server, { token })));
    await settle(place);
    await session.logout();
    const codes = await Promise.all(clients.map(async ({ closed }) => (await closed).code));
    expect(new Set(codes)).toEqual(new Set([4401]));
    await pass(place, 2 * SECOND);
    expect([place.sessions.live.size, place.clock.pending]).toEqual([0, 0]);
  });

  it("are closed with 1001 when the sessions are closed, and none opens afterwards", async () => {
    const { place, server, token } = await scene({ anonymous: "allow" });
    const clients = [await dial(server, { token }), await dial(server)];
    await settle(place);
    await place.sessions.close();
    await place.sessions.close();
    for (const { closed } of clients) {
      expect(await closed).toMatchObject({ code: 1001, reason: "closing" });
    }
    expect(await (await dial(server)).closed).toMatchObject({ code: 1001 });
    await pass(place, 2 * SECOND);
    expect([place.sessions.live.size, place.clock.pending]).toEqual([0, 0]);
  });
});

describe("a client that breaks the protocol", () => {
  it("loses its own socket and nothing else, whether the application listens for errors or not", async () => {
    const { place, client, server, token } = await connected();
    const other = await dial(server, { token });
    // Reserved bits that no extension asked for: `ws` tells of it with an error event.
    rawSocket(client.socket).write(Buffer.from([0xf1, 0x80, 1, 2, 3, 4]));
    expect(await client.closed).toMatchObject({ code: 1002 });
    await say(other, "still here");
    expect(place.sessions.live.size).toBe(1);
  });
});

function rawSocket(socket: object): Duplex {
  return (socket as { readonly _socket: Duplex })._socket;
}
