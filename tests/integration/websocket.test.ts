/** `sojourn/websocket` with the client and server of `ws`: who gets a socket. */
import { connect } from "node:net";
import { LIVE_CLOSE_CODES, webSocketSessions } from "sojourn/websocket";
import { afterEach, describe, expect, it } from "vitest";
import { idOf, MINUTE, world } from "../support/world.ts";
import { codeOf, connected, dial, pass, say, scene, settle, stopLive } from "./live-harness.ts";

afterEach(stopLive);

describe("a handshake", () => {
  it("opens a socket for the session's cookie and the application's own origin", async () => {
    const { server, client, session } = await connected();
    await say(client, "hello");
    expect(server.arrivals).toMatchObject([{ message: "hello" }]);
    const [guest] = server.guests;
    expect([guest?.subject, guest?.id, guest?.tenant]).toEqual(["alice", session.id, "default"]);
  });

  it("opens one for a program that sends the token as a bearer", async () => {
    const { server, token } = await scene();
    const headers = { authorization: `Bearer ${token}` };
    expect((await dial(server, { headers, origin: "" })).status).toBe(101);
  });

  it("[TR-09] is refused with 403 from every other origin, and from none at all", async () => {
    const { server, token } = await scene();
    const port = new URL(server.origin).port;
    const origins = [
      "https://evil.example",
      "null",
      `http://127.0.0.2:${port}`,
      `x, ${server.origin}`,
    ];
    for (const origin of origins) {
      const refused = await dial(server, { token, origin });
      expect([refused.status, codeOf(refused)]).toEqual([403, "csrf_failed"]);
      expect(refused.headers).toMatchObject({
        connection: "close",
        "content-type": "application/problem+json",
      });
    }
    expect((await dial(server, { token, origin: "" })).status).toBe(403);
    const headers = { "sec-fetch-site": "same-site" };
    expect((await dial(server, { token, headers })).status).toBe(403);
    expect(server.guests).toEqual([]);
  });

  it("[TR-09] is refused over plain HTTP in production, and passes behind a proxy's TLS", async () => {
    const csrf = { origins: ["https://app.example"] };
    const how = { production: true, csrf, proxies: ["127.0.0.0/8"] };
    const { server, token } = await scene({ anonymous: "allow" }, how);
    const headers = { cookie: `__Host-session=${token}` };
    const origin = "https://app.example";
    const plain = await dial(server, { origin, headers });
    expect([plain.status, codeOf(plain)]).toEqual([403, "forbidden"]);
    const behind = { ...headers, "x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9" };
    expect((await dial(server, { origin, headers: behind })).status).toBe(101);
  });

  it("is refused with 401 without a session, and with the reason where it has ended", async () => {
    const { server, session, token } = await scene();
    const nobody = await dial(server);
    expect([nobody.status, codeOf(nobody)]).toEqual([401, "unauthenticated"]);
    await session.logout();
    const ended = await dial(server, { token });
    expect(ended.status).toBe(401);
    expect(JSON.parse(ended.body)).toMatchObject({ code: "session_ended", reason: "logout" });
  });

  it("opens a socket without a session where that is allowed, but none for half a one", async () => {
    const { server, session, token } = await scene({ anonymous: "allow" });
    expect((await dial(server)).status).toBe(101);
    const [guest] = server.guests;
    expect([guest?.id, guest?.subject]).toEqual([null, null]);
    expect((await guest?.read())?.state).toBe("anonymous");
    await session.lock();
    expect((await dial(server, { token })).status).toBe(423);
  });

  it("is refused with 423 while locked, 403 while a factor is missing", async () => {
    const { place, server, session, token } = await scene();
    await session.lock();
    expect((await dial(server, { token })).status).toBe(423);
    const half = await place.sessions.open({ subject: "bob", amr: ["pwd"], pending: true });
    const pending = await dial(server, { token: half.token });
    expect([pending.status, codeOf(pending)]).toEqual([403, "step_up_required"]);
  });

  it("is refused with 403 and the challenge when the session does not meet `require`", async () => {
    const { server, token } = await scene({ require: { acr: "aal2", maxAgeMs: MINUTE } });
    const refused = await dial(server, { token });
    expect(refused.headers["www-authenticate"]).toContain("insufficient_user_authentication");
    expect(JSON.parse(refused.body)).toMatchObject({
      code: "step_up_required",
      required: { acr: "aal2" },
    });
  });

  it("is refused with 503 while the store is down: nobody is signed out (I7)", async () => {
    const { place, server, token } = await scene();
    place.store.setDown(true);
    const refused = await dial(server, { token });
    expect([refused.status, codeOf(refused)]).toEqual([503, "unavailable"]);
    expect(refused.headers).toMatchObject({ "retry-after": "1", connection: "close" });
    expect(refused.headers["set-cookie"]).toBeUndefined();
    place.store.setDown(false);
    expect((await dial(server, { token })).status).toBe(101);
  });

  it("is refused with 429 beyond the connections that a session may have", async () => {
    const { place, server, token } = await scene({ maxPerSession: 2 });
    const first = await dial(server, { token });
    await dial(server, { token });
    const third = await dial(server, { token });
    expect([third.status, third.headers["retry-after"]]).toEqual([429, "5"]);
    first.socket.close();
    await first.closed;
    await settle(place);
    expect((await dial(server, { token })).status).toBe(101);
  });

  it("is one of no more than that, however many are made at the same moment", async () => {
    const { place, server, token } = await scene({ maxPerSession: 3 });
    // All are judged on one and the same instant: none sees the others.
    place.store.fail("find", "hang", 20);
    const dialled = Array.from({ length: 20 }, () => dial(server, { token }));
    await expect.poll(() => place.store.hanging).toBe(20);
    place.store.release();
    const all = await Promise.all(dialled);
    const open = all.filter(({ status }) => status === 101);
    await expect.poll(() => server.wss.clients.size).toBe(3);
    expect(place.sessions.live.size).toBe(3);
    for (const { closed, socket } of open) {
      if (socket.readyState === 1) continue;
      expect(await closed).toMatchObject({ code: 4429, reason: "crowded" });
    }
    expect(all.every(({ status }) => status === 101 || status === 429)).toBe(true);
  });

  it("refuses a token that was just replaced: the socket would rise with the session", async () => {
    const { server, session, token } = await scene({ require: { factors: 1 } });
    await session.stepUp({ amr: ["otp"] });
    const straggler = await dial(server, { token });
    expect([straggler.status, codeOf(straggler)]).toEqual([401, "unauthenticated"]);
  });

  it("is no activity, and rotates nothing: no cookie goes with a 101", async () => {
    const policy = { extends: "owasp-asvs-l2", rotateEveryMs: MINUTE } as const;
    const { place, server, session, token } = await scene({}, { policy });
    const before = session.idleExpiresAt;
    await pass(place, 10 * MINUTE, MINUTE);
    const client = await dial(server, { token });
    await pass(place, 10 * MINUTE, MINUTE);
    expect((await place.sessions.find(idOf(session)))?.idleExpiresAt).toBe(before);
    expect(client.headers["set-cookie"]).toBeUndefined();
    expect(place.store.calls("touch") + place.store.calls("replace")).toBe(0);
  });

  it("survives a client that goes away while it is judged, and holds nothing for it", async () => {
    const { place, server, token } = await scene();
    place.store.fail("find", "hang");
    const { port } = new URL(server.origin);
    const raw = connect(Number(port), "127.0.0.1");
    raw.write(
      `GET / HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: upgrade\r\nupgrade: websocket\r\n` +
        `origin: ${server.origin}\r\ncookie: session=${token}\r\nsec-websocket-version: 13\r\n` +
        "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    await expect.poll(() => place.store.hanging).toBe(1);
    raw.resetAndDestroy();
    await new Promise((resolve) => void setTimeout(resolve, 20));
    place.store.release();
    await settle(place);
    expect([server.guests.length, place.sessions.live.size]).toEqual([0, 0]);
    expect((await dial(server, { token })).status).toBe(101);
  });
});

describe("webSocketSessions", () => {
  it("lists every option that makes no sense", () => {
    const { sessions } = world();
    const options = {
      activity: "pings",
      anonymous: true,
      maxPerSession: 0,
      require: { aal: 2 },
    } as unknown as Parameters<typeof webSocketSessions>[1];
    expect(() => webSocketSessions(sessions, options)).toThrow(
      expect.objectContaining({
        code: "ERR_CONFIG",
        problems: ["anonymous", "maxPerSession", "require.aal", "activity"].map((path) =>
          expect.objectContaining({ path }),
        ),
      }),
    );
  });

  it("takes from 1 to 10 000 connections of a session, and no more", () => {
    const { sessions } = world();
    const make = (maxPerSession: number) => () => webSocketSessions(sessions, { maxPerSession });
    for (const fits of [1, 10_000]) expect(make(fits)).not.toThrow();
    const range = "maxPerSession: a whole number from 1 to 10000";
    for (const wrong of [0, 10_001, 1.5, Number.NaN]) expect(make(wrong)).toThrow(range);
  });

  it("says which request it does not know", () => {
    const live = webSocketSessions(world().sessions);
    expect(() => live.sessionOf({} as never)).toThrow("did not come through `upgrade`");
  });

  it("has closed codes that applications may use, and no two alike", () => {
    const codes = Object.values(LIVE_CLOSE_CODES);
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) {
      expect(code === 1001 || (code >= 4400 && code < 4500) || code === 4503).toBe(true);
    }
  });
});
