/** `sojourn/sse` on real responses: Node, Express and Fetch. */
import { createServer, request } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import express from "express";
import Fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import type { Session } from "sojourn";
import { sessions as expressSessions } from "sojourn/express";
import * as fastifyAdapter from "sojourn/fastify";
import { sessions as fetchSessions } from "sojourn/fetch";
import { sessions as honoSessions } from "sojourn/hono";
import type { SessionEnv } from "sojourn/hono";
import { sessions as koaSessions } from "sojourn/koa";
import type { SessionContext } from "sojourn/koa";
import { sessions as nodeSessions } from "sojourn/node";
import { sessionEvents } from "sojourn/sse";
import type { EventStream, SessionEvents, SseOptions } from "sojourn/sse";
import { afterEach, describe, expect, it } from "vitest";
import { listen } from "../support/servers.ts";
import { failure, HOUR, idOf, MINUTE, SECOND, world } from "../support/world.ts";
import type { Data, World, WorldOptions } from "../support/world.ts";
import { cutOff, pass, settle, stopLive } from "./live-harness.ts";

afterEach(stopLive);

type Kind = "node" | "express" | "koa" | "fastify" | "fetch" | "hono";

interface Stage {
  readonly place: World;
  readonly url: string;
  readonly session: Session<Data>;
  readonly token: string;
  readonly streams: EventStream<Data>[];
}

interface Staging extends WorldOptions {
  readonly live?: SseOptions;
}

async function stage(kind: Kind, { live, ...options }: Staging = {}): Promise<Stage> {
  const place = world({ policy: "owasp-asvs-l2", ...options });
  const { session, token } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
  const streams: EventStream<Data>[] = [];
  const events = sessionEvents(place.sessions, live);
  const keep: Keep = (stream) => void (stream && streams.push(stream));
  const server = await SERVE[kind](place, events, keep);
  cutOff(server);
  const { url } = await listen(server);
  return { place, url, session, token, streams };
}

type Keep = (stream: EventStream<Data> | undefined) => void;
type Serve = (place: World, events: SessionEvents<Data>, keep: Keep) => Server | Promise<Server>;

const SERVE: Readonly<Record<Kind, Serve>> = {
  node(place, events, keep) {
    const withSession = nodeSessions(place.sessions);
    return createServer((req, res) => {
      void withSession(req, res).then((session) => {
        if (session !== undefined) keep(events.open(req, res, session));
      });
    });
  },
  express(place, events, keep) {
    const app = express();
    app.use(expressSessions(place.sessions));
    app.get("/events", (req, res) => {
      keep(events.open(req, res, (req as unknown as { session: Session<Data> }).session));
    });
    return createServer(app);
  },
  koa(place, events, keep) {
    const app = new Koa<Koa.DefaultState, SessionContext<Data>>();
    app.use(koaSessions(place.sessions)).use((ctx) => {
      ctx.respond = false;
      keep(events.open(ctx.req, ctx.res, ctx.session));
    });
    const listener = app.callback();
    return createServer((req, res) => void listener(req, res));
  },
  async fastify(place, events, keep) {
    const app = Fastify();
    await app.register(fastifyAdapter.sessions, { sessions: place.sessions });
    app.get("/events", (request, reply) => {
      void reply.hijack();
      keep(events.open(request.raw, reply.raw, fastifyAdapter.sessionOf<Data>(request)));
    });
    await app.ready();
    return app.server;
  },
  fetch(place, events, keep) {
    const answer = fetchSessions(place.sessions, (request, { session }) => {
      const { response, stream } = events.respond(request, session);
      keep(stream);
      return response;
    });
    return createServer((req, res) => void bridge(req, res, answer));
  },
  hono(place, events, keep) {
    const app = new Hono<SessionEnv<Data>>();
    app.use(honoSessions(place.sessions)).get("/events", (c) => {
      const { response, stream } = events.respond(c.req.raw, c.get("session"));
      keep(stream);
      return response;
    });
    const listener = getRequestListener(app.fetch);
    return createServer((req, res) => void listener(req, res));
  },
};

/** What a runtime with the Fetch API does: it stops reading when nobody listens. */
async function bridge(
  req: IncomingMessage,
  res: ServerResponse,
  answer: (request: Request, from: { remoteAddress: string }) => Promise<Response>,
): Promise<void> {
  const headers = Object.entries(req.headers).map(([k, v]): [string, string] => [k, String(v)]);
  const url = `http://${req.headers.host ?? ""}${req.url ?? ""}`;
  const { method = "" } = req;
  const response = await answer(new Request(url, { method, headers }), {
    remoteAddress: req.socket.remoteAddress ?? "",
  });
  res.writeHead(response.status, Object.fromEntries(response.headers));
  const reader = response.body?.getReader();
  res.on("close", () => void reader?.cancel().catch(() => undefined));
  try {
    for (;;) {
      const part = await reader?.read();
      if (part === undefined || part.done) break;
      if (!res.write(part.value)) await new Promise((resolve) => void res.once("drain", resolve));
    }
    res.end();
  } catch {
    res.destroy();
  }
}

