/** What is not kept, or not for long: addresses, ended sessions, the trail; and evidence. */
import { createHash, verify } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ManualClock } from "sojourn/testing";
import { afterEach, describe, expect, it } from "vitest";
import { readConfig } from "../../packages/sojourn-server/src/config/config.ts";
import { openInstallation } from "../../packages/sojourn-server/src/main/installation.ts";
import type { Installation } from "../../packages/sojourn-server/src/main/installation.ts";
import { retentionOf } from "../../packages/sojourn-server/src/privacy/evidence.ts";
import { textBelow } from "../support/files.ts";
import rows from "../requirements/requirements.json" with { type: "json" };
import { at, cookie, folder, SECRET, sojourn, startTestService } from "./service-harness.ts";
import type { Json, TestService } from "./service-harness.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

function place(): { readonly path: string; readonly env: Record<string, string> } {
  const { path, remove } = folder();
  ends.push(remove);
  return { path, env: { SOJOURN_STORE: `sqlite:${path}/s.db` } };
}

async function serve(env: Readonly<Record<string, string>>): Promise<TestService> {
  const s = await startTestService({ env: { SOJOURN_PROXIES: "127.0.0.0/8", ...env } });
  ends.push(() => s.service.stop());
  return s;
}

/** The same installation, without the service, at another time. */
async function installationAt(
  env: Readonly<Record<string, string>>,
  now: number,
): Promise<Installation> {
  const read = readConfig({ flags: {}, env: { SOJOURN_SECRETS: SECRET, ...env } });
  const config = { ...read, library: { ...read.library, clock: new ManualClock(now) } };
  const installation = await openInstallation(config, { sweep: false });
  ends.push(() => installation.close());
  return installation;
}

async function entriesOf(s: TestService, query: string, min: number): Promise<readonly Json[]> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const { json } = await s.api("GET", `/v1/audit?${query}`);
    const items = json["items"] as Json[];
    if (items.length >= min) return items;
    await sleep(50);
  }
  throw new Error("the entries did not come");
}

/** A person's own act, from an address. */
async function actFrom(s: TestService, address: string): Promise<unknown> {
  const { token, id } = await s.open("ann", { device: { address, label: "desk" } });
  await s.bare("DELETE", "/v1/session", cookie(token, { "x-forwarded-for": address }));
  const [entry] = await entriesOf(s, `session=${id}&name=session-ended`, 1);
  return entry?.["from"];
}

