/** The attacker tries tokens as fast as he can. */
import { describe, expect, it } from "vitest";
import { visit, world } from "../support/world.ts";

const GUESSES = 20_000;

describe("guessing tokens", () => {
  it("[ID-08] costs no store call and is counted, guess by guess", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    let counted = 0;
    place.sessions.events.on("token-forged", () => void (counted += 1));
    // The genuine one is remembered as proved: a guess must not pass by its memory.
    await place.sessions.authenticate(token);
    place.store.resetCalls();
    for (let guess = 0; guess < GUESSES; guess += 1) {
      const tail = Buffer.from(`guess ${guess}`.padEnd(24)).toString("base64url");
      const guessed = token.slice(0, 37) + tail.padEnd(48, "A").slice(0, 48);
      await place.sessions.authenticate(guessed);
    }
    expect(place.store.calls()).toBe(0);
    expect(counted).toBe(GUESSES);
    expect((await place.sessions.authenticate(token)).state).toBe("active");
  });

  it("[DE-07] of a known id locks, ends and slows nobody", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    for (let guess = 0; guess < 1_000; guess += 1) {
      const guessed = token.slice(0, 69) + String(guess).padStart(16, "A");
      expect((await visit(place, { token: guessed })).session.subject).toBeNull();
    }
    expect(session.version).toBe("1.0");
    expect(place.named("session-locked")).toEqual([]);
    expect((await place.sessions.authenticate(token)).state).toBe("active");
  });
});
