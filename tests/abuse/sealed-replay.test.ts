/** The attacker kept copies of sealed cookies and sends them when what they stand for is over. */
import { describe, expect, it } from "vitest";
import { sealedGeneration } from "sojourn/sealed";
import {
  activeIn,
  BOUND_MS,
  CookieBox,
  factsOf,
  KEEP_MS,
  MINUTE_MS,
  sealedWorld,
} from "../support/sealed-world.ts";
import type { SealedWorld, SignedIn } from "../support/sealed-world.ts";

const TEN_MINUTES_MS = 10 * MINUTE_MS;

/** Copies of every generation up to the present one. */
async function copies(world: SealedWorld, signed: SignedIn, count: number): Promise<string[]> {
  const headers = [signed.box.header];
  while (headers.length < count) {
    world.clock.advance(TEN_MINUTES_MS);
    const { setCookies } = activeIn(await world.edge.read(headers.at(-1)));
    signed.box.take(setCookies);
    headers.push(signed.box.header);
  }
  return headers;
}

describe("copies of a sealed session after its logout", () => {
  it("[TE-01, TE-02] are worth nothing, of whatever generation", async () => {
    const world = sealedWorld();
    const signed = await world.signIn();
    const all = await copies(world, signed, 10);
    expect(new Set(all).size).toBe(10);
    await signed.session.logout();
    world.clock.advance(BOUND_MS);
    for (const header of all) {
      expect(await world.edge.read(header)).toMatchObject({ state: "ended" });
      expect(await world.edgeWith({}).read(header)).toMatchObject({ state: "ended" });
    }
  });

  it("[TE-01] stay so when the feed has forgotten it, with and without an authority", async () => {
    const world = sealedWorld();
    const signed = await world.signIn();
    const all = await copies(world, signed, 3);
    await signed.session.logout();
    world.clock.advance(KEEP_MS);
    world.feed.entries.length = 0;
    const edge = world.edgeWith({});
    for (const header of all) {
      expect(await edge.read(header)).toMatchObject({ state: "ended" });
    }
    world.away = true;
    for (const header of all) {
      expect((await world.edgeWith({}).read(header)).state).not.toBe("active");
    }
  });

  it("are not brought back by the next login of the same subject", async () => {
    const world = sealedWorld();
    const first = await world.signIn();
    const { header } = first.box;
    await first.session.logout();
    const second = await world.signIn();
    world.clock.advance(BOUND_MS);
    expect(await world.edge.read(header)).toMatchObject({ state: "ended" });
    activeIn(await world.edge.read(second.box.header));
  });

  it("are not brought back by an authority that lags behind the feed (I2)", async () => {
    const world = sealedWorld();
    const { session, token, box } = await world.signIn();
    const facts = factsOf(session, token);
    const lagging = world.edgeWith({
      authority: { check: () => Promise.resolve({ state: "live", ...facts }) },
    });
    await session.logout();
    world.clock.advance(BOUND_MS);
    expect(await lagging.read(box.header)).toEqual({ state: "ended", reason: "revoked" });
  });
});

describe("copies whose session an authority brings up again after its deadline", () => {
  it.each(["seenAt", "absoluteExpiresAt"] as const)(
    "have ended by their %s (I11)",
    async (past) => {
      const world = sealedWorld();
      const { session, token, box } = await world.signIn();
      world.clock.advance(TEN_MINUTES_MS);
      const facts = factsOf(session, token);
      const idle = { seenAt: world.clock.now() - facts.session.idleMs };
      const over = past === "seenAt" ? idle : { absoluteExpiresAt: world.clock.now() };
      const answer = { ...facts, session: { ...facts.session, ...over } };
      const lagging = world.edgeWith({
        authority: { check: () => Promise.resolve({ state: "live", ...answer }) },
      });
      const reason = past === "seenAt" ? "idle_timeout" : "absolute_timeout";
      expect(await lagging.read(box.header)).toEqual({ state: "ended", reason });
    },
  );
});

describe("copies whose session ends while the authority is asked", () => {
  it.each([
    ["answers", false],
    ["fails", true],
  ])("are judged by what is known when it %s (I3)", async (_how, fails) => {
    const world = sealedWorld();
    const { session, box } = await world.signIn();
    world.clock.advance(TEN_MINUTES_MS);
    const slow = world.edgeWith({
      authority: {
        async check() {
          const facts = factsOf(session, "");
          await session.logout();
          world.clock.advance(BOUND_MS);
          if (fails) throw new Error("timed out");
          return { state: "live", ...facts };
        },
      },
    });
    expect(await slow.read(box.header)).toEqual({ state: "ended", reason: "revoked" });
  });

  it.each([
    ["answers", false],
    ["fails", true],
  ])(
    "are not served when the feed fell silent meanwhile and it %s (I3, I7)",
    async (_how, fails) => {
      const world = sealedWorld();
      const { session, box } = await world.signIn();
      world.clock.advance(TEN_MINUTES_MS);
      const slow = world.edgeWith({
        authority: {
          check() {
            world.feed.trouble = new Error("unreachable");
            world.clock.advance(BOUND_MS);
            if (fails) return Promise.reject(new Error("timed out"));
            return Promise.resolve({ state: "live", ...factsOf(session, "") });
          },
        },
      });
      expect(await slow.read(box.header)).toEqual({ state: "unavailable", why: "feed" });
    },
  );
});

