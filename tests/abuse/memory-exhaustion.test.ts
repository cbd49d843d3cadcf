/** The attacker makes the process remember things, for as long as it runs. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createSessions, MemoryStore } from "sojourn";
import { describe, expect, it } from "vitest";
import type { SessionRequest } from "../../packages/sojourn/src/express-session/types.ts";
import { TokenMemo } from "../../packages/sojourn/src/sessions/memo.ts";
import { SerialQueues } from "../../packages/sojourn/src/sessions/serial.ts";
import { sidOf } from "../../packages/sojourn/src/express-session/read-cookie.ts";
import { signSid, unsignSid } from "../../packages/sojourn/src/express-session/signature.ts";
import { idOf, MINUTE, SECOND, secretOf, sessionIn, world } from "../support/world.ts";

const place = { tenant: "default", subject: "alice", verifier: "v", generation: 1 };

describe("memory that outsiders can fill", () => {
  it("of proved tokens is bounded, and the tokens in use stay", () => {
    const memo = new TokenMemo(1_000);
    const hot = { ...place, id: "hot", text: "hot-token" };
    memo.keep("hot", hot);
    for (let at = 0; at < 100_000; at += 1) {
      memo.keep(`id-${at}`, { ...place, id: `id-${at}`, text: `token-${at}` });
      if (at % 100 === 0) expect(memo.find("hot", "hot-token", "default")).toBe(hot);
    }
    let kept = 0;
    for (let at = 0; at < 100_000; at += 1) {
      if (memo.find(`id-${at}`, `token-${at}`, "default") !== undefined) kept += 1;
    }
    // Looking moves entries on, so the count is of what was there and not of what stays.
    expect(kept).toBeLessThanOrEqual(1_000);
  });

  it("of forged tokens is none: they are not remembered at all", async () => {
    const { sessions, store } = world();
    const { token } = await sessions.open({ subject: "alice" });
    await sessions.authenticate(token);
    const forged = `${token.slice(0, 69)}${"A".repeat(16)}`;
    await sessions.authenticate(forged);
    store.resetCalls();
    await sessions.authenticate(forged);
    expect(store.calls()).toBe(0);
    expect((await sessions.authenticate(token)).state).toBe("active");
  });

  it("of a proved token is not its whole request header", async () => {
    const sessions = createSessions({
      secrets: [secretOf(1)],
      store: new MemoryStore(),
      sweep: false,
    });
    const opened = [];
    for (let at = 0; at < 200; at += 1) opened.push(await sessions.open({ subject: `user-${at}` }));
    const header = (token: string): string => `a=${"x".repeat(50_000)}; __Host-session=${token}`;
    const before = await heapUsed();
    for (const { token } of opened) {
      const cookie = header(token);
      await sessions.exchange({
        method: "GET",
        path: "/",
        header: (name) => (name === "cookie" ? cookie : undefined),
        remoteAddress: "203.0.113.9",
        encrypted: true,
      });
    }
    const grown = (await heapUsed()) - before;
    expect(grown).toBeLessThan(4_000_000);
    await sessions.close();
  });

  it("of touches is one store call at a time, until it is given up", async () => {
    const { sessions, clock, store } = world();
    const tokens: string[] = [];
    for (let index = 0; index < 48; index += 1) {
      tokens.push((await sessions.open({ subject: `subject-${index}` })).token);
    }
    store.fail("touch", "hang", 1_000);
    await clock.advanceAsync(MINUTE);
    for (const token of tokens) {
      await sessions.authenticate(token);
      await clock.advanceAsync(100);
    }
    expect(store.calls("touch")).toBe(1);
    await clock.advanceAsync(5 * SECOND);
    expect(store.calls("touch")).toBe(2);
    store.release();
  });

  it("of queues for updates is given back when they are done, failed ones too", async () => {
    const queues = new SerialQueues();
    const order: number[] = [];
    const tasks = Array.from({ length: 20 }, (_, at) =>
      queues
        .run("one", async () => {
          await Promise.resolve();
          order.push(at);
          if (at % 3 === 0) throw new Error("boom");
        })
        .catch(() => undefined),
    );
    await Promise.all(tasks);
    expect(order).toEqual(Array.from({ length: 20 }, (_, at) => at));
  });

  it("of proved express-session signatures is bounded, by sessions and by secrets", async () => {
    const before = await heapUsed();
    let refused = 0;
    for (let at = 0; at < 20_000; at += 1) {
      if (unsignSid(signSid(`sid-${at}`, "one"), ["one"]) === undefined) refused += 1;
    }
    expect(refused).toBe(0);
    expect((await heapUsed()) - before).toBeLessThan(1_500_000);
    for (let at = 0; at < 20_000; at += 1) signSid("sid", `secret-${at}`);
    expect((await heapUsed()) - before).toBeLessThan(1_500_000);
  });

  it("of a proved express-session signature is not its whole request header", async () => {
    const before = await heapUsed();
    for (let at = 0; at < 1_000; at += 1) {
      const cookie = `a=${"x".repeat(15_000)}; connect.sid=${signSid(`a sid of its own ${at}`, "raw")}`;
      const req = { headers: { cookie } } as SessionRequest;
      expect(sidOf(req, "connect.sid", ["raw"])).toBe(`a sid of its own ${at}`);
    }
    expect((await heapUsed()) - before).toBeLessThan(4_000_000);
  });

  it("of watchers is given back with their streams", async () => {
    const { sessions, clock } = world();
    const { session, token } = await sessions.open({ subject: "alice" });
    for (let stream = 0; stream < 500; stream += 1) {
      sessions.watch(idOf(session), () => undefined).close();
    }
    await clock.advanceAsync(0);
    expect(clock.pending).toBe(0);
    expect(sessionIn(await sessions.authenticate(token)).subject).toBe("alice");
  });
});

/** Bytes of live objects. */
async function heapUsed(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let turn = 0; turn < 3; turn += 1) {
    collect();
    await new Promise((resolve) => void setTimeout(resolve, 0));
  }
  return process.memoryUsage().heapUsed;
}
