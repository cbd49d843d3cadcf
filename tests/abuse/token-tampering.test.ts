/** The attacker has a token of his own and changes what it says. */
import { describe, expect, it } from "vitest";
import { idOf, world } from "../support/world.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

describe("a tampered token", () => {
  it("[ID-16] is refused before the store, whichever bit was changed, harms none", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    await place.sessions.authenticate(token);
    place.store.resetCalls();
    for (let at = 5; at < token.length; at += 1) {
      const value = ALPHABET.indexOf(token.charAt(at));
      for (let bit = 0; bit < 6; bit += 1) {
        const tampered =
          token.slice(0, at) + ALPHABET.charAt(value ^ (1 << bit)) + token.slice(at + 1);
        expect(await place.sessions.authenticate(tampered)).toEqual({ state: "unknown" });
      }
    }
    expect(place.store.calls()).toBe(0);
    expect((await place.sessions.authenticate(token)).state).toBe("active");
    expect(place.named("session-ended")).toEqual([]);
    expect(place.named("token-fork")).toEqual([]);
  });

  it("[ID-16] with the id or the generation of another session is nobody's", async () => {
    const place = world();
    const mallory = await place.sessions.open({ subject: "mallory" });
    const alice = await place.sessions.open({ subject: "alice" });
    const grafted = [
      mallory.token.slice(0, 9) + alice.token.slice(9, 33) + mallory.token.slice(33),
      mallory.token.slice(0, 33) + "AAAC" + mallory.token.slice(37),
      alice.token.slice(0, 37) + mallory.token.slice(37),
    ];
    for (const token of grafted) {
      expect(await place.sessions.authenticate(token)).toEqual({ state: "unknown" });
    }
    expect(await place.sessions.find(idOf(alice.session))).toBeDefined();
  });

  it("has one spelling: padding, case and spare bits make another text", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    const spellings = [`${token}=`, ` ${token}`, `${token} `, token.toUpperCase(), `${token}\n`];
    for (const text of spellings) {
      expect(await place.sessions.authenticate(text)).toEqual({ state: "unknown" });
    }
  });
});
