/** `sojourn/websocket` with Socket.IO 4 and its client, over both transports. */
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { ask } from "../support/servers.ts";
import { MINUTE } from "../support/world.ts";
import { pass, settle } from "./live-harness.ts";
import { dial, stage, stopSocketIo } from "./socket-io-harness.ts";

afterEach(stopSocketIo);

describe.each([["websocket"], ["polling"]])("Socket.IO over %s", (transport) => {
  const transports = [transport];

  it("connects with the session's cookie, and the session is on the socket", async () => {
    const on = await stage();
    const { error, socket } = await dial(on, { transports });
    expect(error).toBeUndefined();
    expect(await socket.emitWithAck("say", "hello")).toBe("hello");
    expect([on.guests[0]?.subject, on.guests[0]?.id]).toEqual(["alice", on.session.id]);
    await on.session.set("cart", "apples");
    expect((await on.guests[0]?.read())?.data["cart"]).toBe("apples");
  });

  it("[TR-10] tells why and disconnects when the session ends, is locked or lapses", async () => {
    const on = await stage({ live: { require: { maxAgeMs: MINUTE } } });
    const { gone, told } = await dial(on, { transports });
    await on.session.logout();
    expect(await gone).toMatch(/io server disconnect|transport close/);
    expect(told).toEqual([["session-ended", { code: 4401, reason: "logout" }]]);
    const locked = await on.place.sessions.open({ subject: "bob", amr: ["pwd"] });
    const second = await dial({ url: on.url, token: locked.token }, { transports });
    await locked.session.lock();
    await second.gone;
    expect(second.told).toEqual([["session-locked", { code: 4423, reason: "locked" }]]);
    const old = await on.place.sessions.open({ subject: "eve", amr: ["pwd"] });
    const third = await dial({ url: on.url, token: old.token }, { transports });
    await settle(on.place);
    await pass(on.place, MINUTE + 1);
    await third.gone;
    expect(third.told).toEqual([["session-assurance", { code: 4403, reason: "assurance" }]]);
    expect(on.place.sessions.live.size).toBe(0);
  });

  it("[TR-09] refuses other origins, nobody, and trouble, with the problem in `connect_error`", async () => {
    const on = await stage();
    const cross = await dial(on, { transports, origin: "https://evil.example" });
    expect(cross.error?.data).toMatchObject({ code: "csrf_failed", status: 403 });
    const nobody = await dial({ url: on.url, token: "" }, { transports });
    expect(nobody.error?.data).toMatchObject({ code: "unauthenticated", status: 401 });
    on.place.store.setDown(true);
    const down = await dial(on, { transports });
    expect(down.error?.data).toMatchObject({ code: "unavailable", retryable: true });
    expect(on.guests).toEqual([]);
  });

  it("[TR-10] takes a ticket in `auth`, once, from any origin", async () => {
    const on = await stage();
    const { ticket } = await on.place.sessions.tickets.issue(on.session);
    const extraHeaders = { origin: "https://other.example" };
    const how = { transports, extraHeaders, auth: { ticket } };
    const { error } = await dial(on, how);
    expect([error, on.guests[0]?.subject]).toEqual([undefined, "alice"]);
    const again = await dial(on, how);
    expect(again.error?.data).toMatchObject({ code: "unauthenticated" });
    const odd = await dial(on, { transports, auth: { ticket: { $ne: "" } } });
    expect(odd.error?.data).toMatchObject({ code: "unauthenticated" });
  });

  it("counts events as activity where they do, heartbeats never", async () => {
    const on = await stage({ live: { activity: "messages" } });
    const { socket, gone } = await dial(on, { transports });
    await settle(on.place);
    await pass(on.place, 20 * MINUTE, MINUTE);
    await socket.emitWithAck("say", "working");
    await pass(on.place, 29 * MINUTE, MINUTE);
    expect(on.guests[0]?.end).toBeUndefined();
    await pass(on.place, MINUTE, MINUTE);
    await gone;
    expect(on.guests[0]?.end).toEqual({ kind: "ended", reason: "idle_timeout" });
  });

  it("leaves no watch behind when clients go", async () => {
    const on = await stage();
    const before = on.place.clock.pending;
    const all = await Promise.all(Array.from({ length: 5 }, () => dial(on, { transports })));
    await settle(on.place);
    expect(on.place.sessions.live.size).toBe(5);
    for (const { socket } of all) socket.disconnect();
    await expect.poll(() => on.place.sessions.live.size).toBe(0);
    await settle(on.place);
    expect(on.place.clock.pending).toBe(before);
  });
});