interface Listening {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly response: IncomingMessage;
  /** Everything so far. */
  readonly text: () => string;
  readonly ended: Promise<string>;
}

function hear(
  on: Pick<Stage, "url" | "token">,
  headers: Record<string, string> = {},
  method: "GET" | "HEAD" = "GET",
): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const all = {
      accept: "text/event-stream",
      "sec-fetch-site": "same-origin",
      cookie: `session=${on.token}`,
      ...headers,
    };
    const how = { method, headers: all, agent: false };
    const asked = request(`${on.url}/events`, how, (response) => {
      let text = "";
      response.on("data", (part: Buffer) => void (text += part.toString()));
      const ended = new Promise<string>((done) => {
        response.on("end", () => done("end"));
        response.on("error", () => done("cut"));
      });
      const { statusCode: status = 0 } = response;
      resolve({ status, headers: response.headers, response, text: () => text, ended });
    });
    asked.on("error", reject).end();
  });
}

function streamOf(on: Stage, at = 0): EventStream<Data> {
  const stream = on.streams[at];
  if (stream === undefined) throw new Error("no stream was opened");
  return stream;
}

const KINDS: readonly Kind[] = ["node", "express", "koa", "fastify", "fetch", "hono"];

describe.each(KINDS)("a stream on %s", (kind) => {
  it("sends events, uncached and unbuffered, to the session's own client", async () => {
    const on = await stage(kind);
    const heard = await hear(on, { "last-event-id": "41" });
    expect(heard.status).toBe(200);
    expect(heard.headers).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    const stream = streamOf(on);
    expect([stream.session.subject, stream.lastEventId]).toEqual(["alice", "41"]);
    expect(stream.send("price", { eur: 4 }, "42")).toBe(true);
    stream.send("note", "two\nlines");
    stream.close();
    await heard.ended;
    expect(heard.text()).toBe(
      "retry: 2000\n\n" +
        'event: price\nid: 42\ndata: {"eur":4}\n\n' +
        'event: note\ndata: "two\\nlines"\n\n',
    );
    expect(stream.send("late", {})).toBe(false);
    await stream.done;
    expect(on.place.sessions.live.size).toBe(0);
  });

  it("[TR-10] says why and ends when the session ends, is locked or lapses", async () => {
    const on = await stage(kind, { live: { require: { maxAgeMs: MINUTE } } });
    const first = await hear(on);
    await settle(on.place);
    await on.session.logout();
    await first.ended;
    expect(first.text()).toContain(
      'event: session-ended\ndata: {"code":4401,"reason":"logout"}\n\n',
    );
    const bob = await on.place.sessions.open({ subject: "bob", amr: ["pwd"] });
    const second = await hear({ url: on.url, token: bob.token });
    await settle(on.place);
    await bob.session.lock();
    await second.ended;
    expect(second.text()).toContain("event: session-locked\n");
    const eve = await on.place.sessions.open({ subject: "eve", amr: ["pwd"] });
    const third = await hear({ url: on.url, token: eve.token });
    await settle(on.place);
    await pass(on.place, MINUTE + 1);
    await third.ended;
    expect(third.text()).toContain("event: session-assurance\n");
    expect(on.place.sessions.live.size).toBe(0);
  });

  it("is refused like any request: nobody 401, locked 423, too many 429, store down 503", async () => {
    const on = await stage(kind, { live: { maxPerSession: 1 } });
    expect((await hear({ url: on.url, token: "" })).status).toBe(401);
    expect((await hear(on)).status).toBe(200);
    await settle(on.place);
    const more = await hear(on);
    expect([more.status, more.headers["content-type"]]).toEqual([429, "application/problem+json"]);
    on.place.store.setDown(true);
    expect((await hear(on)).status).toBe(503);
    on.place.store.setDown(false);
    await on.session.lock();
    expect((await hear(on)).status).toBe(423);
    expect(on.streams).toHaveLength(1);
  });

  it("is no activity, however often the browser opens it again", async () => {
    const on = await stage(kind);
    for (let time = 0; time < 5; time += 1) {
      const heard = await hear(on);
      await pass(on.place, 5 * MINUTE, MINUTE);
      heard.response.destroy();
      await expect.poll(() => on.place.sessions.live.size).toBe(0);
    }
    expect(on.place.store.calls("touch")).toBe(0);
    const heard = await hear(on);
    await pass(on.place, 5 * MINUTE, MINUTE);
    await heard.ended;
    expect(heard.text()).toContain('"reason":"idle_timeout"');
  });

  it("answers HEAD with the head alone, and holds nothing for it", async () => {
    const on = await stage(kind, { live: { maxPerSession: 1 } });
    for (let time = 0; time < 3; time += 1) {
      const heard = await hear(on, {}, "HEAD");
      expect([heard.status, heard.headers["content-type"]]).toEqual([200, "text/event-stream"]);
      expect(await heard.ended).toBe("end");
      expect([on.place.sessions.live.size, on.streams]).toEqual([0, []]);
    }
    expect((await hear({ url: on.url, token: "" }, {}, "HEAD")).status).toBe(401);
    expect((await hear(on)).status).toBe(200);
  });

  it("beats while there is nothing to say", async () => {
    const on = await stage(kind, { live: { heartbeatMs: 5_000 } });
    const heard = await hear(on);
    await pass(on.place, 15 * SECOND);
    await expect.poll(() => heard.text()).toBe("retry: 2000\n\n:\n\n:\n\n:\n\n");
  });

  it("drops a reader that is too far behind, and keeps nothing for it", async () => {
    const on = await stage(kind, { live: { maxBufferedBytes: 32_768 } });
    const idle = on.place.clock.pending;
    const heard = await hear(on);
    await settle(on.place);
    const stream = streamOf(on);
    const push = async (times: number): Promise<number> => {
      let sent = 0;
      while (sent < times && stream.send("bulk", "x".repeat(8_192))) {
        sent += 1;
        await new Promise<void>((resolve) => void setTimeout(resolve, 1));
      }
      return sent;
    };
    // One that reads is not dropped, however much it gets.
    expect(await push(100)).toBe(100);
    heard.response.pause();
    // What the kernel takes is not ours: it is full after a few megabytes.
    expect(await push(4_000)).toBeLessThan(4_000);
    await stream.done;
    await settle(on.place);
    expect([on.place.sessions.live.size, on.place.clock.pending]).toEqual([0, idle]);
    heard.response.resume();
    expect(await heard.ended).toBe("cut");
  });

  it("lets go of the session when the client does", async () => {
    const on = await stage(kind);
    const idle = on.place.clock.pending;
    const heard = await hear(on);
    await settle(on.place);
    heard.response.destroy();
    await streamOf(on).done;
    await settle(on.place);
    expect([on.place.sessions.live.size, on.place.clock.pending]).toEqual([0, idle]);
    await on.session.logout();
    expect(streamOf(on).send("late", {})).toBe(false);
  });

  it("ends without a word of the session when the process closes its sessions", async () => {
    const on = await stage(kind);
    const heard = await hear(on);
    await settle(on.place);
    await on.place.sessions.close();
    expect(await heard.ended).toBe("end");
    expect(heard.text()).toBe("retry: 2000\n\n");
  });
});

