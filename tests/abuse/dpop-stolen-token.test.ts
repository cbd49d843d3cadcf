/** The attacker has a bound token, and proofs by a key of their own or of another token. */
import { describe, expect, it } from "vitest";
import { clientOf, dpopWorld, readParts, whyOf } from "../support/dpop-world.ts";

describe("a stolen token", () => {
  it("[DP-05] is refused with a proof by another key", async () => {
    const world = await dpopWorld();
    const { alice, mallory } = world;
    const proof = await mallory.proof({ token: alice.token });
    expect(await whyOf(world.ask(alice.token, proof))).toBe("binding");
  });

  it("[DP-05, RT-05] bound to a key is refused with a proof by another, where tokens are issued", async () => {
    const { dpop, alice, mallory } = await dpopWorld();
    const stateBy = async (of: typeof alice) => {
      const proof = await of.proof({ token: null });
      const request = { proof, method: "GET", path: "/notes", boundTo: alice.jkt };
      return dpop.verify(request);
    };
    expect(await stateBy(mallory)).toMatchObject({ state: "refused", why: "other_key" });
    expect(await stateBy(alice)).toMatchObject({ state: "proved" });
  });

  it("[DP-05] is refused with its owner's proof for another token", async () => {
    const world = await dpopWorld();
    const { alice } = world;
    const second = await world.tokens.issue({ cnf: { jkt: alice.jkt } });
    expect(await whyOf(world.ask(alice.token, await alice.proof({ token: second })))).toBe(
      "token_hash",
    );
    expect(await whyOf(world.ask(alice.token, await alice.proof({ token: null })))).toBe(
      "token_hash",
    );
    expect(await whyOf(world.ask(second, await alice.proof({ token: second })))).toBe("active");
  });

  it("[DP-05] is refused with the owner's public key above the thief's signature", async () => {
    const world = await dpopWorld();
    const { alice, mallory } = world;
    const honest = await alice.proof();
    const { jwk } = readParts(honest).header as { jwk: object };
    const forged = await mallory.odd({ jwk }, readParts(honest).claims);
    expect(await whyOf(world.ask(alice.token, forged))).toBe("signature");
    const [head = "", body = ""] = honest.split(".");
    const [, , theirs = ""] = (await mallory.proof({ token: alice.token })).split(".");
    expect(await whyOf(world.ask(alice.token, `${head}.${body}.${theirs}`))).toBe("signature");
  });

  it("[DP-05] is refused once its session has ended, though the proof is right", async () => {
    const world = await dpopWorld();
    const { alice, tokens } = world;
    expect(await whyOf(world.ask(alice.token, await alice.proof()))).toBe("active");
    const session = `ses_${"A".repeat(24)}`;
    tokens.feed.add({ kind: "session", session, at: tokens.time.wall() });
    tokens.time.pass(5_000);
    expect(await whyOf(world.ask(alice.token, await alice.proof()))).toBe("session");
  });

  it.each(["ES256", "Ed25519"] as const)(
    "[DP-02] of an owner with %s works for them",
    async (alg) => {
      const world = await dpopWorld();
      const owner = await clientOf(world.tokens, alg);
      expect(await whyOf(world.ask(owner.token, await owner.proof()))).toBe("active");
    },
  );
});
