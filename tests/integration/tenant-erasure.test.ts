/** What is left of a tenant after it was erased, wherever it was interrupted: nothing. */
import { afterEach, describe, expect, it } from "vitest";
import { startRedis } from "../../tools/engines.mjs";
import { readConfig } from "../../packages/sojourn-server/src/config/config.ts";
import { openInstallation } from "../../packages/sojourn-server/src/main/installation.ts";
import type { Installation } from "../../packages/sojourn-server/src/main/installation.ts";
import { verifyTrail } from "../../packages/sojourn-server/src/audit/verify.ts";
import { folder, SECRET } from "./service-harness.ts";

const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function installation(env: Record<string, string> = {}): Promise<Installation> {
  const place = folder();
  ends.push(() => place.remove());
  const settings = {
    SOJOURN_SECRETS: SECRET,
    SOJOURN_STORE: "memory:",
    SOJOURN_AUDIT_SPOOL: `${place.path}/spool`,
    ...env,
  };
  const opened = await openInstallation(readConfig({ flags: {}, env: settings }));
  ends.push(() => opened.close());
  return opened;
}

const IN = { tenant: "acme" };

describe("an erased tenant", () => {
  it("is purged page by page, goes on where it was interrupted, and touches nobody else", async () => {
    const { sessions, tenants, control, audit } = await installation();
    await tenants.office.create("acme", {});
    for (let index = 0; index < 220; index += 1) {
      await sessions.open({ subject: `s${index}`, tenant: "acme" });
    }
    const other = await sessions.open({ subject: "s1", tenant: "others" });
    await tenants.office.erase("acme");
    let pages = 0;
    const afterOne = (): boolean => (pages += 1) > 1;
    expect(await tenants.purge("acme", afterOne)).toBe(false);
    const left = (await sessions.count({ ...IN, state: "any" })).count;
    expect([left > 0, left < 220]).toEqual([true, true]);
    expect((await control.tenants.find("acme"))?.purgedAt).toBeUndefined();
    expect(await tenants.purgeLeft()).toBe(1);
    expect((await sessions.count({ ...IN, state: "any" })).count).toBe(0);
    expect((await control.tenants.find("acme"))?.purgedAt).toBeDefined();
    expect((await sessions.authenticate(other.token, { tenant: "others" })).state).toBe("active");
    // What another process had still on its way goes with the next round.
    audit.log.note("session-ended", "system", { subject: "late-of-theirs" }, "acme");
    await audit.log.drain();
    expect(JSON.stringify(await entriesOf(control))).toContain("late-of-theirs");
    await tenants.purgeLeft();
    const told = JSON.stringify(await entriesOf(control));
    expect(told).not.toContain("late-of-theirs");
    expect(told).not.toContain('"s219"');
    expect((await control.trailReader.page({ tenant: "others" }, 50)).items[0]?.subject).toBe("s1");
    expect(await verifyTrail(control.trailReader)).toMatchObject({ ok: true });
  });

  it("leaves nothing that proves or can be read in a store that cannot list it", async () => {
    const server = await startRedis({ args: ["--appendonly", "yes"] });
    ends.push(() => server.stop());
    const place = folder();
    ends.push(() => place.remove());
    const env = { SOJOURN_STORE: server.url, SOJOURN_CONTROL: `sqlite:${place.path}/control.db` };
    const { sessions, tenants, control } = await installation(env);
    await tenants.office.create("acme", {});
    const data = { note: "kept" };
    const { token, session } = await sessions.open({ subject: "alice", tenant: "acme", data });
    expect((await sessions.authenticate(token, IN)).state).toBe("active");
    await tenants.office.erase("acme");
    expect(await tenants.purge("acme")).toBe(true);
    expect((await control.tenants.find("acme"))?.purgedAt).toBeDefined();
    await expect(sessions.find(session.id ?? "", IN)).rejects.toMatchObject({
      code: "ERR_DATA_UNREADABLE",
    });
    // And a quota that it could not keep is not taken.
    const wish = tenants.office.create("counted", { quotas: { sessions: 5 } });
    await expect(wish).rejects.toThrow(/cannot count/);
  });
});

async function entriesOf(control: Installation["control"]): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const row of control.trailReader.rows(0)) rows.push(row);
  return rows;
}
