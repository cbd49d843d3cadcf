/** Whatever ends a process or stops the control store: what was acknowledged has its entry. */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { startPostgres } from "../../tools/engines.mjs";
import { bearer, folder, SECRET, send, serveProcess, sojourn } from "./service-harness.ts";
import type { Json, ServedProcess } from "./service-harness.ts";

type Env = Readonly<Record<string, string>>;
type Entry = { readonly [Name in "id" | "name" | "session" | "seq"]: unknown };

const toEnd: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of toEnd.splice(0).toReversed()) await end();
});

function ground(more: Env = {}): { readonly path: string; readonly env: Env } {
  const place = folder();
  toEnd.push(() => place.remove());
  const store = `sqlite:${place.path}/sojourn.db`;
  const spool = join(place.path, "spool");
  const own = { SOJOURN_STORE: store, SOJOURN_AUDIT_SPOOL: spool, SOJOURN_RATE_LIMIT: "0" };
  return { path: place.path, env: { SOJOURN_SECRETS: SECRET, ...own, ...more } };
}

async function serve(env: Env): Promise<ServedProcess> {
  const served = await serveProcess(env);
  toEnd.push(() => served.stop("SIGKILL"));
  return served;
}

async function serviceKey(env: Env): Promise<string> {
  const { code, out, err } = await sojourn(["keys", "create", "--name", "k", "--json"], env);
  if (code !== 0) throw new Error(err);
  return String((JSON.parse(out) as Json)["key"]);
}

interface Load {
  /** Until so many were opened, and half as many ended, less those that are under way. */
  done(count: number): Promise<void>;
  /** Handles of what was acknowledged. */
  readonly opened: Set<string>;
  readonly ended: Set<string>;
  stop(): Promise<void>;
}

const WORKERS = 4;

/** Sessions are opened and every second one revoked, as fast as the service answers. */
function load(url: string, key: string): Load {
  const opened = new Set<string>();
  const ended = new Set<string>();
  let going = true;
  const worker = async (who: number): Promise<void> => {
    for (let count = 0; going; count += 1) {
      const body = { subject: `s${who}-${count % 7}`, amr: ["pwd"] };
      const { status, json } = await send(`${url}/v1/sessions`, "POST", { ...bearer(key), body });
      const { id } = (json["session"] ?? {}) as { id?: string };
      if (status !== 201 || id === undefined) continue;
      opened.add(id);
      if (count % 2 === 0) continue;
      const path = `${url}/v1/sessions/${id}/revoke`;
      const revoked = await send(path, "POST", { ...bearer(key), body: {} });
      if (revoked.status === 200) ended.add(id);
    }
  };
  const all = Array.from({ length: WORKERS }, (_, who) => worker(who).catch(() => undefined));
  return {
    opened,
    ended,
    done: (count) => until(() => opened.size >= count && ended.size > count / 2 - WORKERS),
    stop: async () => {
      going = false;
      await Promise.all(all);
    },
  };
}

async function entries(env: Env): Promise<readonly Entry[]> {
  const { code, out, err } = await sojourn(["audit", "export"], env);
  if (code !== 0) throw new Error(err);
  const lines = out.trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Entry);
}

function sessionsOf(all: readonly Entry[], name: string): readonly unknown[] {
  return all.filter((entry) => entry.name === name).map(({ session }) => session);
}

/** Files of entries that are not in the trail yet. */
function spooled(path: string): readonly string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".entries"),
  );
}

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    if (await what()) return;
    await sleep(50);
  }
  throw new Error("it did not come to that");
}

async function expectWhole(env: Env): Promise<void> {
  const { code, out, err } = await sojourn(["audit", "verify"], env);
  expect([code, err, out.split("\n")[0]]).toEqual([0, "", "The trail is whole."]);
}

/** Each acknowledged operation has its entry, and no entry is there twice. */
async function expectAll(env: Env, loads: readonly Load[]): Promise<void> {
  const all = await entries(env);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  for (const [name, of] of [
    ["session-established", "opened"],
    ["session-ended", "ended"],
  ] as const) {
    const told = sessionsOf(all, name);
    const known = new Set(told);
    expect(told.length).toBe(known.size);
    const lost = loads.flatMap((one) => [...one[of]]).filter((id) => !known.has(id));
    expect([name, lost]).toEqual([name, []]);
  }
  await expectWhole(env);
}

