/** A client that leaves while its stream is still being judged. */
import { EventEmitter, once } from "node:events";
import { createServer, get } from "node:http";
import { sessions as nodeSessions } from "sojourn/node";
import { sessionEvents } from "sojourn/sse";
import type { EventStream } from "sojourn/sse";
import { afterEach, expect, it } from "vitest";
import { listen, stopServers } from "../support/servers.ts";
import { world } from "../support/world.ts";
import type { Data } from "../support/world.ts";

afterEach(stopServers);

it("a stream for a client that has left is over at once, and holds no place", async () => {
  const { sessions } = world();
  const { token } = await sessions.open({ subject: "alice", amr: ["pwd"] });
  const events = sessionEvents(sessions, { maxPerSession: 1 });
  const sessionOf = nodeSessions(sessions);
  const streams = new EventEmitter();
  const server = createServer((req, res) => {
    void sessionOf(req, res).then(async (session) => {
      asked.destroy();
      await once(res, "close");
      streams.emit("opened", session && events.open(req, res, session));
    });
  });
  const { url } = await listen(server);
  const opened = once(streams, "opened") as Promise<[EventStream<Data> | undefined]>;
  const asked = get(url, { headers: { cookie: `session=${token}` } });
  asked.on("error", () => undefined);
  const [stream] = await opened;
  expect(stream?.send("price", 4)).toBe(false);
  expect(sessions.live.size).toBe(0);
});
