/** The attacker has a bound token and not its key, and presents it as one that needs none. */
import { describe, expect, it } from "vitest";
import { createAccessGuard } from "sojourn/tokens";
import { clientOf, dpopWorld, whyOf } from "../support/dpop-world.ts";

describe("a token that is bound to a key", () => {
  it.each(["Bearer", "bearer", "BEARER"])("[DP-06] is refused as %s", async (scheme) => {
    const world = await dpopWorld();
    const { alice } = world;
    const authorization = `${scheme} ${alice.token}`;
    const answer = await world.ask(alice.token, undefined, { authorization });
    expect(answer).toMatchObject({ state: "refused", status: 401, why: "binding" });
    // Neither does a proof beside it help: the scheme says what was meant to be checked.
    const proof = await alice.proof();
    expect(await whyOf(world.ask(alice.token, proof, { authorization }))).toBe("binding");
    expect(await whyOf(world.ask(alice.token, proof))).toBe("active");
    // Known to be good by now, and still none for a bearer.
    expect(await whyOf(world.ask(alice.token, undefined, { authorization }))).toBe("binding");
  });

  it("[DP-06] is refused as a bearer token whatever the verifier makes of it", async () => {
    const world = await dpopWorld();
    const { alice, tokens, dpop } = world;
    const verify = (token: string) => tokens.verifier.verify(token, { confirmation: alice });
    const guard = createAccessGuard({ verifier: { verify }, dpop });
    const authorization = `Bearer ${alice.token}`;
    const asked = { method: "GET", path: "/notes", authorization, proof: undefined };
    expect(await whyOf(guard.check(asked))).toBe("binding");
  });

  it("[DP-01, DP-06] is refused without a proof", async () => {
    const world = await dpopWorld();
    for (const proof of [undefined, null, "", []]) {
      expect((await world.ask(world.alice.token, proof)).state).toBe("refused");
    }
  });

  it("[DP-06] is refused beside a second credential", async () => {
    const world = await dpopWorld();
    const { alice } = world;
    const plain = await world.tokens.issue();
    for (const authorization of [
      [`DPoP ${alice.token}`, `Bearer ${plain}`],
      [`Bearer ${plain}`, `DPoP ${alice.token}`],
      `Bearer ${plain}, DPoP ${alice.token}`,
      `DPoP ${alice.token} ${plain}`,
      `DPoP`,
      `DPoP ,`,
    ]) {
      const proof = await alice.proof();
      const answer = await world.ask(alice.token, proof, { authorization });
      expect(answer).toMatchObject({ state: "refused", status: 400 });
    }
  });
});

describe("a token that is bound to nothing", () => {
  it("[DP-05] is refused as DPoP, whoever's proof is beside it", async () => {
    const world = await dpopWorld();
    const token = await world.tokens.issue();
    const proof = await world.mallory.proof({ token });
    expect(await whyOf(world.ask(token, proof))).toBe("unbound");
    const authorization = `Bearer ${token}`;
    expect(await whyOf(world.ask(token, undefined, { authorization }))).toBe("active");
  });

  it("[RT-13] is refused where only bound ones are taken", async () => {
    const world = await dpopWorld({ bearer: false });
    const token = await world.tokens.issue();
    const authorization = `Bearer ${token}`;
    const answer = await world.ask(token, undefined, { authorization });
    expect(answer).toMatchObject({ state: "refused", status: 401, why: "bearer" });
    expect(answer.headers["www-authenticate"]).toMatch(/^DPoP algs=/);
    const bound = await clientOf(world.tokens);
    expect(await whyOf(world.ask(bound.token, await bound.proof()))).toBe("active");
  });
});
