/**
 * Somebody has an old backup of the session store, and the installation's secrets, and wants to
 * know what an erased tenant kept, or to go on in its sessions.
 */
import { copyFileSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createSessions } from "sojourn";
import type { Sessions, TenantKeys } from "sojourn";
import { SqliteStore } from "sojourn/stores/sqlite";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { SqliteControl } from "../../packages/sojourn-server/src/control/sqlite-control.ts";
import { TenantDesk } from "../../packages/sojourn-server/src/tenants/tenant-desk.ts";
import { TenantTable } from "../../packages/sojourn-server/src/tenants/tenant-table.ts";
import { Wrapping } from "../../packages/sojourn-server/src/tenants/wrapping.ts";
import { bearer, folder, SECRET, startTestService } from "../integration/service-harness.ts";
import type { TestService } from "../integration/service-harness.ts";

const place = folder();
const backup = join(place.path, "backup");
const KEPT = "what-the-tenant-kept";
const opened: Sessions[] = [];
let s: TestService;
let token: string;
let id: string;
let legacyToken: string;

beforeAll(async () => {
  s = await startTestService({
    env: {
      SOJOURN_STORE: `sqlite:${place.path}/sessions.db`,
      SOJOURN_CONTROL: `sqlite:${place.path}/control.db`,
    },
  });
  await s.api("POST", "/v1/tenants", { body: { id: "acme" } });
  const key = await s.key("acme", ["sessions:read", "sessions:write"]);
  const body = { subject: "alice", amr: ["pwd"], data: { note: KEPT } };
  const made = (await s.bare("POST", "/v1/sessions", { ...bearer(key), body })).json;
  ({ token } = made as { token: string });
  ({ id } = made["session"] as { id: string });
  legacyToken = (await s.open("bob", { data: { note: "plain" } })).token;
  for (const name of readdirSync(place.path)) {
    if (name.startsWith("sessions.db")) {
      copyFileSync(join(place.path, name), name.replace("sessions.db", backup));
    }
  }
});

afterEach(async () => {
  for (const sessions of opened.splice(0)) await sessions.close();
});

afterAll(async () => {
  await s.service.stop();
  place.remove();
});

/** The backup as it would be used: with the secrets, and with the keys that are there now. */
function onBackup(tenantKeys?: TenantKeys): Sessions {
  const store = new SqliteStore({ path: backup });
  const keys = tenantKeys === undefined ? {} : { tenantKeys };
  const sessions = createSessions({ store, secrets: [SECRET], sweep: false, ...keys });
  opened.push(sessions);
  return sessions;
}

function keysNow(): TenantKeys {
  const table = new TenantTable(new SqliteControl(join(place.path, "control.db")));
  return new TenantDesk({ table, wrapping: new Wrapping([SECRET]), patienceMs: 60_000 });
}

describe("a backup of the session store of a tenant that was erased since", () => {
  it("can be used while the tenant has its key, and is nothing without it", async () => {
    const standing = await onBackup(keysNow()).authenticate(token, { tenant: "acme" });
    expect(standing.state).toBe("active");
    expect("session" in standing ? standing.session.data : {}).toEqual({ note: KEPT });
    // With the secrets alone: neither proved nor read.
    const without = onBackup();
    expect(await without.authenticate(token, { tenant: "acme" })).toEqual({ state: "unknown" });
    await expect(without.find(id, { tenant: "acme" })).rejects.toMatchObject({
      code: "ERR_DATA_UNREADABLE",
    });
    // Nothing of it lies there in the clear, although encryption is not switched on.
    const files = readdirSync(place.path).filter((name) => name.startsWith("backup"));
    const bytes = files.map((name) => readFileSync(join(place.path, name)).toString("latin1"));
    expect(bytes.join("")).not.toContain(KEPT);
    expect(bytes.join("")).toContain("plain");
  });

  it("proves no token and gives no data any more; others' sessions are as before", async () => {
    expect((await s.api("POST", "/v1/tenants/acme/erase")).status).toBe(200);
    const sessions = onBackup(keysNow());
    expect(await sessions.authenticate(token, { tenant: "acme" })).toEqual({ state: "unknown" });
    await expect(sessions.find(id, { tenant: "acme" })).rejects.toMatchObject({
      code: "ERR_DATA_UNREADABLE",
    });
    const other = await sessions.authenticate(legacyToken);
    expect(other.state).toBe("active");
    // And in the service itself.
    const key = await s.key("default");
    const body = { token };
    const verdict = await s.bare("POST", "/v1/sessions/verify", { ...bearer(key), body });
    expect(verdict.json["state"]).toBe("unknown");
    const files = readdirSync(place.path).filter((name) => name.startsWith("control.db"));
    expect(files.length).toBeGreaterThan(0);
  });
});