describe("[LG-03] the audit trail", () => {
  it("has every acknowledged operation after kill -9, also of who took over and was killed", async () => {
    const { env, path } = ground();
    const key = await serviceKey(env);
    const loads: Load[] = [];
    for (const count of [60, 20, 1]) {
      const served = await serve(env);
      const going = load(served.url, key);
      loads.push(going);
      await going.done(count);
      await served.stop("SIGKILL");
      await going.stop();
    }
    const last = await serve(env);
    await until(() => spooled(join(path, "spool")).length === 0);
    await last.stop();
    await expectAll(env, loads);
  }, 120_000);

  it("is never carried into that of another installation with the same spool", async () => {
    const { env, path } = ground();
    const other = { ...env, SOJOURN_STORE: `sqlite:${path}/other/sojourn.db` };
    const served = await serve(env);
    const going = load(served.url, await serviceKey(env));
    await going.done(10);
    await served.stop("SIGKILL");
    await going.stop();
    expect(spooled(join(path, "spool"))).not.toEqual([]);
    const foreign = await serve(other);
    await sleep(700);
    await foreign.stop();
    expect(sessionsOf(await entries(other), "session-established")).toEqual([]);
    const again = await serve(env);
    await until(() => spooled(join(path, "spool")).length === 0);
    await again.stop();
    await expectAll(env, [going]);
  }, 60_000);

  it("is written by the other process of a machine when one is killed, on PostgreSQL", async () => {
    const server = await startPostgres();
    toEnd.push(() => server.stop());
    const { env, path } = ground({ SOJOURN_STORE: server.url });
    const key = await serviceKey(env);
    const doomed = await serve(env);
    const heir = await serve(env);
    const loads = [load(doomed.url, key), load(heir.url, key)];
    await Promise.all(loads.map((one) => one.done(20)));
    await loads[1]?.stop();
    await sleep(700);
    // What lies there now is the other one's.
    await until(() => spooled(join(path, "spool")).length > 0);
    await doomed.stop("SIGKILL");
    await loads[0]?.stop();
    expect(spooled(join(path, "spool"))).not.toEqual([]);
    loads.push(load(heir.url, key));
    await loads[2]?.done(20);
    await loads[2]?.stop();
    await until(() => spooled(join(path, "spool")).length === 0);
    await heir.stop();
    await expectAll(env, loads);
  }, 120_000);

  it("waits in the spool while the control store stands still, and requests go on", async () => {
    const server = await startPostgres();
    toEnd.push(() => server.stop());
    const { env, path } = ground({
      SOJOURN_CONTROL: server.url,
      SOJOURN_STORE_TIMEOUT: "500ms",
    });
    const { url, said } = await serve(env);
    const key = await serviceKey(env);
    const token = await openOne(url, key);
    const children = `/proc/${server.pid}/task/${server.pid}/children`;
    const forked = readFileSync(children, "utf8").trim().split(/\s+/).filter(Boolean).map(Number);
    const all = [server.pid, ...forked];
    for (const pid of all) process.kill(pid, "SIGSTOP");
    // Service keys are read there, so what goes on is what needs none.
    const started = performance.now();
    const closed = await send(`${url}/v1/session`, "DELETE", {
      headers: { authorization: `Bearer ${token}` },
    });
    expect([closed.status, performance.now() - started < 400]).toEqual([200, true]);
    await until(() => said().includes("audit trouble"));
    expect(spooled(join(path, "spool"))).not.toEqual([]);
    const ready = await send(`${url}/readyz`, "GET");
    expect([ready.status, ready.json["audit"]]).toEqual([200, "delayed"]);
    for (const pid of all) process.kill(pid, "SIGCONT");
    await until(() => spooled(join(path, "spool")).length === 0);
    const ends = sessionsOf(await entries(env), "session-ended");
    expect(ends).toHaveLength(1);
    await expectWhole(env);
  }, 120_000);

  it("goes by memory while the spool cannot be written, says so, and mends itself", async () => {
    const { env, path } = ground();
    // A file stands where the folder belongs.
    writeFileSync(join(path, "spool"), "");
    const { url, said, metricsUrl, stop } = await serve(env);
    const key = await serviceKey(env);
    await openOne(url, key);
    await until(() => said().includes('"where":"spool"'));
    expect((await send(`${metricsUrl}/metrics`, "GET")).text).toMatch(
      /sojourn_audit_trouble_total\{where="spool"\} [1-9]/,
    );
    await until(async () =>
      (await entries(env)).some(({ name }) => name === "session-established"),
    );
    rmSync(join(path, "spool"));
    await openOne(url, key);
    await until(async () => {
      await openOne(url, key);
      return (await send(`${url}/readyz`, "GET")).json["audit"] === "ok";
    });
    await openOne(url, key);
    expect(statSync(join(path, "spool")).mode & 0o777).toBe(0o700);
    await stop();
    expect(sessionsOf(await entries(env), "session-established").length).toBeGreaterThan(3);
    await expectWhole(env);
  }, 60_000);

  it("leaves the spool behind a stop empty and its files for the owner alone meanwhile", async () => {
    const { env, path } = ground();
    const served = await serve(env);
    const key = await serviceKey(env);
    await openOne(served.url, key);
    const spool = join(path, "spool");
    for (const name of readdirSync(spool, { recursive: true, encoding: "utf8" })) {
      const stat = statSync(join(spool, name));
      expect([name, stat.mode & 0o077]).toEqual([name, 0]);
    }
    await served.stop();
    expect(readdirSync(spool)).toEqual([]);
    const names = (await entries(env)).map(({ name }) => name);
    expect([names[0], names.at(-1)]).toEqual(["service-started", "service-stopped"]);
  }, 60_000);
});