describe("copies after everything of a subject was revoked", () => {
  it("[TE-02] are worth nothing, and the session that was spared goes on", async () => {
    const world = sealedWorld();
    const [gone, kept] = [await world.signIn(), await world.signIn()];
    const except = kept.session.id ?? "";
    await world.sessions.subject("alice").revokeAll({ except });
    const entry = { kind: "subject", tenant: "default", subject: "alice", except } as const;
    world.feed.entries.length = 0;
    world.feed.entries.push({ ...entry, epoch: 1, at: world.clock.now() });
    world.clock.advance(BOUND_MS);
    const edge = world.edgeWith({});
    expect(await edge.read(gone.box.header)).toMatchObject({ state: "ended" });
    activeIn(await edge.read(kept.box.header));
    world.away = true;
    const revoked = { state: "ended", reason: "subject_revoked" };
    expect(await world.edgeWith({}).read(gone.box.header)).toEqual(revoked);
  });

  it("are taken to the authority when the feed cannot tell what it missed", async () => {
    const world = sealedWorld();
    const { session, box } = await world.signIn();
    world.clock.advance(1);
    world.feed.entries.push({ kind: "all", at: world.clock.now() });
    activeIn(await world.edge.read(box.header));
    expect(world.asked).toHaveLength(1);
    await session.logout();
    expect(await world.edge.read(box.header)).toEqual({ state: "ended", reason: "logout" });
  });
});

describe("copies from before a change of rights", () => {
  it("are worth the present rights once their generation is called in", async () => {
    const world = sealedWorld();
    const { session, box } = await world.signIn();
    const copy = box.header;
    await session.set("role", "none");
    expect(activeIn(await world.edge.read(copy)).data["role"]).toBeUndefined();
    const called = sealedGeneration(session.id ?? "", 1);
    world.feed.entries.push({ kind: "token", ...called, at: world.clock.now() });
    world.clock.advance(BOUND_MS);
    expect(activeIn(await world.edge.read(copy)).data["role"]).toBe("none");
    world.away = true;
    expect(await world.edge.read(copy)).toEqual({ state: "unavailable", why: "authority" });
  });
});

describe("a copy of a sealed session that goes on beside its owner", () => {
  const [owner, thief] = [{ fingerprint: "Firefox" }, { fingerprint: "curl" }];

  it.each([
    ["locked", owner],
    ["ended", thief],
  ] as const)("is noticed when it asks for more, and then is %s", async (state, context) => {
    const world = sealedWorld();
    const forks: unknown[] = [];
    world.sessions.events.on("token-fork", (event) => forks.push(event));
    const { box } = await world.signIn();
    box.take(activeIn(await world.edge.read(box.header, owner)).setCookies);
    const copy = box.header;
    for (let step = 0; step < 24; step += 1) {
      world.clock.advance(TEN_MINUTES_MS);
      box.take(activeIn(await world.edge.read(box.header, owner)).setCookies);
    }
    expect(forks).toEqual([]);
    expect(await world.edge.read(copy, context)).toMatchObject({ state });
    expect(forks).toHaveLength(1);
  });
});

describe("a sealed session that was sealed ahead of its time", () => {
  it("is taken to the authority: it would outlive what the feed remembers", async () => {
    const world = sealedWorld();
    const { session, token } = await world.signIn();
    const fast = { wall: () => world.clock.now() + KEEP_MS, monotonic: () => world.clock.now() };
    const box = new CookieBox();
    box.take(await world.edgeWith({ time: fast }).seal(factsOf(session, token)));
    activeIn(await world.edge.read(box.header));
    expect(world.asked).toHaveLength(1);
    world.away = true;
    expect(await world.edge.read(box.header)).toMatchObject({ state: "unavailable" });
  });

  it("is taken there too when everything from before an instant is to go", async () => {
    const world = sealedWorld();
    const { session, token } = await world.signIn();
    const ahead = MINUTE_MS - 1;
    const fast = { wall: () => world.clock.now() + ahead, monotonic: () => world.clock.now() };
    const box = new CookieBox();
    box.take(await world.edgeWith({ time: fast }).seal(factsOf(session, token)));
    world.clock.advance(1);
    world.feed.entries.push({ kind: "all", at: world.clock.now() });
    activeIn(await world.edge.read(box.header));
    expect(world.asked).toHaveLength(1);
  });
});
