/** The audit trail on each engine that can hold it: one chain, and every hand on it is named. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { genesis, hashOf } from "../../packages/sojourn-server/src/audit/chain.ts";
import type { AuditEntry } from "../../packages/sojourn-server/src/audit/entry.ts";
import { Signer } from "../../packages/sojourn-server/src/audit/signer.ts";
import { rowOf, ROW_COLUMNS } from "../../packages/sojourn-server/src/audit/trail-sql.ts";
import { TrailReader } from "../../packages/sojourn-server/src/audit/trail-reader.ts";
import { Trail } from "../../packages/sojourn-server/src/audit/trail.ts";
import { verifyTrail } from "../../packages/sojourn-server/src/audit/verify.ts";
import type { ControlSql } from "../../packages/sojourn-server/src/control/control-sql.ts";
import { CONTROL_ENGINES } from "../support/control-grounds.ts";
import type { ControlGround } from "../support/control-grounds.ts";
import { SECRET } from "./service-harness.ts";

const NOW = 1_800_000_000_000;
const DAY_MS = 86_400_000;
const OTHER_SECRET = "b3RoZXItdGVzdC1zZWNyZXQtMDEyMzQ1Njc4OUFCQ0RFRkc";

function entries(count: number, more: Partial<AuditEntry> = {}): AuditEntry[] {
  return Array.from({ length: count }, (_, at) => ({
    id: `e${at}`,
    at: NOW + at,
    tenant: "default",
    name: "session-ended",
    actor: at % 2 === 0 ? "key:shop" : "alice",
    about: { subject: at % 2 === 0 ? "alice" : "bob", session: `ses_${at}`, reason: "revoked" },
    ...more,
  }));
}

describe.each(CONTROL_ENGINES)("the audit trail in %s", (_name, start) => {
  let ground: ControlGround;
  let open: () => ControlSql;
  let sql: ControlSql;
  let now: number;
  let trail: Trail;
  let reader: TrailReader;
  const signer = new Signer([SECRET]);
  const all = { tenant: "default" };

  beforeAll(async () => {
    ground = await start();
  }, 60_000);

  afterAll(() => ground.end());

  beforeEach(() => {
    now = NOW;
    open = ground.fresh();
    sql = open();
    trail = new Trail({ sql, signer, now: () => now });
    reader = new TrailReader(sql, signer);
  });

  const change = (text: string, ...values: (string | number | null)[]) =>
    sql.run("test", text, ...values);
  const found = async () => {
    const { problem } = await verifyTrail(reader);
    return [problem?.finding, problem?.seq];
  };

  it("[LG-03] keeps when, who, what and why, newest first, a page at a time", async () => {
    await trail.append(entries(5));
    const { items, next } = await reader.page(all, 2);
    expect(items.map(({ seq }) => seq)).toEqual([5, 4]);
    expect(items[1]).toMatchObject({
      at: NOW + 3,
      actor: "alice",
      subject: "bob",
      reason: "revoked",
    });
    const rest = await reader.page(all, 50, next);
    expect(rest.items.map(({ seq }) => seq)).toEqual([3, 2, 1]);
    expect(rest.next).toBeUndefined();
  });

  it("takes an entry once, however often it comes", async () => {
    expect(await trail.append([...entries(3), ...entries(3)])).toBe(3);
    expect(await trail.append(entries(5))).toBe(2);
    expect(await trail.append(entries(5))).toBe(0);
    expect(await verifyTrail(reader)).toMatchObject({ ok: true, rows: 5, from: 1, to: 5 });
  });

  it("is one chain from any number of processes at once", async () => {
    const trails = [trail, ...[1, 2].map(() => new Trail({ sql: open(), signer, now: () => now }))];
    await Promise.all(
      trails.flatMap((one, at) =>
        Array.from({ length: 5 }, async (_, round) => {
          const own = entries(20).map((entry) => ({ ...entry, id: `${at}.${round}.${entry.id}` }));
          await one.append(own);
        }),
      ),
    );
    expect(await verifyTrail(reader)).toMatchObject({ ok: true, rows: 300, to: 300 });
  });

  it("[LG-05] names the row that was changed", async () => {
    await trail.append(entries(20));
    for (const [column, value] of [
      ["name", "session-established"],
      ["at", NOW - 1],
      ["tenant", "other"],
      ["id", "other"],
      ["session", "ses_other"],
      ["actor", '["x","mallory"]'],
      ["about", '["x",{"subject":"mallory"}]'],
      ["subject_ref", null],
    ] as const) {
      const [old] = (await change(`SELECT ${column} FROM control.audit_entry WHERE seq = 7`)).rows;
      await change(`UPDATE control.audit_entry SET ${column} = ? WHERE seq = 7`, value);
      expect([column, ...(await found())]).toEqual([column, "changed", 7]);
      const back = old?.[column] as string;
      await change(`UPDATE control.audit_entry SET ${column} = ? WHERE seq = 7`, back);
    }
    expect(await found()).toEqual([undefined, undefined]);
  });

  it("[LG-05] names the first row that was removed, inserted or reordered", async () => {
    await trail.append(entries(20));
    const read = `SELECT ${ROW_COLUMNS} FROM control.audit_entry ORDER BY seq`;
    const { rows } = await change(read);
    const restore = async () => {
      await change("DELETE FROM control.audit_entry");
      const marks = ROW_COLUMNS.split(",").map(() => "?");
      const text = `INSERT INTO control.audit_entry (${ROW_COLUMNS}) VALUES (${marks.join(", ")})`;
      for (const row of rows) await change(text, ...(Object.values(row) as string[]));
      expect(await found()).toEqual([undefined, undefined]);
    };
    await change("DELETE FROM control.audit_entry WHERE seq = 9");
    expect(await found()).toEqual(["removed", 9]);
    await restore();
    await change("DELETE FROM control.audit_entry WHERE seq < 4");
    expect(await found()).toEqual(["removed", 1]);
    await restore();
    await change("UPDATE control.audit_entry SET seq = -5 WHERE seq = 5");
    await change("UPDATE control.audit_entry SET seq = 5 WHERE seq = 11");
    await change("UPDATE control.audit_entry SET seq = 11 WHERE seq = -5");
    expect(await found()).toEqual(["reordered", 5]);
    await restore();
    for (let seq = 20; seq >= 6; seq -= 1) {
      await change("UPDATE control.audit_entry SET seq = seq + 1 WHERE seq = ?", seq);
    }
    const added = { ...rows[3], seq: 6, id: "added" };
    const columns = Object.keys(added);
    const marks = columns.map(() => "?").join(", ");
    const insert = `INSERT INTO control.audit_entry (${columns.join(", ")}) VALUES (${marks})`;
    await change(insert, ...(Object.values(added) as string[]));
    expect(await found()).toEqual(["inserted", 6]);
    await restore();
    for (const seq of [21, 0, -7]) {
      const beside = { ...added, seq };
      await change(insert, ...(Object.values(beside) as string[]));
      expect(await found()).toEqual(["inserted", seq]);
      await restore();
    }
  });

  it("[LG-05] names where the tail was cut off, as far as the head and checkpoints tell", async () => {
    await trail.append(entries(10));
    const early = await reader.head();
    await trail.append(entries(20));
    const late = await reader.head();
    await change("DELETE FROM control.audit_entry WHERE seq > 15");
    expect(await found()).toEqual(["cut-off", 16]);
    // With the head that was there before, it is a trail that once was.
    await change("DELETE FROM control.audit_entry WHERE seq > 10");
    const { seq, hash, at, signature } = early ?? {};
    const text = "UPDATE control.audit_head SET seq = ?, hash = ?, at = ?, signature = ?";
    await change(text, seq ?? 0, hash ?? "", at ?? 0, signature ?? "");
    expect(await found()).toEqual([undefined, undefined]);
    const { problem } = await verifyTrail(reader, late);
    expect([problem?.finding, problem?.seq]).toEqual(["cut-off", 11]);
    // And the process that wrote it says so in its next row.
    await trail.append(entries(30));
    expect(await found()).toEqual(["unproved", 11]);
  });

  it("[LG-05] finds a chain that was hashed anew by somebody without the secret", async () => {
    await trail.append(entries(20));
    await change("UPDATE control.audit_entry SET name = 'nothing' WHERE seq = 8");
    const head = await reader.head();
    let hash = genesis(head?.chain ?? "");
    const read = `SELECT ${ROW_COLUMNS} FROM control.audit_entry ORDER BY seq`;
    for (const columns of (await change(read)).rows) {
      const row = rowOf(columns);
      hash = hashOf(hash, row.seq, row);
      await change("UPDATE control.audit_entry SET hash = ? WHERE seq = ?", hash, row.seq);
    }
    expect(await found()).toEqual(["rewritten", 1]);
    await change("DELETE FROM control.audit_checkpoint");
    await change("UPDATE control.audit_head SET hash = ?", hash);
    expect(await found()).toEqual(["forged-head", 20]);
    const forged = new Signer([OTHER_SECRET]).sign({ ...(head as NonNullable<typeof head>), hash });
    await change(
      "UPDATE control.audit_head SET kid = ?, signature = ?",
      forged.kid,
      forged.signature,
    );
    expect(await found()).toEqual(["forged-head", 20]);
    // The service goes on, and the trail tells of it for ever.
    await trail.append(entries(21));
    expect(await found()).toEqual(["unproved", 21]);
  });

  it("[LG-05] finds a forged checkpoint, and one of the chain of somebody else", async () => {
    await trail.append(entries(3));
    const [checkpoint] = await reader.checkpoints();
    expect(checkpoint?.seq).toBe(3);
    await change("UPDATE control.audit_checkpoint SET signature = 'AAAA'");
    expect(await found()).toEqual(["forged-checkpoint", 3]);
    await change("DELETE FROM control.audit_checkpoint");
    expect(await found()).toEqual([undefined, undefined]);
    const other = signer.sign({
      ...(checkpoint as NonNullable<typeof checkpoint>),
      chain: "other",
    });
    expect((await verifyTrail(reader, other)).problem?.finding).toBe("other-chain");
    const forged = { ...other, seq: 2 };
    expect((await verifyTrail(reader, forged)).problem?.finding).toBe("forged-checkpoint");
  });

  it("goes on when the head is gone, and says so", async () => {
    await trail.append(entries(3));
    await change("DELETE FROM control.audit_head");
    expect(await found()).toEqual(["forged-head", 1]);
    await trail.append(entries(5));
    const { items } = await reader.page({}, 5);
    expect(items.map(({ name }) => name)).toContain("audit-unproved");
    expect((await verifyTrail(reader)).ok).toBe(false);
  });

  it("[LG-06] removes what is too old from the front, and still verifies", async () => {
    await trail.append(entries(10));
    now = NOW + 2 * DAY_MS;
    await trail.append(entries(15).map((entry) => ({ ...entry, at: now })));
    expect(await trail.retire(NOW + 4)).toBe(4);
    expect(await verifyTrail(reader)).toMatchObject({ ok: true, from: 5, to: 15, rows: 11 });
    expect(await trail.retire(NOW + DAY_MS)).toBe(6);
    expect(await trail.retire(NOW + DAY_MS)).toBe(0);
    expect(await verifyTrail(reader)).toMatchObject({ ok: true, from: 11, rows: 5 });
    // One more than that is nobody's right.
    await change("DELETE FROM control.audit_entry WHERE seq = 11");
    expect(await found()).toEqual(["removed", 11]);
  });

  it("[LG-06] empties to nothing, goes on, and forgets whom no row speaks of", async () => {
    await trail.append(entries(700));
    expect(await trail.retire(NOW + DAY_MS)).toBe(700);
    expect((await change("SELECT name FROM control.audit_person")).rows).toEqual([]);
    await trail.append(entries(2).map((entry) => ({ ...entry, id: `new${entry.id}` })));
    expect(await verifyTrail(reader)).toMatchObject({ ok: true, from: 701, rows: 2 });
  });

  it("forgets a subject in every row, and the chain stays valid", async () => {
    await trail.append(entries(10));
    const erase = (subject: string, id: string) =>
      trail.erase("default", subject, (ref) => ({
        id,
        at: now,
        tenant: "default",
        name: "audit-erased",
        actor: "operator:cli",
        about: { detail: { ref } },
      }));
    expect(await erase("nobody", "x0")).toBe(false);
    expect(await erase("alice", "x1")).toBe(true);
    expect(await verifyTrail(reader)).toMatchObject({ ok: true, rows: 11, erased: 5 });
    const everything: unknown[] = [];
    for (const table of ["audit_entry", "audit_person", "audit_checkpoint", "audit_head"]) {
      everything.push((await change(`SELECT * FROM control.${table}`)).rows);
    }
    expect(JSON.stringify(everything)).not.toContain("alice");
    expect(JSON.stringify(everything)).toContain("bob");
    expect((await reader.page({ ...all, subject: "alice" }, 50)).items).toEqual([]);
    expect((await reader.page({ ...all, subject: "bob" }, 50)).items).toHaveLength(5);
    // Who comes back is somebody new.
    await trail.append(entries(1).map((entry) => ({ ...entry, id: "back" })));
    expect((await reader.page({ ...all, subject: "alice" }, 50)).items).toHaveLength(1);
    expect((await verifyTrail(reader)).ok).toBe(true);
    // What nobody erased by the book is named.
    await change("UPDATE control.audit_entry SET about = NULL, session = NULL WHERE seq = 2");
    expect(await found()).toEqual(["erased-by-nobody", 2]);
  });

  it("forgets a whole tenant, may do so again, and finds what nobody erased", async () => {
    const theirs = entries(1_100).map((entry) => ({
      ...entry,
      id: `o${entry.id}`,
      tenant: "other",
    }));
    for (let from = 0; from < theirs.length; from += 100) {
      await trail.append(theirs.slice(from, from + 100));
    }
    await trail.append(entries(4));
    let times = 0;
    const erase = (tenant: string) =>
      trail.eraseTenant(tenant, () => ({
        id: `x${(times += 1)}`,
        at: now,
        tenant: "",
        name: "audit-erased",
        actor: "system",
        about: { detail: { tenant } },
      }));
    await erase("other");
    expect(await verifyTrail(reader)).toMatchObject({ ok: true, rows: 1_105, erased: 1_100 });
    const kept = async (tenant: string) => (await reader.page({ tenant }, 5)).items;
    expect((await kept("other")).every(({ actor, subject }) => !actor && !subject)).toBe(true);
    expect((await kept("default")).map(({ subject }) => subject)).toContain("alice");
    const { rows } = await change("SELECT * FROM control.audit_person WHERE tenant = 'other'");
    expect(rows).toEqual([]);
    // What came in late is erased by another entry; without any there is none.
    await trail.append(entries(1).map((entry) => ({ ...entry, id: "late", tenant: "other" })));
    await erase("other");
    await erase("other");
    expect(times).toBe(2);
    expect(await verifyTrail(reader)).toMatchObject({ ok: true, rows: 1_107, erased: 1_101 });
    await change("UPDATE control.audit_entry SET about = NULL, session = NULL WHERE seq = 1102");
    expect(await found()).toEqual(["erased-by-nobody", 1_102]);
  });

  it("goes on with a new secret while the old one is still there", async () => {
    await trail.append(entries(3));
    const both = new Signer([OTHER_SECRET, SECRET]);
    await new Trail({ sql, signer: both, now: () => now }).append(entries(6));
    expect(await verifyTrail(new TrailReader(sql, both))).toMatchObject({
      ok: true,
      checkpoints: 1,
    });
    const after = await verifyTrail(new TrailReader(sql, new Signer([OTHER_SECRET])));
    expect(after).toMatchObject({ ok: true, checkpoints: 0, unknownCheckpoints: 1 });
  });
});
