/** What is kept of people: given out whole, forgotten whole, and not kept in the first place. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "redis";
import { ManualClock } from "sojourn/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres, startRedis } from "../../tools/engines.mjs";
import { readConfig } from "../../packages/sojourn-server/src/config/config.ts";
import { openInstallation } from "../../packages/sojourn-server/src/main/installation.ts";
import { eventually } from "../support/eventually.ts";
import { textBelow } from "../support/files.ts";
import { poolTo } from "../support/postgres.ts";
import { at, bearer, folder, SECRET, sojourn, startTestService } from "./service-harness.ts";
import type { Json, TestService } from "./service-harness.ts";

interface Ground {
  readonly env: Readonly<Record<string, string>>;
  /** All that the stores hold, with the service stopped. */
  dump(): Promise<string>;
  /** Two minutes pass for what the engine times by its own clock. */
  age(): Promise<void>;
  end(): Promise<void>;
}

async function sqlite(): Promise<Ground> {
  const place = folder();
  return {
    env: { SOJOURN_STORE: `sqlite:${place.path}/s.db` },
    dump: async () => textBelow(place.path),
    age: async () => undefined,
    end: async () => place.remove(),
  };
}

/** Every row of every table as text; files keep what was deleted until the next VACUUM. */
async function postgres(): Promise<Ground> {
  const engine = await startPostgres();
  const place = folder();
  const pool = poolTo(engine.url);
  return {
    env: { SOJOURN_STORE: engine.url, SOJOURN_AUDIT_SPOOL: `${place.path}/spool` },
    dump: async () => {
      const tables = await pool.query<{ name: string }>(
        `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
         WHERE table_schema LIKE 'sojourn%'`,
      );
      let all = textBelow(place.path);
      for (const { name } of tables.rows) {
        const { rows } = await pool.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
        all += rows.map(({ row }) => row).join("\n");
      }
      if (tables.rows.length < 5) throw new Error("these are not our tables");
      return all;
    },
    age: async () => {
      await pool.query("UPDATE sojourn.change SET at = at - interval '2 minutes'");
    },
    end: async () => {
      await pool.end();
      await engine.stop();
      place.remove();
    },
  };
}

async function redis(): Promise<Ground> {
  const engine = await startRedis({ args: ["--appendonly", "yes", "--rdbcompression", "no"] });
  const place = folder();
  const client = createClient({ url: engine.url });
  await client.connect();
  return {
    env: {
      SOJOURN_STORE: `${engine.url}/0`,
      SOJOURN_CONTROL: `sqlite:${place.path}/control.db`,
      SOJOURN_AUDIT_SPOOL: `${place.path}/spool`,
    },
    dump: async () => {
      await client.sendCommand(["SAVE"]);
      const { dir = "" } = await client.configGet("dir");
      return textBelow(place.path) + readFileSync(join(dir, "dump.rdb"), "latin1");
    },
    age: async () => undefined,
    end: async () => {
      client.destroy();
      await engine.stop();
      place.remove();
    },
  };
}

/** Nobody else is called so, whatever else lies in a file. */
const ZOE = "zoe-7c1fae02";

