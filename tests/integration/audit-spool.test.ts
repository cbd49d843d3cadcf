/** The spool on a real file system: what it promises, and what it makes of what went wrong. */
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AuditLog } from "../../packages/sojourn-server/src/audit/audit-log.ts";
import type { AuditLogParts } from "../../packages/sojourn-server/src/audit/audit-log.ts";
import { Signer } from "../../packages/sojourn-server/src/audit/signer.ts";
import { Spool } from "../../packages/sojourn-server/src/audit/spool.ts";
import { Trail } from "../../packages/sojourn-server/src/audit/trail.ts";
import { TrailReader } from "../../packages/sojourn-server/src/audit/trail-reader.ts";
import { verifyTrail } from "../../packages/sojourn-server/src/audit/verify.ts";
import { readConfig } from "../../packages/sojourn-server/src/config/config.ts";
import { SqliteControl } from "../../packages/sojourn-server/src/control/sqlite-control.ts";
import { folder, SECRET } from "./service-harness.ts";

const spoolModule = join(import.meta.dirname, "../../packages/sojourn-server/dist/audit/spool.js");
let place: ReturnType<typeof folder>;
let path: string;
let sql: SqliteControl;
let trail: Trail;
let now: number;
const signer = new Signer([SECRET]);

beforeEach(() => {
  place = folder();
  path = join(place.path, "spool");
  sql = new SqliteControl(":memory:");
  now = 1_800_000_000_000;
  trail = new Trail({ sql, signer, now: () => now });
});

afterEach(async () => {
  await sql.close();
  place.remove();
});

const spoolOf = (owner: string): Spool => new Spool({ folder: path, owner, fsync: false });

function logWith(more: Partial<AuditLogParts> = {}): AuditLog {
  return new AuditLog({ trail, spool: spoolOf, now: () => now, background: false, ...more });
}

async function names(): Promise<readonly string[]> {
  const { items } = await new TrailReader(sql, signer).page({}, 200);
  return items.map(({ name }) => name).toReversed();
}