describe("a stream", () => {
  it("gives its cookie a turn like any response, and lives on across it", async () => {
    const policy = { extends: "owasp-asvs-l2", rotateEveryMs: 10 * MINUTE } as const;
    const on = await stage("node", { policy });
    await pass(on.place, 10 * MINUTE, MINUTE);
    const heard = await hear(on);
    const [line = ""] = heard.headers["set-cookie"] ?? [];
    expect(line).toMatch(/^session=sj1s_/);
    const next = await hear({ url: on.url, token: line.slice(8, 8 + 85) });
    expect([heard.status, next.status]).toEqual([200, 200]);
    await settle(on.place);
    expect(on.place.sessions.live.size).toBe(2);
  });

  it("reads the session as it is now, and refuses what has ended", async () => {
    const on = await stage("node");
    await hear(on);
    const { session } = streamOf(on);
    await on.session.set("cart", "apples");
    expect((await session.read()).data["cart"]).toBe("apples");
    await on.place.sessions.revoke(idOf(on.session));
    expect(await failure(session.read())).toMatchObject({ code: "ERR_SESSION_ENDED" });
  });

  it("never sends what would be read as another event", async () => {
    const on = await stage("node");
    const heard = await hear(on, { "last-event-id": "x".repeat(300) });
    const stream = streamOf(on);
    expect(stream.lastEventId).toBeUndefined();
    for (const name of ["", "a\nb", "a\rb", "a\0", "session-ended", "x".repeat(300)]) {
      expect(() => stream.send(name, {})).toThrow("send.event");
    }
    for (const id of ["1\n2", "1\r", "\0", "x".repeat(300)]) {
      expect(() => stream.send("tick", {}, id)).toThrow("send.id");
    }
    stream.send("tick", "a\r\n\nevent: forged\ndata: 1\n\n");
    stream.send("nothing", undefined);
    stream.close();
    await heard.ended;
    expect(heard.text()).not.toContain("\nevent: forged");
    expect(heard.text()).toContain("event: nothing\ndata: null\n\n");
  });

  it("is opened for nobody where that is allowed", async () => {
    const on = await stage("fetch", { live: { anonymous: "allow" } });
    const heard = await hear({ url: on.url, token: "" });
    expect([heard.status, streamOf(on).session.id]).toEqual([200, null]);
    await pass(on.place, HOUR, 30 * MINUTE);
    expect(on.place.sessions.live.size).toBe(1);
  });

  it("lists every option that makes no sense", () => {
    const options = { heartbeatMs: 1, retryMs: 1.5, maxBufferedBytes: -1, anonymous: "maybe" };
    expect(() => sessionEvents(world().sessions, options as unknown as SseOptions)).toThrow(
      expect.objectContaining({
        code: "ERR_CONFIG",
        problems: ["anonymous", "heartbeatMs", "retryMs", "maxBufferedBytes"].map((path) =>
          expect.objectContaining({ path }),
        ),
      }),
    );
  });
});