describe("[LG-05] sojourn audit verify", () => {
  it("names the row of a file that somebody wrote into, with exit code 1", async () => {
    const { env, path } = ground();
    const served = await serve(env);
    const key = await serviceKey(env);
    for (let count = 0; count < 5; count += 1) await openOne(served.url, key);
    await served.stop();
    await expectWhole(env);
    const kept = join(path, "kept.json");
    expect((await sojourn(["audit", "checkpoint", "--out", kept], env)).code).toBe(0);
    expect((await sojourn(["audit", "checkpoint", "--out", kept], env)).code).toBe(1);
    expect((await sojourn(["audit", "verify", "--checkpoint", kept], env)).code).toBe(0);
    const missing = join(path, "nothing.json");
    expect((await sojourn(["audit", "verify", "--checkpoint", missing], env)).code).toBe(2);
    const database = new DatabaseSync(join(path, "control.db"));
    database.exec("UPDATE audit_entry SET tenant = 'acme' WHERE seq = 4");
    database.close();
    const { code, out } = await sojourn(["audit", "verify", "--json"], env);
    const { problem } = JSON.parse(out) as { problem: Json };
    expect([code, problem["finding"], problem["seq"]]).toEqual([1, "changed", 4]);
    const told = await sojourn(["audit", "verify"], env);
    expect(told.out).toContain("Tampered with (changed): row 4 is not what was written.");
  }, 60_000);

  it("finds nothing after somebody was erased, and neither does a search of the file", async () => {
    const { env, path } = ground();
    const served = await serve(env);
    const key = await serviceKey(env);
    await openOne(served.url, key, "grace-hopper");
    await served.stop();
    expect(readFileSync(join(path, "control.db"), "latin1")).toContain("grace-hopper");
    const erased = await sojourn(["audit", "erase", "grace-hopper", "--cause", "gdpr_17"], env);
    expect([erased.code, erased.out]).toEqual([0, "Erased.\n"]);
    expect((await sojourn(["audit", "erase", "grace-hopper"], env)).code).toBe(1);
    expect(readFileSync(join(path, "control.db"), "latin1")).not.toContain("grace-hopper");
    await expectWhole(env);
    const { out } = await sojourn(["audit", "list"], env);
    expect(out).toContain("(erased)");
  }, 60_000);
});

async function openOne(url: string, key: string, subject = "ann"): Promise<string> {
  const body = { subject, amr: ["pwd"] };
  const { json } = await send(`${url}/v1/sessions`, "POST", { ...bearer(key), body });
  return String(json["token"]);
}
