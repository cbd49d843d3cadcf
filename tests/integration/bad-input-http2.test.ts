/** HTTP/2, whose requests and responses only look like those of HTTP/1. */
import { connect } from "node:http2";
import type { IncomingHttpHeaders } from "node:http2";
import { afterEach, describe, expect, it } from "vitest";
import { KINDS, notes, SAME_ORIGIN, serve, stopServers } from "../support/servers.ts";
import type { Application, Kind } from "../support/servers.ts";
import { HOUR, world } from "../support/world.ts";

afterEach(stopServers);

/** Express 4 and 5, and Nest on them, do not speak it. */
const SPEAKERS: readonly Kind[] = KINDS.filter((kind) => !kind.includes("express"));

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly cookies: readonly string[];
  readonly body: string;
}

function ask2(url: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const client = connect(url);
    client.on("error", reject);
    const stream = client.request(headers);
    let head: IncomingHttpHeaders = {};
    let body = "";
    stream.on("response", (given) => void (head = given));
    stream.on("data", (chunk: Buffer) => void (body += chunk.toString()));
    stream.on("error", reject);
    stream.on("end", () => {
      client.close();
      const cookies = head["set-cookie"] ?? [];
      resolve({ status: Number(head[":status"]), headers: head, cookies, body });
    });
    stream.end();
  });
}

describe.each(SPEAKERS)("HTTP/2 to %s", (kind) => {
  async function start(application: Application = notes) {
    const place = world();
    const { url } = await serve(kind, place, application, { http2: true });
    return { place, url };
  }

  it("signs in, rotates, streams and signs out", async () => {
    const streaming: Application = (call) =>
      call.url.pathname === "/stream" ? { chunks: ["a", "b"] } : notes(call);
    const { place, url } = await start(streaming);
    const post = { ":method": "POST", ...SAME_ORIGIN };
    const login = await ask2(url, { ":path": "/login", ...post });
    expect([login.status, login.headers["cache-control"]]).toEqual([303, "no-store"]);
    const cookie = login.cookies[0]?.split(";")[0] ?? "";
    expect((await ask2(url, { ":path": "/", cookie })).body).toContain("alice");
    place.clock.advance(HOUR);
    const stream = await ask2(url, { ":path": "/stream", cookie });
    expect([stream.body, stream.cookies.length]).toEqual(["ab", 1]);
    const next = stream.cookies[0]?.split(";")[0] ?? "";
    expect(next).not.toBe(cookie);
    const logout = await ask2(url, { ":path": "/logout", ...post, cookie: next });
    expect(logout.cookies[0]).toContain("Max-Age=0");
    expect((await ask2(url, { ":path": "/", cookie: next })).body).toContain('"subject":null');
  });

  it("knows its own host by :authority", async () => {
    const { url } = await start();
    const own = { ":method": "POST", ":path": "/login", origin: url };
    expect((await ask2(url, own)).status).toBe(303);
    expect((await ask2(url, { ...own, origin: "http://evil.example" })).status).toBe(403);
  });

  it("holds the answer for a login that nobody awaited, and refuses in an outage", async () => {
    const careless: Application = ({ session, url }) => {
      if (url.pathname === "/login") void session.login("alice");
      return { body: "sent", headers: { "x-own": "1" } };
    };
    const { place, url } = await start(careless);
    const login = await ask2(url, { ":path": "/login", ":method": "POST", ...SAME_ORIGIN });
    expect([login.status, login.body, login.headers["x-own"]]).toEqual([200, "sent", "1"]);
    expect(login.cookies).toHaveLength(1);
    place.store.setDown(true);
    const cookie = login.cookies[0]?.split(";")[0] ?? "";
    const refused = await ask2(url, { ":path": "/", cookie });
    expect([refused.status, refused.headers["retry-after"]]).toEqual([503, "1"]);
  });
});
