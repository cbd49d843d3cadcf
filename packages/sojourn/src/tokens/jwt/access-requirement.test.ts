import { describe, expect, it } from "vitest";
import { API, clientOf, dpopWorld } from "../../../../../tests/support/dpop-world.ts";
import {
  goodClaims,
  sessionOf,
  START,
  tokenWorld,
} from "../../../../../tests/support/token-world.ts";
import type { AccessRequirement } from "./access-requirement.ts";
import { unmetByClaims } from "./access-requirement.ts";
import type { AccessClaims } from "./access-claims.ts";

const MINUTE = 60_000;

function assured(changes: object) {
  const assurance = { acr: "aal1", amr: ["pwd"], authTime: START, factors: [], ...changes };
  return sessionOf({ assurance });
}

describe("a login that is asked for", () => {
  it("[RA-04] is of that age at most, to the millisecond", async () => {
    const world = await tokenWorld({ verifier: { require: { maxAgeMs: MINUTE } } });
    const token = await world.issue();
    world.time.pass(MINUTE);
    expect((await world.verifier.verify(token)).state).toBe("active");
    world.time.pass(1);
    const unmet = { state: "insufficient", unmet: { maxAgeMs: MINUTE } };
    expect(await world.verifier.verify(token)).toEqual(unmet);
    const anew = world.verifierWith({});
    expect(await anew.verify(token)).toEqual(unmet);
    // Proved once: from here on without a promise.
    expect(anew.verify(token)).toEqual(unmet);
    expect(await world.verifierWith({}).verify(token)).toEqual(unmet);
    // The token is as good as ever for who asks for less.
    const less = await world.verifier.verify(token, { require: { maxAgeMs: 2 * MINUTE } });
    expect(less.state).toBe("active");
  });

  it.each([
    ["aal1", "aal1", true],
    ["aal1", "aal2", false],
    ["aal3", "aal2", true],
    ["urn:example:gold", "aal1", false],
    ["urn:example:gold", "urn:example:gold", true],
    ["aal3", "urn:example:gold", false],
    [undefined, "aal1", false],
  ])("[RA-04] has the level: %s for %s is %s", async (acr, wanted, met) => {
    const world = await tokenWorld();
    const { acr: _acr, ...rest } = assured({}).assurance;
    const assurance = acr === undefined ? rest : { ...rest, acr };
    const token = await world.issue({ session: sessionOf({ assurance }) });
    const standing = await world.verifier.verify(token, { require: { acr: wanted } });
    expect(standing).toMatchObject(met ? { state: "active" } : { unmet: { acr: wanted } });
  });

  it("[RA-04] has all of the methods", async () => {
    const world = await tokenWorld();
    const token = await world.issue({ session: assured({ amr: ["pwd", "otp"] }) });
    const stateOf = async (...amr: readonly string[]) =>
      (await world.verifier.verify(token, { require: { amr } })).state;
    expect(await stateOf("otp")).toBe("active");
    expect(await stateOf("pwd", "otp")).toBe("active");
    expect(await stateOf("otp", "hwk")).toBe("insufficient");
  });

  it("[RA-04] is not met by a token that says nothing of it", async () => {
    const { time } = await tokenWorld();
    const claims = goodClaims(time) as unknown as AccessClaims;
    const asked = { acr: "aal1", maxAgeMs: MINUTE, amr: ["pwd"] };
    expect(unmetByClaims(claims, asked, START)).toEqual(asked);
    expect(unmetByClaims(claims, {}, START)).toBeUndefined();
  });

  it("outranks no end, and no binding", async () => {
    const world = await tokenWorld({ verifier: { require: { acr: "aal3" } } });
    const bound = await world.issue({ cnf: { jkt: "k".repeat(43) } });
    expect(await world.verifier.verify(bound)).toEqual({ state: "unknown", why: "binding" });
    world.time.pass(10 * MINUTE);
    const ended = { state: "ended", why: "expired" };
    expect(await world.verifier.verify(bound)).toEqual(ended);
  });

  it("is refused where it is none, at the start and at the call", async () => {
    const world = await tokenWorld();
    const token = await world.issue();
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ acr: "a b" }, /require\.acr: takes one class/],
      [{ acr: 'a"b' }, /require\.acr: takes one class/],
      [{ maxAge: 5 }, /require\.maxAge: unknown requirement/],
      [{ maxAgeMs: "5" }, /require\.maxAgeMs: takes milliseconds/],
      [{ amr: [] }, /require\.amr: takes a list/],
      [{ factors: 2 }, /require\.factors: is not in tokens/],
    ];
    for (const [require, message] of wrong) {
      const asked = require as AccessRequirement;
      expect(() => world.verifierWith({ require: asked })).toThrow(message);
      expect(() => world.verifier.verify(token, { require: asked })).toThrow(message);
    }
  });
});

describe("a resource that asks for a login", () => {
  it.each(["Bearer", "DPoP"])("[RA-04] challenges %s as RFC 9470 has it", async (scheme) => {
    const world = await dpopWorld();
    const client = scheme === "DPoP" ? await clientOf(world.tokens) : undefined;
    const token = client?.token ?? (await world.tokens.issue());
    const ask = async (require: AccessRequirement) => {
      const authorization = `${scheme} ${token}`;
      const proof = await client?.proof({ url: `${API}/notes` });
      return world.ask(token, proof, { authorization, require });
    };
    expect((await ask({ acr: "aal1", maxAgeMs: 5 * MINUTE })).state).toBe("active");
    world.tokens.time.pass(2 * MINUTE);
    const answer = await ask({ acr: "aal2", maxAgeMs: MINUTE + 999 });
    expect(answer).toMatchObject({ state: "refused", status: 401, why: "insufficient" });
    const said = answer.headers["www-authenticate"] ?? "";
    const own = said.split(/, (?=DPoP)/).find((one) => one.startsWith(scheme));
    const error = 'error="insufficient_user_authentication", acr_values="aal2", max_age="60"';
    expect(own).toMatch(new RegExp(`^${scheme} ${error}`));
    const methods = await ask({ amr: ["hwk"] });
    expect(methods.headers["www-authenticate"]).toMatch(
      /insufficient_user_authentication"(?!, (?:acr|max))/,
    );
  });
});
