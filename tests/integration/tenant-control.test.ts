/** Tenants in either control store, as several processes see them. */
import { StoreUnavailableError } from "sojourn";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ControlSql } from "../../packages/sojourn-server/src/control/control-sql.ts";
import { KeyTable } from "../../packages/sojourn-server/src/control/key-table.ts";
import { SqliteControl } from "../../packages/sojourn-server/src/control/sqlite-control.ts";
import { rewrapKeys } from "../../packages/sojourn-server/src/tenants/rewrap.ts";
import { KEY_KEPT_MS, TenantDesk } from "../../packages/sojourn-server/src/tenants/tenant-desk.ts";
import { TenantOffice } from "../../packages/sojourn-server/src/tenants/tenant-office.ts";
import { TenantTable } from "../../packages/sojourn-server/src/tenants/tenant-table.ts";
import { Wrapping } from "../../packages/sojourn-server/src/tenants/wrapping.ts";
import { CONTROL_ENGINES } from "../support/control-grounds.ts";
import type { ControlGround } from "../support/control-grounds.ts";

const OLD = "old-secret-old-secret-old-secret-old-secret";
const NEW = "new-secret-new-secret-new-secret-new-secret";
/** What is promised is twice that: the other half is for the answer. */
const FRESH_MS = 500;

/** No machine is so slow that an old answer would do here. */
const PATIENT_MS = 60_000;

interface Node {
  readonly sql: ControlSql;
  readonly table: TenantTable;
  readonly desk: TenantDesk;
  readonly office: TenantOffice;
  readonly acts: string[];
  pass(ms: number): void;
}

/** What one process has. Its time passes only when it is told to. */
function nodeOn(sql: ControlSql, secrets: readonly string[] = [OLD]): Node {
  let time = 0;
  const table = new TenantTable(sql);
  const wrapping = new Wrapping(secrets);
  const desk = new TenantDesk({ table, wrapping, monotonic: () => time, patienceMs: PATIENT_MS });
  const acts: string[] = [];
  const office = new TenantOffice({
    table,
    desk,
    wrapping,
    now: () => 1_000,
    own: "default",
    policyProblems: () => [],
    canCount: true,
    noted: (act, id) => void acts.push(`${act} ${id}`),
  });
  return { sql, table, desk, office, acts, pass: (ms) => void (time += ms) };
}

async function keyOf(node: Node, id: string): Promise<string> {
  return Buffer.from((await node.desk.keyOf(id)) ?? []).toString("hex");
}