describe.each([
  ["SQLite", sqlite],
  ["PostgreSQL", postgres],
  ["Redis", redis],
] as const)("somebody with sessions in %s", (_name, start) => {
  let ground: Ground;
  let s: TestService;
  const tokens: string[] = [];
  const ids: string[] = [];

  beforeAll(async () => {
    ground = await start();
    s = await startTestService({ env: ground.env });
    for (const label of ["phone-5dd01", "desk-5dd02", "left-5dd03"]) {
      const device = { label, address: "203.0.113.77" };
      const { id, token } = await s.open(ZOE, { device, data: { note: `note-${label}` } });
      ids.push(id);
      tokens.push(token);
    }
    await s.api("POST", `/v1/sessions/${ids[2]}/revoke`, { body: { cause: "left" } });
    await s.open("yan", { data: { note: "another's" } });
    await bulk({ action: "lock", filter: { subject: ZOE, kind: "native" } });
    await eventually(async () => {
      const { json } = await s.api("GET", `/v1/audit?subject=${ZOE}&name=session-ended`);
      return (json["items"] as Json[]).length > 0 ? true : undefined;
    });
  });

  /** An operation on what matches, to its end. */
  async function bulk(wish: Json): Promise<void> {
    const tried = await s.api("POST", "/v1/bulk", { body: { ...wish, dryRun: true } });
    const body = { ...wish, dryRun: false, token: tried.json["token"] };
    const { json } = await s.api("POST", "/v1/bulk", { body });
    await eventually(async () => {
      const now = await s.api("GET", `/v1/operations/${String(at(json, "operation.id"))}`);
      return at(now.json, "operation.state") === "done" ? true : undefined;
    });
  }

  afterAll(async () => {
    await s?.service.stop();
    await ground?.end();
  });

  it("[PR-03] is given everything that is kept of her, ended sessions too, and no token", async () => {
    const answer = await s.api("GET", `/v1/subjects/${ZOE}/export`);
    expect([answer.status, answer.headers["content-type"]]).toEqual([200, "application/json"]);
    const told = JSON.parse(answer.text) as { sessions: Json[]; audit: Json[]; subject: string };
    expect(told.subject).toBe(ZOE);
    expect(new Set(told.sessions.map(({ id }) => id))).toEqual(new Set(ids));
    const states = new Map(told.sessions.map(({ id, state }) => [id, state]));
    expect(ids.map((id) => states.get(id))).toEqual(["active", "active", "ended"]);
    const notes = told.sessions.map((one) => at(one, "data.note"));
    expect(new Set(notes)).toEqual(
      new Set(["note-phone-5dd01", "note-desk-5dd02", "note-left-5dd03"]),
    );
    const names = told.audit.map(({ name }) => name);
    expect(names.filter((name) => name === "session-established")).toHaveLength(3);
    expect(names).toContain("session-ended");
    expect(answer.text).not.toContain("another's");
    for (const token of tokens) expect(answer.text).not.toContain(token.slice(40));
  });

  it("is exported and erased by whoever may, in their own tenant, with the name repeated", async () => {
    const usual = bearer(await s.key("default", ["sessions:read", "sessions:write"]));
    const foreign = bearer(await s.key("other"));
    const path = `/v1/subjects/${ZOE}`;
    const body = { confirm: ZOE };
    for (const [method, act] of [
      ["GET", "export"],
      ["POST", "erase"],
    ] as const) {
      const sent = method === "GET" ? usual : { ...usual, body };
      const refused = await s.bare(method, `${path}/${act}`, sent);
      expect([refused.status, refused.json["scope"]]).toEqual([403, "privacy:write"]);
    }
    const empty = await s.bare("GET", `${path}/export`, foreign);
    expect(JSON.parse(empty.text)).toMatchObject({ tenant: "other", sessions: [] });
    const none = await s.bare("POST", `${path}/erase`, { ...foreign, body });
    expect([none.status, none.json["erased"]]).toMatchObject([200, { sessions: 0 }]);
    for (const wrong of [{}, { confirm: "Zoe" }]) {
      const refused = await s.api("POST", `${path}/erase`, { body: wrong });
      expect([400, 422]).toContain(refused.status);
      expect(refused.text).toContain("confirm");
    }
    expect((await s.api("GET", `/v1/sessions/${ids[0]}`)).status).toBe(200);
  });

  it("[PR-03] is told of a lock on them, which being forgotten does not lift", async () => {
    const body = { kind: "subject", value: "lena-51c0", message: "Call us." };
    const { json } = await s.api("POST", "/v1/locks", { body });
    const { text } = await s.api("GET", "/v1/subjects/lena-51c0/export");
    expect(JSON.parse(text)).toMatchObject({ locks: [body] });
    const erase = { body: { confirm: "lena-51c0" } };
    const { json: told } = await s.api("POST", "/v1/subjects/lena-51c0/erase", erase);
    expect(told["erased"]).toMatchObject({ locks: 0 });
    const path = `/v1/locks/${String(at(json, "lock.id"))}`;
    expect(at((await s.api("GET", path)).json, "lock.value")).toBe("lena-51c0");
    expect((await s.api("DELETE", path)).status).toBe(200);
  });

  it("[PR-04] is forgotten: in no dump is her name, and the trail is whole", async () => {
    const answer = await s.api("POST", `/v1/subjects/${ZOE}/erase`, {
      body: { confirm: ZOE, cause: "gdpr_17" },
    });
    const gone = { sessions: 3, locks: 0, operations: 1, audit: 1 };
    expect([answer.status, answer.json["erased"]]).toEqual([200, gone]);
    for (const token of tokens) {
      const { json } = await s.api("POST", "/v1/sessions/verify", { body: { token } });
      expect(json["state"]).not.toBe("active");
    }
    for (const id of ids) expect((await s.api("GET", `/v1/sessions/${id}`)).status).toBe(404);
    const { json } = await s.api("GET", "/v1/audit?name=audit-erased");
    expect((json["items"] as Json[])[0]).toMatchObject({ cause: "gdpr_17" });
    await s.service.stop();
    // What was told of her after that is forgotten once more, a minute later.
    const read = readConfig({ flags: {}, env: { SOJOURN_SECRETS: SECRET, ...ground.env } });
    const clock = new ManualClock(Date.now() + 2 * 60_000);
    const config = { ...read, library: { ...read.library, clock } };
    const later = await openInstallation(config, { sweep: false });
    expect(await later.privacy.again()).toBe(3);
    expect(await later.privacy.again()).toBe(0);
    // The session store's own log names her until its other readers have heard, for a minute.
    await later.sessions.open({ subject: "yan" });
    await ground.age();
    await later.sessions.sweep();
    await later.close();
    const verified = await sojourn(["audit", "verify"], { SOJOURN_SECRETS: SECRET, ...ground.env });
    expect([verified.code, verified.err]).toEqual([0, ""]);
    const left = await ground.dump();
    expect(left.length).toBeGreaterThan(1_000);
    for (const trace of [ZOE, "phone-5dd01", "desk-5dd02", "left-5dd03"]) {
      expect(left.includes(trace), trace).toBe(false);
    }
    expect(left).toContain("yan");
  });
});
