/** The attacker has used the client's key for a while, and keeps proofs for later. */
import { describe, expect, it } from "vitest";
import { generateSecret, Nonces } from "sojourn/tokens";
import { dpopWorld, whyOf } from "../support/dpop-world.ts";

describe("a proof of another time", () => {
  it("[DP-04] is refused outside its window, at the very bounds", async () => {
    const world = await dpopWorld({ proofAgeMs: 60_000, leewayMs: 10_000 });
    const { alice, tokens } = world;
    const at = (offsetMs: number) => ({ iat: (tokens.time.wall() + offsetMs) / 1_000 });
    const why = async (offsetMs: number) =>
      whyOf(world.ask(alice.token, await alice.odd({}, at(offsetMs))));
    expect(await why(-60_000)).toBe("time");
    expect(await why(-59_999)).toBe("active");
    expect(await why(10_000)).toBe("active");
    expect(await why(10_001)).toBe("time");
    expect(await why(86_400_000)).toBe("time");
  });
});

describe("where nonces are asked for", () => {
  async function asked() {
    const world = await dpopWorld({ withNonces: true });
    return { world, alice: world.alice, now: world.tokens.time.wall };
  }

  it("[DP-07, DP-08] a proof that was made before the nonce answers use_dpop_nonce", async () => {
    const { world, alice } = await asked();
    const proof = await alice.proof();
    const answer = await world.ask(alice.token, proof);
    expect(answer).toMatchObject({ state: "refused", status: 401, why: "nonce" });
    expect(answer.headers["www-authenticate"]).toMatch(/^DPoP error="use_dpop_nonce", algs=/);
    const nonce = answer.headers["dpop-nonce"] ?? "";
    expect(await whyOf(world.ask(alice.token, proof))).toBe("nonce");
    expect(await whyOf(world.ask(alice.token, await alice.proof({ nonce })))).toBe("active");
  });

  it("[DP-08] a proof for tomorrow is refused, and a wrong clock of the client is not", async () => {
    const { world, alice, now } = await asked();
    const tomorrow = now() / 1_000 + 86_400;
    expect(await whyOf(world.ask(alice.token, await alice.odd({}, { iat: tomorrow })))).toBe(
      "nonce",
    );
    const nonce = await world.nonces.make(now());
    const fast = await alice.odd({}, { iat: tomorrow, nonce });
    expect(await whyOf(world.ask(alice.token, fast))).toBe("active");
  });

  it("[DP-07] a nonce of nobody, of others, and one that is changed is none", async () => {
    const { world, alice, now } = await asked();
    const nonce = await world.nonces.make(now());
    const stranger = await new Nonces({ secrets: [generateSecret()] }).make(now());
    const changed = nonce.split("").map((old, at) => {
      const other = old === "A" ? "B" : "A";
      return nonce.slice(0, at) + other + nonce.slice(at + 1);
    });
    const later = (await world.nonces.make(now() + 1)).slice(0, 8) + nonce.slice(8);
    for (const odd of [...changed, stranger, later, "", `${nonce}A`, "A".repeat(32)]) {
      const proof = await alice.odd({}, { nonce: odd });
      expect(["nonce", "claims"]).toContain(await whyOf(world.ask(alice.token, proof)));
    }
    expect(await whyOf(world.ask(alice.token, await alice.proof({ nonce })))).toBe("active");
  });

  it("[DP-07] a nonce is over at its time, and is renewed before", async () => {
    const { world, alice, now } = await asked();
    const nonce = await world.nonces.make(now());
    const early = await world.ask(alice.token, await alice.proof({ nonce }));
    expect(early).toMatchObject({ state: "active", headers: {} });
    world.tokens.time.pass(world.nonces.lifeMs / 2);
    const half = await world.ask(alice.token, await alice.proof({ nonce }));
    expect(half.state).toBe("active");
    expect(half.headers["dpop-nonce"]).not.toBe(nonce);
    world.tokens.time.pass(world.nonces.lifeMs / 2 - 1);
    expect(await whyOf(world.ask(alice.token, await alice.proof({ nonce })))).toBe("active");
    world.tokens.time.pass(1);
    expect(await whyOf(world.ask(alice.token, await alice.proof({ nonce })))).toBe("nonce");
  });

  it("[DP-07] a nonce is told by every node and under every secret that verifies", async () => {
    const [old, young] = [generateSecret(), generateSecret()];
    const before = new Nonces({ secrets: [old, young] });
    const after = new Nonces({ secrets: [young, old] });
    const nonce = await before.make(1_795_219_200_123);
    expect(nonce).toMatch(/^[\w-]{32}$/);
    expect(await after.madeAt(nonce)).toBe(1_795_219_200_123);
    expect(await after.make(1_795_219_200_123)).not.toBe(nonce);
    expect(await new Nonces({ secrets: [young] }).madeAt(nonce)).toBeUndefined();
  });
});
