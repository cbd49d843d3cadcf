/** The attacker plants a session token of his own in the victim's browser and waits for a login. */
import { describe, expect, it } from "vitest";
import { leave, secretPart, visit, world } from "../support/world.ts";
import type { World } from "../support/world.ts";

async function planted(place: World): Promise<string> {
  const attacker = await visit(place);
  await attacker.session.set("trap", true);
  return leave(attacker).token ?? "";
}

describe("session fixation", () => {
  it("[ID-04] gets the attacker nothing of the victim's login", async () => {
    const place = world();
    const token = await planted(place);
    const victim = await visit(place, { token });
    await victim.session.login("alice");
    await victim.session.set("iban", "DE02");
    const { token: fresh = "" } = leave(victim);
    expect(secretPart(fresh)).not.toBe(secretPart(token));
    const attacker = await visit(place, { token });
    expect(attacker.session.subject).toBeNull();
    expect(attacker.session.data).toEqual({});
    expect(await place.sessions.authenticate(token)).toEqual({
      state: "ended",
      reason: "replaced",
    });
  });

  it("[ID-05] adopts no id that we never issued, not even for an anonymous row", async () => {
    const place = world();
    const made = `sj1n_${"A".repeat(80)}`;
    const victim = await visit(place, { token: made });
    await victim.session.set("n", 1);
    expect(victim.session.id).not.toContain(made.slice(9, 33));
    expect(leave(victim).token).not.toBe(made);
    expect(await place.store.find({ tenant: "default", id: made.slice(9, 33) })).toBeUndefined();
    expect(place.named("token-forged")).toHaveLength(1);
  });

  it("[ID-05] adopts no id of a session that ended, whatever is written with it", async () => {
    const place = world();
    const token = await planted(place);
    const first = await visit(place, { token });
    const id = first.session.id;
    await first.session.logout();
    const again = await visit(place, { token });
    await again.session.login("alice");
    expect(again.session.id).not.toBe(id);
    expect(again.session.data).toEqual({});
  });

  it("[ID-12] of a session that waits for a factor dies with the factor", async () => {
    const place = world();
    const attacker = await visit(place);
    // The attacker knows the password and hands the half-open session to the victim.
    await attacker.session.login("alice", { amr: ["pwd"], pending: true });
    const { token } = leave(attacker);
    const victim = await visit(place, { token });
    await victim.session.stepUp({ amr: ["otp"] });
    const after = await visit(place, { token });
    expect(after.session.subject).toBeNull();
    expect(after.session.unmet({})).toBeDefined();
  });
});