describe("Socket.IO's engine", () => {
  const probe = (transport: string, more = ""): string =>
    `/socket.io/?EIO=4&transport=${transport}${more}`;

  it("[TR-09] answers a cross-site handshake as HTTP 403 and opens nothing", async () => {
    const { io, url, token } = await stage({ engine: true });
    const headers = { origin: "https://evil.example", cookie: `session=${token}` };
    const polled = await ask(url + probe("polling"), { headers });
    expect([polled.status, polled.headers["content-type"]]).toEqual([
      403,
      "application/problem+json",
    ]);
    const upgrade = {
      ...headers,
      connection: "upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    };
    const refused = await ask(url + probe("websocket"), { headers: upgrade });
    expect([refused.status, refused.headers.connection]).toEqual([403, "close"]);
    // An empty `sid` starts a connection as none does; any other must be known.
    expect((await ask(url + probe("polling", "&sid="), { headers })).status).toBe(403);
    expect((await ask(url + probe("polling", "&sid=x"), { headers })).status).toBe(400);
    expect(io.engine.clientsCount).toBe(0);
  });

  it("lets its own pages through, and 503 is the answer while the store is down", async () => {
    const on = await stage({ engine: true });
    expect((await dial(on)).error).toBeUndefined();
    expect((await dial(on, { transports: ["polling"] })).error).toBeUndefined();
    on.place.store.setDown(true);
    const headers = { origin: on.url, cookie: `session=${on.token}` };
    const down = await ask(on.url + probe("polling"), { headers });
    expect([down.status, down.headers["retry-after"]]).toEqual([503, "1"]);
  });
});

it("disconnects a socket that connection state recovery let past the guard", async () => {
  const server = { connectionStateRecovery: { maxDisconnectionDuration: 60_000 } };
  const on = await stage({ server });
  const { socket, gone, told } = await dial(on);
  await settle(on.place);
  // What was sent last is the place from which a connection is recovered.
  on.io.emit("news");
  await expect.poll(() => told).toHaveLength(1);
  expect(on.place.sessions.live.size).toBe(1);
  // The transport breaks, as on a train; the session ends meanwhile.
  socket.io.engine.close();
  await gone;
  await expect.poll(() => on.place.sessions.live.size).toBe(0);
  await on.session.logout();
  const back = new Promise(
    (resolve) => void socket.once("connect", () => resolve(socket.recovered)),
  );
  const cut = new Promise((resolve) => void socket.once("disconnect", resolve));
  socket.connect();
  expect(await back).toBe(true);
  expect(await cut).toMatch(/io server disconnect|transport close/);
});

it("guards a namespace of its own as it does the server", async () => {
  const on = await stage();
  on.live.socketIo(on.io.of("/admin"));
  const { error } = await dial({ url: `${on.url}/admin`, token: "" }, { origin: on.url });
  expect(error?.data).toMatchObject({ code: "unauthenticated" });
  const good = await dial({ url: `${on.url}/admin`, token: on.token }, { origin: on.url });
  expect(good.error).toBeUndefined();
  await on.session.logout();
  await good.gone;
  expect(good.told).toEqual([["session-ended", { code: 4401, reason: "logout" }]]);
});

it("outlives a client that resets the connection while the store is asked about it", async () => {
  const on = await stage({ engine: true });
  const thrown: Error[] = [];
  const note = (error: Error): void => void thrown.push(error);
  process.on("uncaughtExceptionMonitor", note);
  const { store } = on.place;
  store.fail("find", "hang");
  const { port, host } = new URL(on.url);
  const socket = connect(Number(port), "127.0.0.1");
  socket.write(
    [
      "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
      `host: ${host}`,
      "connection: upgrade",
      "upgrade: websocket",
      "sec-websocket-version: 13",
      "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
      `cookie: session=${on.token}`,
      `origin: ${on.url}\r\n\r\n`,
    ].join("\r\n"),
  );
  await expect.poll(() => store.hanging).toBe(1);
  const server = on.io.httpServer;
  socket.resetAndDestroy();
  const left = (): Promise<number> =>
    new Promise((resolve) => void server.getConnections((_error, count) => resolve(count)));
  await expect.poll(left).toBe(0);
  store.release();
  await settle(on.place);
  process.off("uncaughtExceptionMonitor", note);
  expect(thrown).toEqual([]);
  expect((await dial(on)).error).toBeUndefined();
});
