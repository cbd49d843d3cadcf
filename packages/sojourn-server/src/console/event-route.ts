/** Live entries of a tenant as server-sent events. Never counts as activity. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { callerOf } from "../api/guards.ts";
import type { EventStream } from "../api/streams.ts";
import type { App, House } from "../api/types.ts";
import { instant } from "../api/views.ts";
import { Feed } from "./feed.ts";
import type { Watcher } from "./feed.ts";
import type { ConsoleHouse } from "./house.ts";

const PLACE = /^\d{1,15}$/;
const query = z.strictObject({ tenant: z.string().max(63).optional() });

export function eventRoute(app: App, house: House, console: ConsoleHouse): void {
  const feed = new Feed(house.trail, house.audit.log);
  app.get(
    "/v1/events",
    {
      exposeHeadRoute: false,
      config: { scope: "audit:read", activity: false, tenantInQuery: true },
      schema: { hide: true, querystring: query },
    },
    async (request, reply) => {
      const { tenant } = callerOf(request);
      const own = request.signedIn?.session.id ?? "";
      const stream = house.streams.enter(own);
      stream.tell("hello", { serverTime: instant(house.now()), tenant });
      try {
        const leave = await feed.watch(watcherOf(stream, tenant), placeOf(request));
        stream.readable.once("close", leave);
      } catch (error) {
        stream.end();
        stream.readable.destroy();
        throw error;
      }
      watchOwn(console, own, stream);
      return send(reply, stream);
    },
  );
}

/** Where the client was, which the browser tells by itself when it comes back. */
function placeOf(request: FastifyRequest): number | undefined {
  const last = request.headers["last-event-id"];
  return typeof last === "string" && PLACE.test(last) ? Number(last) : undefined;
}

function watcherOf(stream: EventStream, tenant: string): Watcher {
  return {
    tenant,
    entry: (entry, seq) => stream.tell("entry", entry, seq === undefined ? undefined : String(seq)),
    placed: (seq) => stream.mark(String(seq)),
    gap: (seq) => stream.tell("gap", {}, String(seq)),
  };
}

/** Whoever is signed out of the console hears no more. */
function watchOwn({ sessions }: ConsoleHouse, own: string, stream: EventStream): void {
  const watch = sessions.watch(own, (news) => {
    if (news.type !== "ended") return;
    stream.tell("ended", { reason: news.reason });
    stream.end();
  });
  stream.readable.once("close", () => watch.close());
}

function send(reply: FastifyReply, stream: EventStream): FastifyReply {
  return reply
    .headers({
      "content-type": "text/event-stream",
      "x-accel-buffering": "no",
      "cache-control": "no-store",
    })
    .send(stream.readable);
}