describe.each(CONTROL_ENGINES)("tenants in %s", (_engine, start) => {
  let ground: ControlGround;

  beforeAll(async () => {
    ground = await start();
  }, 120_000);

  afterAll(() => ground.end());

  it("suspends for every process within the bound, and not for ever", async () => {
    const open = ground.fresh();
    const [one, other] = [nodeOn(open()), nodeOn(open())];
    await one.office.create("acme", {});
    expect((await other.desk.recall("acme")).state).toBe("active");
    await one.office.suspend("acme");
    // Here at once, there from memory until it is half a second old.
    expect((await one.desk.recall("acme")).state).toBe("suspended");
    other.pass(FRESH_MS - 1);
    expect((await other.desk.recall("acme")).state).toBe("active");
    other.pass(1);
    expect((await other.desk.recall("acme")).state).toBe("suspended");
    await one.office.resume("acme");
    other.pass(FRESH_MS);
    expect((await other.desk.recall("acme")).state).toBe("active");
    expect(one.acts).toEqual([
      "tenant-created acme",
      "tenant-suspended acme",
      "tenant-resumed acme",
    ]);
  });

  it("gives one key, whoever makes the tenant at the same time, and the same to all", async () => {
    const open = ground.fresh();
    const nodes = [nodeOn(open()), nodeOn(open())];
    const made = await Promise.all(
      Array.from({ length: 4 }, () => nodes.map(({ office }) => office.create("acme", {}))).flat(),
    );
    expect(made.filter((tenant) => tenant !== undefined)).toHaveLength(1);
    const keys = await Promise.all(nodes.map((node) => keyOf(node, "acme")));
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f]{64}$/);
  });

  it("keeps the very same array for the same key, so that nothing is derived twice", async () => {
    const node = nodeOn(ground.fresh()());
    await node.office.create("acme", {});
    const first = await node.desk.keyOf("acme");
    node.pass(FRESH_MS);
    expect(await node.desk.keyOf("acme")).toBe(first);
    await node.office.change("acme", { name: "Acme" });
    expect(await keyOf(node, "acme")).toBe(Buffer.from(first ?? []).toString("hex"));
  });

  it("destroys the key of an erased tenant, with its service keys, everywhere", async () => {
    const open = ground.fresh();
    const [one, other] = [nodeOn(open()), nodeOn(open())];
    await one.office.create("acme", {});
    const keys = new KeyTable(one.sql);
    await keys.insert(serviceKey("acme"));
    const before = await keyOf(other, "acme");
    await one.office.erase("acme");
    other.pass(FRESH_MS);
    const after = await keyOf(other, "acme");
    expect(after).not.toBe(before);
    expect(after).not.toBe(await keyOf(one, "acme"));
    expect((await one.table.find("acme"))?.wrappedKey).toBeUndefined();
    expect((await keys.find("acme-key"))?.revokedAt).toBe(1_000);
    const again = await other.office.erase("acme");
    expect(again.outcome).toBe("done");
    expect(await one.office.create("acme", {})).toBeUndefined();
    expect((await other.office.resume("acme")).outcome).toBe("erased");
    await expect(one.office.admitKey("acme")).rejects.toThrow(/never used again/);
  });

  it("leaves tenants that are older than their record under the installation's keys", async () => {
    const node = nodeOn(ground.fresh()());
    await new KeyTable(node.sql).insert(serviceKey("before"));
    expect(await node.desk.keyOf("before")).toBeUndefined();
    expect(await node.office.create("before", {})).toBeUndefined();
    await node.office.admitKey("before");
    node.pass(FRESH_MS);
    expect(await node.desk.keyOf("before")).toBeUndefined();
    const listed = await node.office.list("", 10);
    expect(listed.map(({ id }) => id)).toContain("before");
  });

  it("tells whoever changes what another has changed meanwhile", async () => {
    const open = ground.fresh();
    const [one, other] = [nodeOn(open()), nodeOn(open())];
    await one.office.create("acme", {});
    const outcomes = await Promise.all([
      one.office.change("acme", { name: "one" }, 1),
      other.office.change("acme", { name: "other" }, 1),
    ]);
    expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(["done", "stale"]);
    // Without a version both count.
    const both = await Promise.all([
      one.office.change("acme", { name: "both" }),
      other.office.change("acme", { quotas: { sessions: 7 } }),
    ]);
    expect(both.map(({ outcome }) => outcome)).toEqual(["done", "done"]);
    const tenant = await one.table.find("acme");
    expect([tenant?.name, tenant?.quotas.sessions, tenant?.version]).toEqual(["both", 7, 4]);
  });

  it("opens keys with any secret, and moves them to the first", async () => {
    const open = ground.fresh();
    const before = nodeOn(open(), [OLD]);
    await before.office.create("acme", {});
    await before.office.create("beta", {});
    const key = await keyOf(before, "acme");
    const both = nodeOn(open(), [NEW, OLD]);
    const move = (): ReturnType<typeof rewrapKeys> =>
      rewrapKeys(both.table, new Wrapping([NEW, OLD]));
    expect(await move()).toEqual({ rewrapped: 2, unreadable: [] });
    expect(await move()).toEqual({ rewrapped: 0, unreadable: [] });
    expect(await keyOf(both, "acme")).toBe(key);
    expect(await keyOf(nodeOn(open(), [NEW]), "acme")).toBe(key);
    // A key that cannot be opened is trouble: never another key, and never "no key".
    const lost = nodeOn(open(), [OLD]);
    await expect(keyOf(lost, "acme")).rejects.toMatchObject({ code: "ERR_KEY_UNAVAILABLE" });
    const { unreadable } = await rewrapKeys(lost.table, new Wrapping([OLD]));
    expect(unreadable).toEqual(["acme", "beta"]);
  });

  it("counts the live keys of a tenant against its quota", async () => {
    const node = nodeOn(ground.fresh()());
    await node.office.create("acme", { quotas: { serviceKeys: 1 } });
    await node.office.admitKey("acme");
    await new KeyTable(node.sql).insert(serviceKey("acme"));
    await expect(node.office.admitKey("acme")).rejects.toThrow(/1 live service key, as many/);
    await new KeyTable(node.sql).revoke("acme-key", 500);
    await node.office.admitKey("acme");
  });
});

describe("a tenant while the control store does not answer", () => {
  it("goes on under its key for a quarter of an hour; one without a key as long as it takes", async () => {
    const node = nodeOn(new SqliteControl(":memory:"));
    await node.office.create("keyed", {});
    const key = await node.desk.keyOf("keyed");
    await new KeyTable(node.sql).insert(serviceKey("plain"));
    expect(await node.desk.keyOf("plain")).toBeUndefined();
    await node.sql.close();
    node.pass(KEY_KEPT_MS - 1);
    expect(await node.desk.keyOf("keyed")).toBe(key);
    node.pass(1);
    await expect(keyOf(node, "keyed")).rejects.toThrow(StoreUnavailableError);
    expect((await node.desk.recall("plain")).state).toBe("active");
    // Nothing was ever known of this one.
    await expect(keyOf(node, "unknown")).rejects.toThrow(StoreUnavailableError);
  });
});

function serviceKey(tenant: string) {
  const scopes = ["sessions:read"] as const;
  return { id: `${tenant}-key`, name: `of-${tenant}`, tenant, scopes, verifier: "v", createdAt: 1 };
}
