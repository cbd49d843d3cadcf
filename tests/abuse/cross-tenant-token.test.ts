/** A genuine token of one tenant is presented to another. */
import { describe, expect, it } from "vitest";
import { failure, idOf, visit, world } from "../support/world.ts";

describe("a token of another tenant", () => {
  it("[ID-08] is refused by its MAC alone, also right after it was served at home", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice", tenant: "acme" });
    expect((await place.sessions.authenticate(token, { tenant: "acme" })).state).toBe("active");
    place.store.resetCalls();
    for (const tenant of ["globex", "default", "Acme", "acme."]) {
      expect(await place.sessions.authenticate(token, { tenant })).toEqual({ state: "unknown" });
    }
    expect(place.store.calls()).toBe(0);
    expect(place.named("token-forged")).toHaveLength(4);
  });

  it("opens nothing over HTTP, where the tenant comes from configuration", async () => {
    const acme = world({ tenant: "acme" });
    const globex = world({ tenant: "globex", beside: acme });
    const { token } = await acme.sessions.open({ subject: "alice" });
    const headers = { host: "acme.example", "x-tenant": "acme", "x-forwarded-host": "acme" };
    const { session } = await visit(globex, { token, headers });
    expect([session.subject, session.tenant]).toEqual([null, "globex"]);
  });

  it("has a handle that finds, describes, ends and watches nothing elsewhere", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice", tenant: "acme" });
    const id = idOf(session);
    const where = { tenant: "globex" };
    expect(await place.sessions.find(id, where)).toBeUndefined();
    expect(await place.sessions.describe(id, where)).toBeUndefined();
    expect(await place.sessions.revoke(id, where)).toBeUndefined();
    expect(await place.sessions.subject("alice", where).revoke(id)).toBe(false);
    await place.sessions.subject("alice", where).revokeAll();
    expect((await place.sessions.authenticate(token, { tenant: "acme" })).state).toBe("active");
  });

  it("cannot be confused by names that join to the same text", async () => {
    const place = world();
    const one = await place.sessions.open({ subject: "b-c", tenant: "a" });
    await place.sessions.subject("c", { tenant: "a-b" }).revokeAll();
    await place.sessions.subject("-c", { tenant: "ab" }).revokeAll();
    expect((await place.sessions.authenticate(one.token, { tenant: "a" })).state).toBe("active");
  });

  it.each(["", "../acme", "a b", "a\0b", "-a", "x".repeat(64), "tenant\n"])(
    "%j is no tenant",
    async (tenant) => {
      const place = world();
      const error = await failure(place.sessions.authenticate("x", { tenant }));
      expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    },
  );
});
