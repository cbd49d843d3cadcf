/** Requests of one session that write at the same time. */
import { afterEach, describe, expect, it } from "vitest";
import { Jar, KINDS, serve, stopServers } from "../support/servers.ts";
import type { Application } from "../support/servers.ts";
import { sessionIn, world } from "../support/world.ts";

afterEach(stopServers);

const application: Application = async ({ session, url }) => {
  const key = url.searchParams.get("key");
  if (url.pathname === "/login") await session.login("alice");
  if (key !== null && url.pathname === "/set") await session.set(key, key);
  if (url.pathname === "/add") {
    await session.update((draft) => void (draft["n"] = Number(draft["n"] ?? 0) + 1));
  }
  return { body: JSON.stringify(session.data) };
};

describe("parallel writes", () => {
  it.each(KINDS)("all win, to different keys and to one, behind %s (I4)", async (kind) => {
    const place = world();
    const { url } = await serve(kind, place, application);
    const jar = new Jar();
    await jar.ask(`${url}/login`, { method: "POST" });
    const keys = Array.from({ length: 10 }, (_, at) => `k${at}`);
    await Promise.all([
      ...keys.map((key) => jar.ask(`${url}/set?key=${key}`, { method: "POST" })),
      ...keys.map(() => jar.ask(`${url}/add`, { method: "POST" })),
    ]);
    const data = JSON.parse((await jar.ask(url)).body) as Record<string, unknown>;
    expect(data["n"]).toBe(10);
    expect(keys.filter((key) => data[key] !== key)).toEqual([]);
  });

  it("of two processes all win (I4)", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice", data: { n: 0 } });
    const processes = [place, world({ beside: place }), world({ beside: place })];
    const writes = processes.flatMap(({ sessions }) =>
      Array.from({ length: 10 }, async () => {
        const session = sessionIn(await sessions.authenticate(token));
        await session.update((draft) => void (draft["n"] = Number(draft["n"]) + 1));
      }),
    );
    const done = Promise.all(writes);
    await place.clock.advanceAsync(1_500);
    await done;
    const after = sessionIn(await place.sessions.authenticate(token));
    expect(after.data).toEqual({ n: 30 });
  });

  it("and a login of the same subject lose nothing that was acknowledged (I4)", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    const writers = await Promise.all(
      Array.from({ length: 8 }, () => place.sessions.authenticate(token)),
    );
    const results = await Promise.allSettled([
      ...writers.map((one, at) => sessionIn(one).set(`k${at}`, at)),
      session.login("alice"),
    ]);
    const kept = results.flatMap(({ status }, at) =>
      status === "fulfilled" && at < 8 ? [`k${at}`] : [],
    );
    expect(kept.filter((key) => session.data[key] === undefined)).toEqual([]);
  });
});
