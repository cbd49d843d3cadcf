/** A thief copies the cookie; browser and thief both go on using it. */
import { describe, expect, it } from "vitest";
import { HOUR, leave, SECOND, visit, world } from "../support/world.ts";
import type { World, WorldOptions } from "../support/world.ts";

const VICTIM = { "user-agent": "Mozilla/5.0 Firefox/147.0" };
const THIEF = { "user-agent": "curl/8.5.0" };

interface Holder {
  readonly headers: Readonly<Record<string, string>>;
  token: string;
}

/** One request; a new cookie is kept, as browsers and thieves do. */
async function use(place: World, holder: Holder): Promise<string | null> {
  const exchange = await visit(place, holder);
  const { subject } = exchange.session;
  holder.token = leave(exchange).token ?? holder.token;
  await place.clock.advanceAsync(SECOND);
  return subject;
}

async function robbed(options: WorldOptions = {}) {
  const place = world(options);
  const first = await visit(place, { headers: VICTIM });
  await first.session.login("alice", { amr: ["pwd"] });
  const token = leave(first).token ?? "";
  const victim: Holder = { headers: VICTIM, token };
  const thief: Holder = { headers: THIEF, token };
  return { place, victim, thief };
}

/** Both go on: the first each minute, the other 40 s later. @returns minutes until a refusal. */
async function until(place: World, first: Holder, second: Holder): Promise<number> {
  for (let minute = 0; minute < 180; minute += 1) {
    if ((await use(place, first)) === null) return minute;
    await place.clock.advanceAsync(39 * SECOND);
    if ((await use(place, second)) === null) return minute;
    await place.clock.advanceAsync(19 * SECOND);
  }
  return Number.POSITIVE_INFINITY;
}

describe("a stolen cookie", () => {
  it.each(["victim", "thief"] as const)(
    "[TO-08] shuts both out past a rotation, its grace and a minute, when the %s rotates first",
    async (who) => {
      const { place, victim, thief } = await robbed();
      const [first, second] = who === "victim" ? [victim, thief] : [thief, victim];
      expect(await until(place, first, second)).toBeLessThanOrEqual(64);
      const [fork] = place.named("token-fork");
      expect(["revoke", "step-up"]).toContain(fork?.reaction);
      expect(await use(place, victim)).toBeNull();
      expect(await use(place, thief)).toBeNull();
      const ends = place.named("session-ended").map(({ reason }) => reason);
      expect(ends).toEqual(fork?.reaction === "revoke" ? ["reuse_detected"] : []);
      expect(place.named("token-fork")).toHaveLength(1);
    },
  );

  it("never gives the thief the successor that is on its way to the victim", async () => {
    const { place, victim, thief } = await robbed();
    place.clock.advance(HOUR);
    const before = thief.token;
    await use(place, victim);
    await use(place, thief);
    expect(victim.token).not.toBe(before);
    expect(thief.token).toBe(before);
  });

  it("with the victim's own user agent is locked: both must give a factor", async () => {
    const { place, victim, thief } = await robbed();
    const twin: Holder = { headers: VICTIM, token: thief.token };
    expect(await until(place, victim, twin)).toBeLessThanOrEqual(64);
    const [{ reaction } = { reaction: "none" }] = place.named("token-fork");
    expect(reaction).toBe("step-up");
    expect(await use(place, victim)).toBeNull();
    const exchange = await visit(place, victim);
    await exchange.session.unlock({ amr: ["pwd"] });
    victim.token = leave(exchange).token ?? "";
    await place.clock.advanceAsync(6 * SECOND);
    expect(await use(place, victim)).toBe("alice");
    expect(await use(place, twin)).toBeNull();
  });

  it("[DE-07] that is forged, not stolen, ends and locks nothing", async () => {
    const { place, victim } = await robbed();
    for (let hour = 0; hour < 3; hour += 1) {
      place.clock.advance(HOUR);
      await use(place, victim);
      await use(place, victim);
    }
    const old = `${victim.token.slice(0, 33)}AAAB${victim.token.slice(37)}`;
    for (const forged of [old, `${old.slice(0, 69)}${"A".repeat(16)}`]) {
      await visit(place, { token: forged, headers: THIEF });
    }
    expect(place.named("token-fork")).toEqual([]);
    expect(await use(place, victim)).toBe("alice");
  });
});
