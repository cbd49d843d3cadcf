import { describe, expect, it } from "vitest";
import { ISSUER, sessionOf, tokenWorld } from "../../../../../tests/support/token-world.ts";
import type { TokenWorld } from "../../../../../tests/support/token-world.ts";
import { RevocationSet } from "./revocation-set.ts";
import type { RevocationEntry } from "./revocations.ts";
import { formatPage, readPage } from "./revocations.ts";

const SID = `ses_${"A".repeat(24)}`;
const BOUND_MS = 5_000;
const MINUTE = 60_000;
const ACTIVE = expect.objectContaining({ state: "active" }) as object;

/** Proved and remembered, as a token in use is. */
async function inUse(world: TokenWorld, session = sessionOf()) {
  const token = await world.issue({ session });
  expect(await world.verifier.verify(token)).toEqual(ACTIVE);
  return token;
}

function jtiOf(token: string): string {
  const claims = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
  return (JSON.parse(claims) as { jti: string }).jti;
}

describe("a remembered access token", () => {
  it.each(["session", "subject", "token", "key"] as const)(
    "[TE-02] is refused within the bound once its %s is revoked",
    async (kind) => {
      const world = await tokenWorld();
      const token = await inUse(world);
      const at = world.time.wall();
      const [jwk] = (await world.issuer.jwks()).keys;
      const entries: Record<typeof kind, RevocationEntry> = {
        session: { kind, session: SID, at } as RevocationEntry,
        subject: { kind, tenant: "default", subject: "alice", epoch: 1, at } as RevocationEntry,
        token: { kind, issuer: ISSUER, jti: jtiOf(token), at } as RevocationEntry,
        key: { kind, kid: jwk?.kid, at } as RevocationEntry,
      };
      world.feed.add(entries[kind]);
      world.time.pass(BOUND_MS);
      const gone = await world.verifier.verify(token);
      expect(gone).toEqual(
        kind === "key" ? { state: "unknown", why: "key_revoked" } : { state: "ended", why: kind },
      );
      expect(await world.verifierWith({}).verify(token)).toEqual(gone);
    },
  );

  it("is served by an answer younger than the bound, which costs one call per half of it", async () => {
    const world = await tokenWorld();
    const token = await inUse(world);
    const reads = world.feed.reads;
    for (let step = 0; step < 100; step += 1) {
      world.time.pass(100);
      expect(await world.verifier.verify(token)).toEqual(ACTIVE);
      await Promise.resolve();
    }
    expect(world.feed.reads - reads).toBeLessThanOrEqual(4);
  });

  it("is neither good nor bad while the feed is silent past the bound (I3, I7)", async () => {
    const world = await tokenWorld();
    const token = await inUse(world);
    world.feed.trouble = new Error("unreachable");
    world.time.pass(BOUND_MS - 1);
    expect(await world.verifier.verify(token)).toEqual(ACTIVE);
    world.time.pass(1);
    const silent = { state: "unavailable", why: "feed" };
    expect(await world.verifier.verify(token)).toEqual(silent);
    expect(await world.verifier.verify(await world.issue())).toEqual(silent);
    world.feed.trouble = undefined;
    world.time.pass(BOUND_MS);
    expect(await world.verifier.verify(token)).toEqual(ACTIVE);
    expect(world.errors).not.toHaveLength(0);
  });

  it("counts the bound from what the feed knew, not from when it answered (I3)", async () => {
    const world = await tokenWorld();
    world.feed.ageMs = BOUND_MS - 1_000;
    const token = await inUse(world);
    world.feed.trouble = new Error("unreachable");
    world.time.pass(1_000);
    expect(await world.verifier.verify(token)).toMatchObject({ state: "unavailable" });
    world.feed.trouble = undefined;
    world.feed.ageMs = BOUND_MS;
    world.time.pass(BOUND_MS);
    expect(await world.verifier.verify(token)).toMatchObject({ state: "unavailable" });
  });

  it("asks a silent feed no more often than eight times per bound", async () => {
    const world = await tokenWorld();
    const token = await inUse(world);
    world.feed.trouble = new Error("unreachable");
    world.time.pass(BOUND_MS);
    const reads = world.feed.reads;
    for (let step = 0; step < 500; step += 1) {
      world.time.pass(BOUND_MS / 500);
      await world.verifier.verify(token);
    }
    expect(world.feed.reads - reads).toBeLessThanOrEqual(9);
  });

  it("stays ended where it outlives the feed's memory, as after its life was shortened (I2)", async () => {
    const world = await tokenWorld({ accessTtlMs: 15 * MINUTE });
    world.feed.keepMs = 4 * MINUTE;
    const token = await inUse(world);
    world.feed.add({ kind: "session", session: SID, at: world.time.wall() });
    for (let minute = 0; minute < 12; minute += 1) {
      world.time.pass(MINUTE);
      const one = minute % 2 === 0 ? world.verifier : world.verifierWith({});
      expect([minute, await one.verify(token)]).toEqual([
        minute,
        { state: "ended", why: minute < 4 ? "session" : "all" },
      ]);
    }
    expect(await world.verifier.verify(await world.issue())).toEqual(ACTIVE);
  });

  it("is locked while its session is, and good again after", async () => {
    const world = await tokenWorld();
    const token = await inUse(world);
    const lock = { kind: "lock", session: SID, at: world.time.wall() } as const;
    world.feed.add({ ...lock, lifted: false });
    world.time.pass(BOUND_MS);
    expect(await world.verifier.verify(token)).toEqual({ state: "locked" });
    world.feed.add({ ...lock, lifted: true });
    world.time.pass(BOUND_MS);
    expect(await world.verifier.verify(token)).toEqual(ACTIVE);
  });

  it("loses no revocation when its place in the feed is forgotten", async () => {
    const world = await tokenWorld();
    const token = await inUse(world);
    const at = world.time.wall();
    world.feed.add({ kind: "lock", session: "ses_B", lifted: false, at });
    world.feed.add({ kind: "session", session: SID, at });
    world.feed.floor = 2;
    world.time.pass(BOUND_MS);
    expect(await world.verifier.verify(token)).toEqual({ state: "ended", why: "session" });
  });

  it("is not judged from more revocations than may be held", async () => {
    const world = await tokenWorld({ verifier: { revocationsMax: 10 } });
    const token = await inUse(world);
    for (let index = 0; index < 11; index += 1) {
      world.feed.add({ kind: "session", session: `ses_${index}`, at: world.time.wall() });
    }
    world.time.pass(BOUND_MS);
    expect(await world.verifier.verify(token)).toMatchObject({ state: "unavailable" });
  });

  it("survives the revoke-all that excepts its session, and only that", async () => {
    const world = await tokenWorld();
    const token = await inUse(world);
    const other = await inUse(world, sessionOf({ id: "B".repeat(24) }));
    const all = { kind: "subject", tenant: "default", subject: "alice" } as const;
    world.feed.add({ ...all, epoch: 1, except: SID, at: world.time.wall() });
    world.time.pass(BOUND_MS);
    expect(await world.verifier.verify(token)).toEqual(ACTIVE);
    expect(await world.verifier.verify(other)).toEqual({ state: "ended", why: "subject" });
    world.feed.add({ ...all, epoch: 2, except: `ses_${"B".repeat(24)}`, at: world.time.wall() });
    world.time.pass(BOUND_MS);
    expect(await world.verifier.verify(token)).toEqual({ state: "ended", why: "subject" });
    // Ended by the first; the second did not bring it back (I1).
    expect(await world.verifier.verify(other)).toEqual({ state: "ended", why: "subject" });
    const after = await world.issue({ session: sessionOf({ epoch: 2 }) });
    expect(await world.verifier.verify(after)).toEqual(ACTIVE);
  });
});