describe("the spool", () => {
  it("is taken over from a process that is gone, and not from one that lives", async () => {
    const living = logWith();
    living.note("of-the-living", "system", {});
    const script = `
      const { Spool } = await import(${JSON.stringify(spoolModule)});
      const spool = new Spool({ folder: ${JSON.stringify(path)}, owner: "x".repeat(16), fsync: true });
      const about = {};
      spool.append({ id: "1", at: 1, tenant: "", name: "of-the-dead", actor: "system", about });
      process.kill(process.pid, "SIGKILL");`;
    const { signal } = spawnSync(process.execPath, ["--input-type=module", "-e", script]);
    expect(signal).toBe("SIGKILL");
    const heir = logWith();
    await heir.drain();
    expect(await names()).toEqual(["of-the-dead"]);
    await heir.close();
    await living.close();
    expect(await names()).toEqual(["of-the-dead", "of-the-living"]);
    expect(existsSync(path)).toBe(false);
  });

  it("leaves out half a line of a disk that was full, and the entry itself is not lost", async () => {
    const script = `
      const { Spool } = await import(${JSON.stringify(spoolModule)});
      const spool = new Spool({ folder: ${JSON.stringify(path)}, owner: "y".repeat(16), fsync: false });
      const about = { cause: "c".repeat(700) };
      for (let at = 0; at < 99; at += 1) {
        try {
          spool.append({ id: "y" + at, at, tenant: "", name: "n", actor: "system", about });
        } catch (error) {
          console.log(at, error.code);
          process.exit(0);
        }
      }`;
    // A limit on the size of files answers like a disk that is full: a part, then an error.
    const args = [
      "-c",
      `ulimit -f 4; exec "$0" --input-type=module -e "$1"`,
      process.execPath,
      script,
    ];
    const { stdout, stderr } = spawnSync("bash", args, { encoding: "utf8" });
    expect([stdout, stderr]).toEqual(["5 ENOSPC\n", ""]);
    const log = logWith();
    await log.close();
    expect(await names()).toEqual(["n", "n", "n", "n", "n"]);
  });

  it("goes by memory while it cannot be written, and counts what there was no room for", async () => {
    writeFileSync(path, "a file where the folder belongs");
    const trouble: string[] = [];
    let dropped = 0;
    const log = logWith({
      onTrouble: (where) => trouble.push(where),
      onDropped: (count) => (dropped += count),
    });
    for (let count = 0; count < 10_003; count += 1) log.note("n", "system", {});
    expect([trouble, dropped, log.state]).toEqual([["spool"], 3, "dropping"]);
    await log.drain();
    log.note("n", "system", {});
    expect([trouble, log.state]).toEqual([["spool"], "in-memory"]);
    await log.close();
    const { rows } = await sql.run("test", "SELECT count(*) AS rows FROM control.audit_entry");
    expect(rows[0]?.["rows"]).toBe(10_002);
    const { items } = await new TrailReader(sql, signer).page({ name: "audit-dropped" }, 5);
    expect(items.map(({ detail }) => detail)).toEqual([{ entries: 3 }]);
  }, 30_000);

  it("passes over lines that are no entries, and says how many", async () => {
    const log = logWith();
    log.note("first", "system", {});
    const [name = ""] = readdirSync(path).filter((one) => one.endsWith(".entries"));
    const odd = ["nonsense", '{"id":1}', '{"id":"x","at":1e300,"tenant":"","name":"n"}'];
    appendFileSync(join(path, name), `${odd.join("\n")}\n`);
    log.note("second", "system", {});
    await log.drain();
    await log.close();
    expect(await names()).toEqual(["first", "second", "audit-damaged"]);
  });

  it("leaves alone what is not its own", async () => {
    mkdirSync(path);
    writeFileSync(join(path, "not-ours.txt"), "left alone");
    const log = logWith();
    log.note("ours", "system", {});
    await log.close();
    expect(readdirSync(path)).toEqual(["not-ours.txt"]);
  });

  it("takes steps of the clock as they come: the order is the chain's", async () => {
    const log = logWith();
    for (const step of [0, 86_400_000, -172_800_000, 1]) {
      now += step;
      log.note(`at-${now}`, "system", {});
      await log.drain();
    }
    await log.close();
    expect((await names()).length).toBe(4);
    const reader = new TrailReader(sql, signer);
    expect(await verifyTrail(reader)).toMatchObject({ ok: true, rows: 4 });
    // Nothing young is removed because an old one stands behind it.
    expect(await trail.retire(1_800_000_000_001)).toBe(1);
    expect(await verifyTrail(reader)).toMatchObject({ ok: true, from: 2, rows: 3 });
  });
});

describe("[LG-06] how long the trail is kept", () => {
  it.each([
    ["saas", 366],
    ["pci-dss-4", 366],
    ["hipaa", 2_192],
  ])("is with the policy %s %i days", (policy, days) => {
    const env = { SOJOURN_SECRETS: SECRET, SOJOURN_POLICY: policy };
    expect(readConfig({ flags: {}, env }).audit.keepDays).toBe(days);
  });

  it("is what the installation says, and nothing that cannot be meant", () => {
    const read = (days: string) =>
      readConfig({ flags: {}, env: { SOJOURN_SECRETS: SECRET, SOJOURN_AUDIT_KEEP_DAYS: days } });
    expect(read("0").audit.keepDays).toBe(0);
    expect(() => read("-1")).toThrow(/SOJOURN_AUDIT_KEEP_DAYS/);
    expect(() => read("40000")).toThrow(/36600/);
    const env = { SOJOURN_SECRETS: SECRET, SOJOURN_AUDIT_ADDRESSES: "some" };
    expect(() => readConfig({ flags: {}, env })).toThrow(/network, full, none/);
  });
});
