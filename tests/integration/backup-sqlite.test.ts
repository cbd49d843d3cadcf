/** Backup and restore of an installation in SQLite files. */
import { appendFileSync, copyFileSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { command, contents, crowd, endSome, moved, statesOf } from "./backup-harness.ts";
import type { Env, Opened } from "./backup-harness.ts";
import { folder, SECRET } from "./service-harness.ts";

let place: ReturnType<typeof folder>;
let env: Env;
let out: string;
let file: string;

beforeEach(() => {
  place = folder();
  file = `${place.path}/live/sojourn.db`;
  env = { SOJOURN_STORE: `sqlite:${file}` };
  out = join(place.path, "backup");
});

afterEach(() => place.remove());

interface BackedUp {
  readonly all: readonly Opened[];
  readonly expected: readonly string[];
}

/** A hundred, a backup, and ends after it. */
async function backedUp(): Promise<BackedUp> {
  const { s, pass } = await moved(env);
  const all = await crowd(s);
  const made = await command(env, "backup", "--out", out);
  expect([made.code, made.err]).toEqual([0, ""]);
  const expected = await endSome(s, all, pass);
  await s.service.stop();
  return { all, expected };
}

async function statesNow(all: readonly Opened[]): Promise<readonly string[]> {
  const { s } = await moved(env);
  const states = await statesOf(s, all);
  await s.service.stop();
  return states;
}

/** As somebody would who knows nothing of this command. */
function putBackByHand(name: "sojourn.db" | "control.db", copy: string): void {
  const path = join(place.path, "live", name);
  for (const end of ["", "-wal", "-shm"]) rmSync(path + end, { force: true });
  copyFileSync(join(out, copy), path);
}

describe("a restore", () => {
  it("brings every session back that lives, and none that has ended since", async () => {
    const { all, expected } = await backedUp();
    const done = await command(env, "restore", out, "--json");
    expect([done.code, done.err]).toEqual([0, ""]);
    const told = JSON.parse(done.out) as { replaced: string };
    expect(told).toMatchObject({ ended: 34, locked: 2 });
    expect(existsSync(told.replaced)).toBe(true);
    expect(await statesNow(all)).toEqual(expected);
    expect(expected.filter((state) => state === "active")).toHaveLength(64);
    // Once more changes nothing.
    expect((await command(env, "restore", out)).code).toBe(0);
    expect(await statesNow(all)).toEqual(expected);
  });

  it("is refused where the audit trail was put back too, unless the risk is accepted", async () => {
    const { all } = await backedUp();
    putBackByHand("control.db", "control.db");
    rmSync(file);
    const refused = await command(env, "restore", out);
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/trail is no newer than the backup: begin with empty sessions/);
    expect(existsSync(file)).toBe(false);
    const accepted = await command(env, "restore", out, "--accept-risk", "revived-sessions");
    expect([accepted.code, accepted.out]).toEqual([0, expect.stringContaining("Accepted: ")]);
    expect((await statesNow(all)).filter((state) => state === "active")).toHaveLength(100);
  });

  it("is refused where the trail is gone, changed, or somebody was erased from it", async () => {
    const { all } = await backedUp();
    const refusal = async (): Promise<string> => {
      const { code, err } = await command(env, "restore", out);
      expect(code).toBe(1);
      return err;
    };
    expect((await command(env, "subjects", "erase", "u11", "--confirm", "u11")).code).toBe(0);
    expect(await refusal()).toContain("somebody was erased since, whom the backup still knows");
    const control = new DatabaseSync(join(place.path, "live", "control.db"));
    control.exec("DELETE FROM audit_entry WHERE seq = (SELECT max(seq) - 3 FROM audit_entry)");
    control.close();
    expect(await refusal()).toContain("the audit trail is not whole");
    for (const end of ["", "-wal", "-shm"]) {
      rmSync(join(place.path, "live", `control.db${end}`), { force: true });
    }
    expect(await refusal()).toContain("there is no audit trail");
    expect(all).toHaveLength(100);
  });

  it("is refused while something has the file open, and for a copy that was changed", async () => {
    await backedUp();
    const { s } = await moved(env);
    const busy = await command(env, "restore", out);
    expect([busy.code, busy.err]).toEqual([1, expect.stringContaining("is in use; stop every")]);
    await s.service.stop();
    appendFileSync(join(out, "sessions.db"), "x");
    const changed = await command(env, "restore", out);
    expect([changed.code, changed.err]).toEqual([1, expect.stringContaining("is not what was")]);
    const none = await command(env, "restore", place.path);
    expect([none.code, none.err]).toEqual([1, expect.stringContaining("no backup.json")]);
    const other = { ...env, SOJOURN_STORE: "postgres://h/d" };
    expect((await command(other, "restore", out)).err).toContain("the backup is of sqlite");
  });
});

describe("a start of the service", () => {
  it("ends again what ended after the copy that was put in place by hand", async () => {
    const { all, expected } = await backedUp();
    putBackByHand("sojourn.db", "sessions.db");
    const { s } = await moved(env);
    expect(s.logs.join("")).toContain("the sessions were older than the audit trail");
    expect(await statesOf(s, all)).toEqual(expected);
    await s.service.stop();
    const listed = await command(env, "audit", "list", "--name", "ends-repeated", "--json");
    expect((JSON.parse(listed.out) as { items: unknown[] }).items).toHaveLength(1);
    // And says nothing of it where nothing was put back.
    const again = await moved(env);
    expect(again.s.logs.join("")).not.toContain("older than the audit trail");
    await again.s.service.stop();
  });
});

describe("a backup", () => {
  it("[ID-18] holds nothing that can be presented, and is its owner's alone", async () => {
    const { s } = await moved(env);
    const key = await s.key("default");
    const { token } = await s.open("alice", { data: { cart: ["tea"] } });
    const headers = { "idempotency-key": "backup-0001" };
    const kept = await s.api("POST", "/v1/sessions", {
      body: { subject: "bob", amr: ["pwd"] },
      headers,
    });
    expect((await command(env, "backup", "--out", out)).code).toBe(0);
    await s.service.stop();
    const { bytes, modes } = contents(out);
    for (const secret of [key, token, String(kept.json["token"]), SECRET]) {
      expect(bytes).not.toContain(secret);
      expect(bytes).not.toContain(secret.slice(-24));
    }
    expect(bytes).toContain("alice");
    expect(readdirSync(out).toSorted()).toEqual(["backup.json", "control.db", "sessions.db"]);
    expect(modes).toEqual([0o600, 0o600, 0o600]);
  });

  it("is made whole in a new folder, or not at all", async () => {
    const { s } = await moved(env);
    expect((await command(env, "backup", "--out", out)).code).toBe(0);
    const again = await command(env, "backup", "--out", out);
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("must be a new one")]);
    expect((await command(env, "backup")).err).toContain("--out is missing");
    const memory = { SOJOURN_STORE: "memory:" };
    expect((await command(memory, "backup", "--out", `${out}2`)).err).toContain("nothing to keep");
    const redis = { ...env, SOJOURN_STORE: "redis://127.0.0.1:9" };
    expect((await command(redis, "backup", "--out", `${out}2`)).err).toContain("--with is missing");
    expect(existsSync(`${out}2`)).toBe(false);
    await s.service.stop();
  });
});
