/**
 * `node tools/upgrade-fixtures.mjs COMMIT NAME`: stores as an older version left them.
 *
 * Builds the commit in a folder of its own, runs its service on SQLite, on PostgreSQL and on Redis,
 * opens sessions through its HTTP interface, ends and locks some, and writes what the engines then
 * hold to tests/upgrade/fixtures/NAME, with the tokens and the secret they were made with: the
 * secret is made for this and signs nothing else.
 */
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { argv, env as environment, execPath } from "node:process";
import { DatabaseSync } from "node:sqlite";
import { gzipSync } from "node:zlib";
import { createClient, RESP_TYPES } from "redis";
import { startPostgres, startRedis } from "./engines.mjs";
import { root } from "./setup.mjs";

const [, , commit = "", name = ""] = argv;
if (!/^[0-9a-f]{7,40}$/.test(commit) || !/^[a-z0-9.-]+$/.test(name)) {
  throw new Error("usage: node tools/upgrade-fixtures.mjs COMMIT NAME");
}

const secret = randomBytes(32).toString("base64url");
const work = mkdtempSync(join(tmpdir(), "sojourn-upgrade-"));
const tree = join(work, "tree");
const target = join(root, "tests", "upgrade", "fixtures", name);

/** @param {string} command @param {string[]} args */
const run = (command, args, cwd = root) =>
  execFileSync(command, args, { cwd, encoding: "utf8", maxBuffer: 2 ** 28 });

/** @param {string} file @param {string | Buffer} content */
const keep = (file, content) => writeFileSync(join(target, file), gzipSync(content, { level: 9 }));

const cli = join(tree, "packages", "sojourn-server", "dist", "cli", "main.js");

const LIVE = ["live-0", "live-1", "live-2", "live-3", "live-4", "live-5"];

/** @param {Record<string, string>} settings */
const settingsOf = (settings) => ({
  PATH: environment["PATH"] ?? "",
  SOJOURN_SECRETS: secret,
  SOJOURN_PORT: "0",
  ...settings,
});

/**
 * The old service, and what was done with it.
 *
 * @param {Record<string, string>} settings
 */
async function left(settings) {
  const env = settingsOf(settings);
  const made = execFileSync(execPath, [cli, "keys", "create", "--name", "old", "--json"], {
    env,
    cwd: work,
    encoding: "utf8",
  });
  const key = String(JSON.parse(made).key);
  const child = spawn(execPath, [cli, "serve"], {
    env,
    cwd: work,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const url = await new Promise((resolve, reject) => {
    let said = "";
    child.stdout.on("data", (chunk) => {
      said += String(chunk);
      const [, found] = /listening on (\S+)/.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.on("close", () => reject(new Error(`ended; it said: ${said}`)));
  });
  /**
   * @param {string} path
   * @param {object} body
   * @returns {Promise<any>}
   */
  const post = async (path, body, headers = {}) => {
    const response = await fetch(url + path, {
      method: "POST",
      headers: {
        authorization: `Bearer ${key}`,
        "content-type": "application/json",
        ...headers,
      },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  /** @param {string} subject */
  const open = async (subject, more = {}) => {
    const body = { subject, amr: ["pwd"], data: { cart: [subject, 1] }, ...more };
    const { session, token } = await post("/v1/sessions", body);
    return { id: session.id, token, subject };
  };
  const sessions = [];
  for (const subject of LIVE) sessions.push({ ...(await open(subject)), state: "active" });
  const device = { id: "laptop", label: "a laptop" };
  sessions.push({ ...(await open("zoë", { device, roles: ["admin"] })), state: "active" });
  for (const subject of ["ended-1", "ended-2"]) {
    const one = await open(subject);
    await post(`/v1/sessions/${one.id}/revoke`, { cause: "test" });
    sessions.push({ ...one, state: "ended" });
  }
  sessions.push({ ...(await open("swept")), state: "ended" });
  await post("/v1/subjects/swept/revoke", {});
  sessions.push({ ...(await open("swept")), state: "active" });
  const locked = await open("locked");
  await post(`/v1/sessions/${locked.id}/lock`, {});
  sessions.push({ ...locked, state: "locked" });
  const once = { subject: "once", amr: ["pwd"] };
  const reply = await post("/v1/sessions", once, { "idempotency-key": "upgrade-0001" });
  sessions.push({ id: reply.session.id, token: reply.token, subject: "once", state: "active" });
  const madeAt = Date.now();
  child.kill("SIGTERM");
  await new Promise((resolve) => child.on("close", resolve));
  return { key, madeAt, once, sessions };
}

/** @param {string} path */
function sqliteCopy(path) {
  const copy = `${path}.copy`;
  const database = new DatabaseSync(path);
  database.prepare("VACUUM INTO ?").run(copy);
  database.close();
  return readFileSync(copy);
}

/** Keys as DUMP gives them, for RESTORE. @param {string} url */
async function redisDump(url) {
  const client = createClient({ url }).withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  await client.connect();
  const keys = /** @type {Buffer[]} */ (
    /** @type {unknown} */ (await client.sendCommand(["KEYS", "*"]))
  );
  const all = [];
  for (const key of keys) {
    const value = /** @type {Buffer} */ (
      /** @type {unknown} */ (await client.sendCommand(["DUMP", key]))
    );
    all.push([key.toString("base64"), value.toString("base64")]);
  }
  await client.close();
  return JSON.stringify(all);
}

/** @param {string} url @param {string} of */
const postgresDump = (url, of) =>
  run("pg_dump", ["--no-owner", "--no-privileges", "--inserts", `--schema=${of}`, url]);

mkdirSync(target, { recursive: true });
try {
  run("git", ["worktree", "add", "--quiet", "--detach", tree, commit]);
  run("cp", ["-al", join(root, "node_modules"), join(tree, "node_modules")]);
  run(execPath, [join(tree, "node_modules/typescript/bin/tsc"), "-b", "tsconfig.json"], tree);
  const sqlite = join(work, "sojourn.db");
  const facts = { commit: run("git", ["rev-parse", commit]).trim(), secret };
  const onSqlite = await left({ SOJOURN_STORE: `sqlite:${sqlite}` });
  keep("sqlite-sessions.db.gz", sqliteCopy(sqlite));
  keep("sqlite-control.db.gz", sqliteCopy(join(dirname(sqlite), "control.db")));
  const postgres = await startPostgres();
  const onPostgres = await left({ SOJOURN_STORE: postgres.url });
  keep("postgres-sessions.sql.gz", postgresDump(postgres.url, "sojourn"));
  keep("postgres-control.sql.gz", postgresDump(postgres.url, "sojourn_control"));
  await postgres.stop();
  const redis = await startRedis({ args: ["--appendonly", "yes"] });
  const control = join(work, "beside-redis.db");
  const onRedis = await left({ SOJOURN_STORE: redis.url, SOJOURN_CONTROL: `sqlite:${control}` });
  keep("redis-sessions.json.gz", await redisDump(redis.url));
  keep("redis-control.db.gz", sqliteCopy(control));
  await redis.stop();
  const all = { ...facts, sqlite: onSqlite, postgres: onPostgres, redis: onRedis };
  writeFileSync(join(target, "facts.json"), `${JSON.stringify(all, null, 1)}\n`);
} finally {
  run("git", ["worktree", "remove", "--force", tree]);
  rmSync(work, { recursive: true, force: true });
}
