/** The attacker makes tokens of the right shape without the secret. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { secretOf, visit, world } from "../support/world.ts";

const UNKNOWN = { state: "unknown" };

describe("forged tokens", () => {
  it("[ID-05] [ID-08] end before the store is asked, are counted, and never throw", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    place.store.resetCalls();
    const other = world({ secrets: [secretOf(9)] });
    const { token: foreign } = await other.sessions.open({ subject: "alice" });
    const shaped = [foreign, `sj1s_${"A".repeat(80)}`, token.slice(0, -16) + "A".repeat(16)];
    for (const forged of shaped) {
      expect(await place.sessions.authenticate(forged)).toEqual(UNKNOWN);
    }
    expect(place.store.calls()).toBe(0);
    expect(place.named("token-forged")).toHaveLength(shaped.length);
  });

  it("[ID-08] of any text, length and alphabet cost no store call, reflect nothing", async () => {
    const place = world();
    const base64url = fc.stringMatching(/^[\w-]{80}$/).map((text) => `sj1s_${text}`);
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 300 }),
      base64url,
      base64url.map((token) => `${token}\r\nSet-Cookie: a=b`),
      base64url.map((token) => token.replace("sj1s_", "sj2s_")),
      fc.constantFrom("\0", "' OR 1=1 --", "x".repeat(1_000_000), "sj1s_", "\ud800"),
    );
    await fc.assert(
      fc.asyncProperty(text, async (forged) => {
        expect(await place.sessions.authenticate(forged)).toEqual(UNKNOWN);
        const { session, refusal } = await visit(place, { token: forged.slice(0, 5_000) });
        expect([session.subject, refusal]).toEqual([null, undefined]);
      }),
      { numRuns: 500 },
    );
    expect(place.store.calls()).toBe(0);
    expect(JSON.stringify(place.events)).not.toContain("OR 1=1");
  });

  it.each([undefined, null, 7, true, {}, { length: 85 }, ["sj1s_"], Symbol("x")])(
    "[ID-08] that are no text at all (%s) are unknown",
    async (value) => {
      const place = world();
      expect(await place.sessions.authenticate(value as unknown as string)).toEqual(UNKNOWN);
    },
  );
});
