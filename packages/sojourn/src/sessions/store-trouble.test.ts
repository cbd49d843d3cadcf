import { describe, expect, it } from "vitest";
import { problemOfError } from "../http/problem.ts";
import type { StoreOperation } from "../testing/faulty-store.ts";
import { failure, HOUR, idOf, leave, visit, world } from "../../../../tests/support/world.ts";
import type { World } from "../../../../tests/support/world.ts";

interface Scene {
  readonly place: World;
  readonly token: string;
  readonly session: Awaited<ReturnType<World["sessions"]["open"]>>["session"];
}

async function scene(): Promise<Scene> {
  const place = world();
  const { token, session } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
  return { place, token, session };
}

type Call = (scene: Scene) => Promise<unknown>;

/** Every public operation that asks the store, and each of the store's calls it makes. */
const OPERATIONS: readonly (readonly [string, StoreOperation, Call])[] = [
  ["authenticate", "find", ({ place, token }) => place.sessions.authenticate(token)],
  ["open", "create", ({ place }) => place.sessions.open({ subject: "bob" })],
  ["open", "subjectEpoch", ({ place }) => place.sessions.open({ subject: "bob" })],
  ["find", "find", ({ place, session }) => place.sessions.find(idOf(session))],
  ["describe", "find", ({ place, session }) => place.sessions.describe(idOf(session))],
  ["revoke", "revoke", ({ place, session }) => place.sessions.revoke(idOf(session))],
  ["query", "query", ({ place }) => place.sessions.query({})],
  ["count", "count", ({ place }) => place.sessions.count()],
  ["health", "health", ({ place }) => place.sessions.health()],
  ["sweep", "sweep", ({ place }) => place.sessions.sweep()],
  ["list", "listBySubject", ({ place }) => place.sessions.subject("alice").list()],
  ["subject.count", "count", ({ place }) => place.sessions.subject("alice").count()],
  ["epoch", "subjectEpoch", ({ place }) => place.sessions.subject("alice").epoch()],
  ["revokeAll", "revokeSubject", ({ place }) => place.sessions.subject("alice").revokeAll()],
  ["update", "find", ({ session }) => session.update((draft) => void (draft["n"] = 1))],
  ["update", "patchData", ({ session }) => session.update((draft) => void (draft["n"] = 1))],
  ["set", "patchData", ({ session }) => session.set("n", 1)],
  ["extend", "touch", ({ session }) => session.extend()],
  ["rotate", "replace", ({ session }) => session.rotate()],
  ["stepUp", "replace", ({ session }) => session.stepUp({ amr: ["otp"] })],
  ["lock", "replace", ({ session }) => session.lock()],
  ["setRoles", "replace", ({ session }) => session.setRoles(["admin"])],
  ["logout", "revoke", ({ session }) => session.logout()],
  ["login", "create", ({ session }) => session.login("alice")],
  ["login of another", "revoke", ({ session }) => session.login("bob")],
];

const RETRYABLE = { code: "ERR_STORE_UNAVAILABLE", retryable: true };

describe("a store that cannot answer", () => {
  it.each(OPERATIONS)(
    "is thrown as retryable by %s when %s fails, and never becomes a standing (I7)",
    async (_name, operation, call) => {
      const made = await scene();
      made.place.store.fail(operation, "before");
      const error = await failure(call(made));
      expect(error).toMatchObject(RETRYABLE);
      expect(problemOfError(error).status).toBe(503);
      expect(problemOfError(error).headers["retry-after"]).toBe("1");
      expect(made.place.named("session-ended")).toEqual([]);
      expect((await made.place.sessions.authenticate(made.token)).state).toBe("active");
    },
  );

  it.each(OPERATIONS)(
    "lets %s pass when it is tried again after %s failed",
    async (_name, operation, call) => {
      const made = await scene();
      made.place.store.fail(operation, "before");
      await failure(call(made));
      await call(made);
    },
  );

  it.each(["find", "replace", "touch"] as const)(
    "is thrown by a rotation's %s: nobody is signed out, and no fork is seen afterwards",
    async (operation) => {
      const { place, token } = await scene();
      place.clock.advance(HOUR);
      const how = { canSetToken: true, fingerprint: "UA" };
      if (operation === "touch") {
        await place.sessions.authenticate(token, how);
        await place.clock.advanceAsync(1_500);
      }
      place.store.fail(operation, "after");
      expect(await failure(place.sessions.authenticate(token, how))).toMatchObject(RETRYABLE);
      place.clock.advance(1_000);
      expect((await place.sessions.authenticate(token, how)).state).toBe("active");
      expect(place.named("token-fork")).toEqual([]);
    },
  );

  it("is said once for an outage, and once when it is over", async () => {
    const { place, token } = await scene();
    place.store.setDown(true);
    for (let count = 0; count < 5; count += 1) await failure(place.sessions.authenticate(token));
    place.store.setDown(false);
    await place.sessions.authenticate(token);
    await place.sessions.authenticate(token);
    expect(place.named("store-unavailable")).toHaveLength(1);
    expect(place.named("store-recovered")).toHaveLength(1);
    expect(place.errors).toEqual([]);
  });

  it("refuses the request with 503 and Retry-After, and clears no cookie", async () => {
    const { place, token } = await scene();
    place.store.setDown(true);
    const { refusal } = await visit(place, { token });
    expect(refusal?.status).toBe(503);
    expect(refusal?.problem).toMatchObject({ code: "unavailable", retryable: true });
    expect(Object.keys(refusal?.headers ?? {})).not.toContain("set-cookie");
    expect(refusal?.headers["www-authenticate"]).toBeUndefined();
  });

  it("costs a request without a credential nothing: it is not asked", async () => {
    const { place } = await scene();
    place.store.setDown(true);
    const exchange = await visit(place);
    expect(exchange.refusal).toBeUndefined();
    expect(exchange.session.data).toEqual({});
  });

  it("keeps the cookie when the logout could not be stored", async () => {
    const { place, token } = await scene();
    const exchange = await visit(place, { token });
    place.store.fail("revoke", "before");
    expect(await failure(exchange.session.logout())).toMatchObject(RETRYABLE);
    expect(leave(exchange).cookies).toEqual([]);
    expect((await place.sessions.authenticate(token)).state).toBe("active");
  });

  it("may have ended the session all the same: trying again finds so", async () => {
    const { place, session, token } = await scene();
    place.store.fail("revoke", "after");
    await failure(session.logout());
    await session.logout();
    expect(await place.sessions.authenticate(token)).toEqual({ state: "ended", reason: "logout" });
  });

  it("that loses every race is contention, never unknown (I7)", async () => {
    const { place, token } = await scene();
    place.clock.advance(HOUR);
    const rival = async (): Promise<void> => {
      const { version } = (await place.store.find(refOf(token)))?.record ?? { version: 0 };
      const stored = await place.store.find(refOf(token));
      place.store.before("replace", () => undefined);
      if (stored !== undefined) await place.store.replace(stored.record, version);
      place.store.before("replace", rival);
    };
    place.store.before("replace", rival);
    const outcome = place.sessions.authenticate(token, { canSetToken: true }).then(
      (standing) => standing.state,
      (error: unknown) => (error as { code?: string }).code,
    );
    await place.clock.advanceAsync(3_000);
    expect(["active", "ERR_STORE_CONTENTION"]).toContain(await outcome);
  });
});

function refOf(token: string): { tenant: string; id: string } {
  return { tenant: "default", id: token.slice(9, 33) };
}