describe("RevocationSet", () => {
  const token = {
    issuer: ISSUER,
    jti: "j",
    kid: "k",
    tenant: "t",
    subject: "s",
    session: SID,
    epoch: 0,
    issuedAt: 1_000,
  };

  it("ends everything that was issued before an instant, and nothing issued in it", () => {
    const set = new RevocationSet();
    set.add({ kind: "all", at: 1_000 });
    expect(set.judge(token, 3_000)).toBe("live");
    set.add({ kind: "all", at: 2_000 });
    set.add({ kind: "all", at: 500 });
    expect(set.judge(token, 3_000)).toBe("all");
    expect(set.judge({ ...token, issuedAt: 2_000 }, 3_000)).toBe("live");
  });

  it("forgets what is older than any token, but never a key", () => {
    const set = new RevocationSet();
    set.add({ kind: "session", session: SID, at: 10 });
    set.add({ kind: "subject", tenant: "t", subject: "s", epoch: 1, at: 10 });
    set.add({ kind: "key", kid: "stolen", at: 10 });
    set.prune(10);
    expect(set.judge(token, 3_000)).toBe("session");
    set.prune(11);
    expect(set.judge(token, 3_000)).toBe("live");
    expect(set.judge({ ...token, kid: "stolen" }, 3_000)).toBe("key");
  });

  it("keeps tenants and issuers apart whose names run together", () => {
    const set = new RevocationSet();
    set.add({ kind: "subject", tenant: "a", subject: "bc", epoch: 1, at: 1 });
    set.add({ kind: "token", issuer: "ab", jti: "c", at: 1 });
    expect(set.judge({ ...token, tenant: "ab", subject: "c" }, 3_000)).toBe("live");
    expect(set.judge({ ...token, issuer: "a", jti: "bc" }, 3_000)).toBe("live");
    expect(set.judge({ ...token, tenant: "a", subject: "bc" }, 3_000)).toBe("subject");
  });

  it("reads a delta twice without harm, in any order of epochs", () => {
    const set = new RevocationSet();
    const all = { kind: "subject", tenant: "t", subject: "s", at: 1 } as const;
    set.add({ ...all, epoch: 2 });
    set.add({ ...all, epoch: 1, except: SID });
    expect(set.judge({ ...token, epoch: 1 }, 3_000)).toBe("subject");
    expect(set.judge({ ...token, epoch: 2 }, 3_000)).toBe("live");
  });
});

describe("a page", () => {
  const page = {
    position: "p",
    entries: [{ kind: "key", kid: "k", at: 1_790_000_000_000 }],
    complete: true,
    at: 1_790_000_000_123,
    ageMs: 250,
    keepMs: 900_000,
  } as const;

  it("comes back as it was sent", () => {
    expect(readPage(JSON.parse(JSON.stringify(formatPage(page))))).toEqual(page);
  });

  it("is taken whole or not at all; kinds to come are passed over", () => {
    const wire = formatPage(page);
    const entries = wire["entries"] as object[];
    const at = "2026-11-21T00:00:00Z";
    expect(readPage({ ...wire, entries: [...entries, { kind: "planet", at }] })).toEqual(page);
    for (const wrong of [
      { kind: "key", at },
      { kind: "session", session: 7, at },
      { kind: "subject", tenant: "t", subject: "s", at },
      { kind: "lock", session: "s", at },
      { kind: "key", kid: "k" },
      null,
    ]) {
      expect(readPage({ ...wire, entries: [...entries, wrong] })).toBeUndefined();
    }
    for (const name of Object.keys(wire)) {
      expect(readPage({ ...wire, [name]: undefined })).toBeUndefined();
    }
  });
});
