import { describe, expect, it } from "vitest";
import { MINUTE, sessionIn, successorIn, world } from "../../../../tests/support/world.ts";
import { warrantOf } from "./warrant.ts";

describe("a warrant", () => {
  it("names the session and its token's generation, also while it is locked", async () => {
    const { sessions } = world();
    const { session } = await sessions.open({ subject: "alice", amr: ["pwd"] });
    const named = { tenant: "default", id: (session.id ?? "").slice("ses_".length), generation: 1 };
    expect(warrantOf(session)).toEqual(named);
    await session.lock(1);
    expect(warrantOf(session)).toEqual(named);
  });

  it("is given while a successor of the token is under way", async () => {
    const { sessions, clock } = world();
    const { token } = await sessions.open({ subject: "alice" });
    clock.advance(61 * MINUTE);
    const standing = await sessions.authenticate(token, { canSetToken: true });
    expect(successorIn(standing)).not.toBe(token);
    expect(warrantOf(sessionIn(standing))).toMatchObject({ generation: 1 });
  });

  it("is given to no straggler of a hard rotation: it would rise with the session", async () => {
    const { sessions } = world();
    const { session, token } = await sessions.open({ subject: "alice", amr: ["pwd"] });
    await session.stepUp({ amr: ["otp"] });
    expect(warrantOf(sessionIn(await sessions.authenticate(token)))).toBeUndefined();
    expect(warrantOf(session)).toMatchObject({ generation: 2 });
  });

  it("is given for nothing that has ended", async () => {
    const { sessions } = world();
    const { session } = await sessions.open({ subject: "alice" });
    await session.logout();
    expect(warrantOf(session)).toBeUndefined();
  });
});