describe("an address", () => {
  it("[PR-01] is kept as its network, with what tells that two of one day are the same", async () => {
    const { path, env } = place();
    const s = await serve(env);
    const first = (await actFrom(s, "203.0.113.77")) as Json;
    expect(first).toEqual({
      address: "203.0.113.0/24",
      ref: expect.stringMatching(/^[\w-]{16}$/),
    });
    expect(await actFrom(s, "203.0.113.77")).toEqual(first);
    const other = (await actFrom(s, "203.0.113.78")) as Json;
    expect([other["address"], other["ref"] === first["ref"]]).toEqual(["203.0.113.0/24", false]);
    const six = (await actFrom(s, "2001:db8:1:2:3:4:5:6")) as Json;
    expect(six["address"]).toBe("2001:db8:1::/48");
    const { json } = await s.api("GET", "/v1/sessions?state=any");
    for (const session of json["items"] as Json[]) {
      expect(at(session, "device.address")).toMatch(/^(?:203\.0\.113\.0\/24|2001:db8:1::\/48)$/);
    }
    await s.service.stop();
    const kept = textBelow(path);
    for (const whole of ["203.0.113.77", "203.0.113.78", "2001:db8:1:2:3"]) {
      expect(kept.includes(whole), whole).toBe(false);
    }
  });

  it("[PR-01] of one day cannot be matched with one of the next, nor tried out afterwards", async () => {
    const { path, env } = place();
    const s = await serve(env);
    const first = (await actFrom(s, "203.0.113.77")) as Json;
    await s.service.stop();
    const salt = /address-salt (\d{4}-\d\d-\d\d)([\w-]{43})/.exec(textBelow(path));
    if (salt === null) throw new Error("there is no salt in the control store");
    const later = await installationAt(env, Date.now() + 2 * DAY_MS);
    await later.audit.retire();
    await later.close();
    expect(textBelow(path)).not.toContain(salt[2]);
    expect(first["ref"]).toBeDefined();
  });

  it("[PR-01] is kept whole on wish alone, beside the trail, and for as long as was said", async () => {
    const { path, env } = place();
    const full = { ...env, SOJOURN_AUDIT_ADDRESSES: "full", SOJOURN_AUDIT_ADDRESS_DAYS: "10" };
    const s = await serve(full);
    expect(await actFrom(s, "203.0.113.77")).toMatchObject({
      address: "203.0.113.0/24",
      full: "203.0.113.77",
    });
    const cef = await s.api("GET", "/v1/audit/export?format=cef&name=session-ended");
    expect(cef.text).toContain(" src=203.0.113.77 ");
    await s.service.stop();
    const before = await installationAt(full, Date.now() + 9 * DAY_MS);
    await before.audit.retire();
    const told = await before.control.trailReader.page({ name: "session-ended" }, 1);
    expect(told.items[0]?.from).toMatchObject({ full: "203.0.113.77" });
    await before.close();
    const after = await installationAt(full, Date.now() + 11 * DAY_MS);
    await after.audit.retire();
    const [entry] = (await after.control.trailReader.page({ name: "session-ended" }, 1)).items;
    expect(entry?.from).toMatchObject({ address: "203.0.113.0/24" });
    expect(entry?.from).not.toHaveProperty("full");
    await after.sessions.subject("ann").erase();
    await after.close();
    const verified = await sojourn(["audit", "verify"], { SOJOURN_SECRETS: SECRET, ...env });
    expect(verified.code).toBe(0);
    expect(path).toBeDefined();
  });

  it("is not kept at all where that is said", async () => {
    const { env } = place();
    const s = await serve({ ...env, SOJOURN_AUDIT_ADDRESSES: "none" });
    expect(await actFrom(s, "203.0.113.77")).toBeUndefined();
  });
});

describe("what is over", () => {
  it("[PR-02] goes class by class when its time has come, and not before", async () => {
    const { env } = place();
    const kept = { ...env, SOJOURN_AUDIT_KEEP_DAYS: "30" };
    const now = Date.now();
    const first = await installationAt(kept, now);
    const { session } = await first.sessions.open({ subject: "ann" });
    const handle = session.id ?? "";
    await first.sessions.revoke(handle);
    await first.close();
    const config = readConfig({ flags: {}, env: { SOJOURN_SECRETS: SECRET, ...kept } });
    const retention = retentionOf(config);
    expect(retention).toMatchObject({ endedSessionsHours: 168, auditDays: 30 });
    const look = async (atMs: number): Promise<readonly [boolean, number]> => {
      const one = await installationAt(kept, atMs);
      await one.sessions.sweep();
      await one.audit.retire();
      const there = (await one.sessions.describe(handle)) !== undefined;
      const { items } = await one.control.trailReader.page({ subject: "ann" }, 10);
      await one.close();
      return [there, items.length];
    };
    expect(await look(now + 167 * HOUR_MS)).toEqual([true, 2]);
    expect(await look(now + 169 * HOUR_MS)).toEqual([false, 2]);
    expect(await look(now + 31 * DAY_MS)).toEqual([false, 0]);
  });
});

