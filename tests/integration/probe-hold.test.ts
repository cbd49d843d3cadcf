import { createServer } from "node:http";
import { afterEach, expect, it } from "vitest";
import { sessions as nodeSessions } from "sojourn/node";
import { sessions as expressSessions, sessionErrors } from "sojourn/express";
import express from "express";
import { ask, listen, stopServers, KINDS, serve, SAME_ORIGIN } from "../support/servers.ts";
import { world } from "../support/world.ts";
afterEach(stopServers);
it.each(KINDS)("own answer after caught awaited failure %s", async (kind) => {
  const place = world();
  const { url } = await serve(kind, place, async ({ session }) => {
    place.store.fail("create", "before");
    try { await session.set("n", 1); } catch { return { status: 418, body: "mine" }; }
    return { body: "no" };
  });
  const a = await ask(url, { method: "POST", headers: SAME_ORIGIN });
  expect([a.status, a.body]).toEqual([418, "mine"]);
});
it("sync answer in catch callback", async () => {
  const place = world();
  const withSession = nodeSessions(place.sessions);
  const { url } = await listen(createServer((req, res) => void withSession(req, res).then((session) => {
    place.store.fail("create", "before");
    session?.set("n", 1).catch(() => { res.statusCode = 418; res.end("mine"); });
  })));
  const a = await ask(url, { method: "POST", headers: SAME_ORIGIN });
  expect([a.status, a.body]).toEqual([418, "mine"]);
});
it("bad header while held", async () => {
  const place = world();
  const withSession = nodeSessions(place.sessions);
  let un = 0; const h = () => { un += 1; }; process.on("unhandledRejection", h);
  const { url } = await listen(createServer((req, res) => void withSession(req, res).then((session) => {
    void session?.set("n", 1);
    try { res.writeHead(200, { "x-a": "bad\nvalue" }); res.end("x"); } catch { res.statusCode = 500; res.end("caught"); }
  })));
  const a = await ask(url, { method: "POST", headers: SAME_ORIGIN }).catch((e) => String(e));
  await new Promise((r) => setTimeout(r, 20)); process.off("unhandledRejection", h);
  console.log("bad header", a, un);
  expect(un).toBe(0);
}, 2000);
