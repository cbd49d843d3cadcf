/** Self group: live news of one's session as server-sent events. Never counts as activity. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { SessionNews } from "sojourn";
import { present } from "../../config/present.ts";
import { addressReader } from "../client-address.ts";
import type { AddressReader } from "../client-address.ts";
import { answersWith, self } from "../documents.ts";
import { exchangeOf, ownSession } from "../guards.ts";
import type { EventStream } from "../streams.ts";
import type { App, House } from "../types.ts";
import { instant } from "../views.ts";

const TYPE = "text/event-stream";

export function streamRoutes(app: App, house: House): void {
  const client = addressReader(house.config);
  app.get(
    "/v1/session/stream",
    {
      exposeHeadRoute: false,
      schema: {
        ...self,
        operationId: "stream",
        summary: "Live news: hello, expiring, extended, rotated, locked, unlocked, data, ended",
        description:
          "A client that comes back with `Last-Event-ID` gets `hello` with the present state; " +
          "or `ended` when the session has ended meanwhile, and then 204, which ends retrying.",
        response: answersWith(TYPE, "Server-sent events, until `ended`."),
      },
    },
    (request, reply) => open(house, client, request, reply),
  );
}

async function open(
  house: House,
  client: AddressReader,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const last = request.headers["last-event-id"];
  const { endedReason, endedMessage: message } = exchangeOf(request).session;
  if (typeof last === "string" && endedReason !== undefined) {
    if (last.endsWith("-ended")) return reply.code(204).send();
    const stream = house.streams.enter("ended");
    stream.say("ended", { reason: endedReason, ...present({ message }) }, true);
    stream.end();
    return send(reply, stream);
  }
  const { id, tenant } = ownSession(request);
  if (id === null) return reply.code(204).send();
  const stream = house.streams.enter(id);
  // Known for as long as it is open: a network may be locked meanwhile.
  const where = { tenant, address: client(request) };
  const watch = house.sessions.watch(id, (news) => tell(stream, news), where);
  stream.readable.once("close", () => watch.close());
  return send(reply, stream);
}

function send(reply: FastifyReply, stream: EventStream): FastifyReply {
  return reply
    .headers({ "content-type": TYPE, "x-accel-buffering": "no", "cache-control": "no-store" })
    .send(stream.readable);
}

/** Instants as everywhere on the wire. */
function tell(stream: EventStream, news: SessionNews): void {
  switch (news.type) {
    case "hello":
    case "extended":
      return stream.say(news.type, {
        serverTime: instant(news.serverNow),
        idleExpiresAt: instant(news.idleExpiresAt),
        absoluteExpiresAt: instant(news.absoluteExpiresAt),
        warnAt: instant(news.warnAt),
      });
    case "expiring": {
      const { at, why, serverNow } = news;
      return stream.say(news.type, { serverTime: instant(serverNow), at: instant(at), why });
    }
    case "locked":
      return stream.say("locked", { required: { factors: news.factors } });
    case "data":
      return stream.say("data", { keys: news.keys, version: news.version });
    case "rotated":
    case "unlocked":
      return stream.say(news.type, {});
    case "ended": {
      const { reason, message } = news;
      stream.say("ended", { reason, ...present({ message }) }, true);
      return stream.end();
    }
  }
}
