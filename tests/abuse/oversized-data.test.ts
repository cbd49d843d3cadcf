/** The attacker makes the application store more than it meant to. */
import { MemoryStore, problemOfError } from "sojourn";
import { afterEach, describe, expect, it } from "vitest";
import { ask, KINDS, SAME_ORIGIN, serve, stopServers } from "../support/servers.ts";
import { failure, sessionIn, visit, world } from "../support/world.ts";

afterEach(stopServers);

const MEGABYTE = "x".repeat(1_000_000);

describe("oversized data", () => {
  it.each(KINDS)("[DE-08] is 413 behind %s, and nothing of it is stored", async (kind) => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice", data: { n: 1 } });
    const { url } = await serve(kind, place, async ({ session }) => {
      const error = await session.set("big", MEGABYTE).catch((caught: unknown) => caught);
      const { status, headers, body } = problemOfError(error);
      await Promise.resolve();
      return { status, headers, body };
    });
    const headers = { ...SAME_ORIGIN, cookie: `session=${token}` };
    const answer = await ask(url, { method: "POST", headers });
    expect(answer.status).toBe(413);
    expect(JSON.parse(answer.body)).toMatchObject({ limitBytes: 65_536, retryable: false });
    expect(answer.body.length).toBeLessThan(1_000);
    const after = sessionIn(await place.sessions.authenticate(token));
    expect(after.data).toEqual({ n: 1 });
  });

  it("[DE-08] is refused in every way of writing, by the whole and not by the key", async () => {
    const place = world({ store: new MemoryStore({ maxDataBytes: 1_000 }) });
    const { session } = await place.sessions.open({
      subject: "alice",
      data: { a: "x".repeat(400) },
    });
    await session.set("b", "x".repeat(400));
    const writes = [
      () => session.set("c", "x".repeat(400)),
      () => session.update((draft) => void (draft["c"] = "x".repeat(400))),
      () => place.sessions.open({ subject: "bob", data: { a: MEGABYTE } }),
      async () => (await visit(place)).session.set("a", MEGABYTE),
    ];
    for (const write of writes) {
      const error = await failure(write());
      expect(error).toMatchObject({ code: "ERR_DATA_TOO_LARGE", limitBytes: 1_000 });
      expect(String(error).length).toBeLessThan(200);
    }
    await session.set("b", undefined);
    await session.set("c", "x".repeat(400));
    expect(Object.keys(session.data)).toEqual(["a", "c"]);
  });

  it("[DE-08] does not grow past the limit by small steps, keys counted", async () => {
    const place = world({ store: new MemoryStore({ maxDataBytes: 2_000 }) });
    const { session } = await place.sessions.open({ subject: "alice" });
    let refused = 0;
    for (let at = 0; at < 200; at += 1) {
      await session.set(`${"key".repeat(20)}${at}`, null).catch(() => void (refused += 1));
    }
    expect(refused).toBeGreaterThan(150);
    expect(JSON.stringify(session.data).length).toBeLessThan(4_000);
  });

  it("[CK-05] never makes the cookie larger: the cookie holds a token and no data", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    await session.set("big", "x".repeat(60_000));
    const next = await session.login("alice");
    expect(next.token).toHaveLength(token.length);
  });
});
