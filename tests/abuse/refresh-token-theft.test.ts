/** A refresh token is copied, and both holders go on: whoever comes second is noticed. */
import { describe, expect, it } from "vitest";
import { MINUTE, world } from "../support/world.ts";
import type { World, WorldOptions } from "../support/world.ts";

const GRANT = { client: "app", audience: "https://api.example" };

async function stolen(options: WorldOptions = {}) {
  const place = world(options);
  const { session } = await place.sessions.open({ subject: "alice" });
  const phone = { ...GRANT, fingerprint: "phone" };
  const { token, family } = await place.sessions.refreshTokens.issue(session, phone);
  return { place, session, token, family };
}

function use(place: World, token: string, fingerprint = "phone") {
  return place.sessions.refreshTokens.use(token, { client: "app", fingerprint });
}

/** One holder, refreshing every five minutes. @returns what it holds at the end, if anything. */
async function goOn(place: World, token: string, times: number, from = "phone") {
  let held: string | undefined = token;
  for (let count = 0; count < times && held !== undefined; count += 1) {
    const standing = await use(place, held, from);
    held = standing.state === "active" ? (standing.successor ?? held) : undefined;
    place.clock.advance(5 * MINUTE);
  }
  return held;
}

describe("a stolen refresh token", () => {
  it.each(["phone", "thief"])(
    "[RT-01] ends the family when the owner was faster (thief seen as %s)",
    async (seenAs) => {
      const { place, token, family } = await stolen();
      const held = await goOn(place, token, 2);
      expect((await use(place, token, seenAs)).state).toBe("refused");
      expect(place.named("token-fork")).toMatchObject([
        { session: family, reaction: "revoke", sameContext: seenAs === "phone" },
      ]);
      expect((await use(place, held ?? "")).state).toBe("refused");
    },
  );

  it.each(["phone", "thief"])(
    "[RT-01] ends the family when the thief was faster (thief seen as %s)",
    async (seenAs) => {
      const { place, token } = await stolen();
      const held = await goOn(place, token, 2, seenAs);
      expect((await use(place, token)).state).toBe("refused");
      expect(place.named("token-fork")).toHaveLength(1);
      expect((await use(place, held ?? "", seenAs)).state).toBe("refused");
    },
  );

  it("[RT-01] ends the family when both use it by turns and late", async () => {
    const { place, token } = await stolen();
    // The thief's answer is never confirmed: the owner's next is a branch, and orphans it.
    const thief = await goOn(place, token, 1, "thief");
    const owner = await goOn(place, token, 1);
    expect(thief).not.toBe(owner);
    await goOn(place, owner ?? "", 1);
    expect((await use(place, thief ?? "", "thief")).state).toBe("refused");
    expect(place.named("token-fork")).toHaveLength(1);
  });

  it.each(["alert", "step-up", "revoke"] as const)(
    "[DE-06] ends the family, and not its session, also where the policy says %s of sessions",
    async (onFork) => {
      const { place, session, token, family } = await stolen({
        policy: { extends: "saas", onFork },
      });
      await goOn(place, token, 2);
      expect((await use(place, token, "thief")).state).toBe("refused");
      const [fork] = place.named("token-fork");
      expect(fork).toMatchObject({ session: family, reaction: "revoke", sameContext: false });
      expect(new Set([fork?.heldContext, fork?.presentedContext, undefined]).size).toBe(3);
      const ended = place.named("session-ended");
      expect(ended).toMatchObject([{ session: family, reason: "reuse_detected" }]);
      expect((await place.sessions.find(session.id ?? ""))?.state).toBe("active");
    },
  );
});