describe("the evidence pack", () => {
  it("[PR-07] names every control, and every file with its hash, in a signed list", async () => {
    const { path, env } = place();
    const s = await serve(env);
    const { id } = await s.open("ann");
    await s.api("POST", `/v1/sessions/${id}/revoke`, { body: { cause: "lost_laptop" } });
    await s.key("default", ["audit:read"]);
    await entriesOf(s, "name=session-ended", 1);
    const out = join(path, "pack");
    const args = ["evidence", "--from", "2026-01-01", "--to", "2100-01-01", "--out", out, "--json"];
    const settings = { SOJOURN_SECRETS: SECRET, ...env };
    const ran = await sojourn(args, settings);
    expect([ran.code, ran.err]).toEqual([0, ""]);
    const manifest = JSON.parse(readFileSync(join(out, "manifest.json"), "utf8")) as {
      list: string;
      signature: string;
      publicKey: string;
    };
    const signature = Buffer.from(manifest.signature, "base64url");
    const message = Buffer.from(`sojourn text 1\n${manifest.list}`);
    expect(verify(null, message, manifest.publicKey, signature)).toBe(true);
    const { files } = JSON.parse(manifest.list) as { files: { file: string; sha256: string }[] };
    const there = readdirSync(out).filter((name) => name !== "manifest.json");
    expect(new Set(files.map(({ file }) => file))).toEqual(new Set(there));
    for (const { file, sha256 } of files) {
      const hash = createHash("sha256")
        .update(readFileSync(join(out, file)))
        .digest("hex");
      expect([file, hash]).toEqual([file, sha256]);
    }
    const read = (file: string): Json => JSON.parse(readFileSync(join(out, file), "utf8")) as Json;
    const controls = read("controls.json")["controls"] as { id: string; evidence?: string }[];
    expect(controls.map((control) => control.id)).toEqual(rows.map((row) => row.id));
    for (const { evidence } of controls)
      if (evidence !== undefined) expect(there).toContain(evidence);
    const ended = readFileSync(join(out, "ends.ndjson"), "utf8");
    expect(ended).toContain("lost_laptop");
    const done = readFileSync(join(out, "administration.ndjson"), "utf8");
    expect(done).toContain("service-key-created");
    expect(done).not.toContain("session-established");
    expect(at(read("audit.json"), "verification.ok")).toBe(true);
    const all = textBelow(out);
    expect(all).not.toContain(SECRET);
    expect(statSync(out).mode & 0o077).toBe(0);
    const again = await sojourn(args, settings);
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("is there already")]);
  });

  it("[PR-07] is asked for with a period and a folder", async () => {
    const settings = { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: "memory:" };
    for (const [args, says] of [
      [["--from", "2026-01-01"], "--out is missing"],
      [["--out", "x"], "--from is missing"],
      [["--out", "x", "--from", "2026-02-01", "--to", "2026-01-01"], "--from must be before --to"],
    ] as const) {
      const ran = await sojourn(["evidence", ...args], settings);
      expect([ran.code, ran.err]).toEqual([2, expect.stringContaining(says)]);
    }
  });
});

describe("a person's data by command", () => {
  it("[PR-03, PR-04] is written to a file of one's own, and erased when the name is repeated", async () => {
    const { path, env } = place();
    const settings = { SOJOURN_SECRETS: SECRET, ...env };
    const s = await serve(env);
    await s.open("ann", { data: { note: "hers" } });
    await entriesOf(s, "subject=ann", 1);
    const file = join(path, "ann.json");
    const written = await sojourn(["subjects", "export", "ann", "--out", file], settings);
    expect([written.code, written.err]).toEqual([0, `Written to ${file}.\n`]);
    expect(statSync(file).mode & 0o077).toBe(0);
    expect(at(JSON.parse(readFileSync(file, "utf8")), "sessions.0.data.note")).toBe("hers");
    const twice = await sojourn(["subjects", "export", "ann", "--out", file], settings);
    expect([twice.code, twice.err]).toEqual([1, expect.stringContaining("is there already")]);
    const unsure = await sojourn(["subjects", "erase", "ann"], settings);
    expect([unsure.code, unsure.err]).toEqual([2, expect.stringContaining("--confirm")]);
    const erased = await sojourn(["subjects", "erase", "ann", "--confirm", "ann"], settings);
    expect([erased.code, erased.out]).toEqual([
      0,
      "Erased 1 session. The audit trail names it no more.\n",
    ]);
    const cookies = await sojourn(["cookies"], settings);
    expect([cookies.code, cookies.out]).toEqual([0, expect.stringContaining("__Host-session")]);
  });
});
