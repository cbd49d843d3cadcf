import { describe, expect, it } from "vitest";
import { ConfigError, StoreUnavailableError } from "../engine/errors.ts";
import type { MaybePromise, TenantKeys } from "../engine/ports.ts";
import { MemoryStore } from "../stores/memory.ts";
import { createSessions } from "./create-sessions.ts";
import type { SessionsOptions } from "./options.ts";
import type { Sessions } from "./sessions.ts";

const SECRET = Uint8Array.from({ length: 32 }, (_, at) => at + 1);
const NEXT = Uint8Array.from({ length: 32 }, (_, at) => at + 101);

/** Keys of tenants as a test gives them; `calls` counts the questions. */
class Keys implements TenantKeys {
  readonly keys = new Map<string, MaybePromise<Uint8Array>>();
  down = false;

  keyOf(tenant: string): MaybePromise<Uint8Array | undefined> {
    if (this.down) throw new StoreUnavailableError("tenant keys");
    return this.keys.get(tenant);
  }
}

function keyOf(first: number): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, at) => (first + at) % 256);
}

function withStore(store: MemoryStore, more: Partial<SessionsOptions> = {}): Sessions {
  return createSessions({ store, secrets: [SECRET], sweep: false, ...more });
}

const ACME = { tenant: "acme" };

describe("a tenant's own key", () => {
  it("proves its tokens, and without it nobody can, in whatever order secrets come", async () => {
    const store = new MemoryStore();
    const keys = new Keys();
    keys.keys.set("acme", keyOf(7));
    const own = withStore(store, { tenantKeys: keys });
    const { token } = await own.open({ subject: "alice", ...ACME });
    expect((await own.authenticate(token, ACME)).state).toBe("active");
    const rolled = withStore(store, { tenantKeys: keys, secrets: [NEXT, SECRET] });
    expect((await rolled.authenticate(token, ACME)).state).toBe("active");
    expect(await withStore(store).authenticate(token, ACME)).toEqual({ state: "unknown" });
    keys.keys.set("acme", keyOf(8));
    const after = withStore(store, { tenantKeys: keys });
    expect(await after.authenticate(token, ACME)).toEqual({ state: "unknown" });
    // The tenant is in the derivation: the same bytes are another key elsewhere.
    keys.keys.set("acme", keyOf(7)).set("other", keyOf(7));
    const same = withStore(store, { tenantKeys: keys });
    expect(await same.authenticate(token, { tenant: "other" })).toEqual({ state: "unknown" });
    expect((await same.authenticate(token, ACME)).state).toBe("active");
  });

  it("changes nothing for tenants that have none", async () => {
    const store = new MemoryStore();
    const before = await withStore(store).open({ subject: "alice", data: { a: 1 } });
    const sessions = withStore(store, { tenantKeys: new Keys() });
    const standing = await sessions.authenticate(before.token);
    expect(standing.state).toBe("active");
    const after = await sessions.open({ subject: "alice", data: { a: 1 } });
    expect((await withStore(store).authenticate(after.token)).state).toBe("active");
  });

  it("encrypts the tenant's data, although encryption is off for the others", async () => {
    const store = new MemoryStore();
    const keys = new Keys();
    keys.keys.set("acme", keyOf(7));
    const sessions = withStore(store, { tenantKeys: keys });
    for (const tenant of ["acme", "plain"]) {
      const { session } = await sessions.open({ subject: "alice", tenant, data: { a: "open" } });
      await session.set("b", "set");
      const stored = await store.find({ tenant, id: session.id?.replace("ses_", "") ?? "" });
      const texts = Object.values(stored?.data ?? {});
      expect(texts.map((text) => text.startsWith("e1."))).toEqual(
        texts.map(() => tenant === "acme"),
      );
      const found = await sessions.find(session.id ?? "", { tenant });
      expect(found?.data).toEqual({ a: "open", b: "set" });
    }
  });

  it("carries tickets, refresh tokens and CSRF values, and ends them with it", async () => {
    const store = new MemoryStore();
    const keys = new Keys();
    keys.keys.set("acme", keyOf(7));
    const sessions = withStore(store, { tenantKeys: keys });
    const { session } = await sessions.open({ subject: "alice", ...ACME });
    const { ticket } = await sessions.tickets.issue(session);
    const { ticket: late } = await sessions.tickets.issue(session);
    const asked = { client: "app", audience: "https://api.example" };
    const { token: refresh } = await sessions.refreshTokens.issue(session, asked);
    expect((await sessions.refreshTokens.look(refresh, ACME))?.session.subject).toBe("alice");
    expect((await sessions.tickets.redeem(ticket, ACME))?.subject).toBe("alice");
    keys.keys.set("acme", keyOf(8));
    expect(await sessions.tickets.redeem(late, ACME)).toBeUndefined();
    expect(await sessions.refreshTokens.look(refresh, ACME)).toBeUndefined();
  });

  it("may be waited for; when it cannot be known that is trouble, never a forged token", async () => {
    const store = new MemoryStore();
    const keys = new Keys();
    keys.keys.set("acme", Promise.resolve(keyOf(7)));
    const first = withStore(store, { tenantKeys: keys });
    const { token } = await first.open({ subject: "alice", ...ACME });
    const sessions = withStore(store, { tenantKeys: keys });
    keys.down = true;
    await expect(sessions.authenticate(token, ACME)).rejects.toThrow(StoreUnavailableError);
    await expect(sessions.open({ subject: "bob", ...ACME })).rejects.toThrow(StoreUnavailableError);
    keys.down = false;
    expect((await sessions.authenticate(token, ACME)).state).toBe("active");
  });

  it("has 32 bytes at least, and no sealed cookies beside it", async () => {
    const keys = new Keys();
    keys.keys.set("acme", new Uint8Array(31));
    const sessions = withStore(new MemoryStore(), { tenantKeys: keys });
    await expect(sessions.open({ subject: "alice", ...ACME })).rejects.toThrow(/32 bytes/);
    const sealed = (): Sessions => withStore(new MemoryStore(), { tenantKeys: keys, sealed: {} });
    expect(sealed).toThrow(ConfigError);
    expect(sealed).toThrow(/tenantKeys: leave it out/);
  });
});

describe("a policy book of one's own", () => {
  it("is asked over the configured one", async () => {
    const sessions = withStore(new MemoryStore(), {
      policyBook: (configured) => ({
        ...configured,
        policyFor: (who) => {
          const policy = configured.policyFor(who);
          return who.tenant === "acme" ? { ...policy, idleMs: 60_000 } : policy;
        },
      }),
    });
    const idleOf = async (tenant: string): Promise<number> => {
      const { session } = await sessions.open({ subject: "alice", tenant });
      return (session.idleExpiresAt ?? 0) - (session.createdAt ?? 0);
    };
    expect(await idleOf("acme")).toBe(60_000);
    expect(await idleOf("other")).toBeGreaterThan(60_000);
  });
});
