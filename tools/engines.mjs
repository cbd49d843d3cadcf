/**
 * Real Redis, PostgreSQL and PgBouncer servers for tests and benchmarks: on 127.0.0.1, on a free
 * port, in a folder of their own. They end with the process that started them, however that one
 * ends: a shell beside each waits for the pipe from its parent to close.
 *
 *   const redis = await startRedis();      redis.url, redis.port, redis.pid
 *   await redis.stop();
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { getuid } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { findProgram } from "./system-packages.mjs";

/**
 * @typedef {object} Engine
 * @property {string} url
 * @property {number} port On 127.0.0.1.
 * @property {number} pid The server itself: tests may stop, continue or kill it.
 * @property {() => Promise<void>} stop Ends it, whatever its clients do, and erases its folder.
 *
 * @typedef {object} EngineOptions
 * @property {readonly string[]} [args] More arguments of the server; they outrank the usual ones.
 *
 * @typedef {{ uid: number, gid: number }} Account
 *
 * @typedef {object} Plan
 * @property {string} name
 * @property {string} folder
 * @property {number} port
 * @property {string} url
 * @property {readonly string[]} command
 * @property {Account | undefined} [account] Run as somebody else.
 * @property {Buffer} hello What is said to it, and how it answers once it is ready.
 * @property {(answer: Buffer) => boolean} welcome
 */

const HOST = "127.0.0.1";
const READY_WITHIN_MS = 30_000;
const POLL_MS = 20;
/** Somebody else may take the port between our finding it free and the server's binding it. */
const ATTEMPTS_MAX = 3;
/** PostgreSQL ends its clients at SIGINT and waits for them at SIGTERM; Redis takes both alike. */
const SCRIPT = `
folder=$1; shift
exec 3<&0
"$@" >"$folder/server.log" 2>&1 </dev/null 3<&- &
server=$!
echo "$server"
{ read -r _ <&3; kill -INT "$server"; } 2>/dev/null &
watcher=$!
wait "$server"
kill "$watcher" 2>/dev/null
tail -n 20 "$folder/server.log"
rm -rf "$folder"
`;

/** Start Debian's Redis. Nothing is written to disk. @param {EngineOptions} [options] */
export function startRedis(options = {}) {
  const program = needed("redis-server");
  return attempt(async (port) => {
    const folder = mkdtempSync(join(tmpdir(), "sojourn-redis-"));
    const fixed = ["--bind", HOST, "--port", String(port), "--dir", folder, "--save", ""];
    return start({
      name: "redis-server",
      folder,
      port,
      url: `redis://${HOST}:${port}`,
      command: [program, ...fixed, "--daemonize", "no", ...(options.args ?? [])],
      hello: Buffer.from("PING\r\n"),
      welcome: (answer) => /^(\+PONG|-NOAUTH)/.test(answer.toString()),
    });
  });
}

/**
 * Start PostgreSQL with an empty cluster: user and database `postgres`, no password. About 2 s.
 * Nothing is synced to disk.
 *
 * @param {EngineOptions} [options]
 */
export function startPostgres(options = {}) {
  // Debian keeps the programs of one version in one folder, and may link some from the PATH.
  const program = realpathSync(needed("postgres"));
  const account = ordinaryAccount();
  return attempt(async (port) => {
    const folder = mkdtempSync(join(tmpdir(), "sojourn-postgres-"));
    if (account !== undefined) chownSync(folder, account.uid, account.gid);
    chmodSync(folder, 0o700);
    const data = join(folder, "data");
    const made = ["-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C"];
    try {
      const initdb = join(dirname(program), "initdb");
      execFileSync(initdb, [...made, "--no-sync"], { cwd: folder, stdio: "pipe", ...account });
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
    const settings = ["fsync=off", "full_page_writes=off", `listen_addresses=${HOST}`];
    const fixed = [...settings.flatMap((one) => ["-c", one]), "-k", folder, "-p", String(port)];
    return start({
      name: "postgres",
      folder,
      port,
      url: `postgres://postgres@${HOST}:${port}/postgres`,
      command: [program, "-D", data, ...fixed, ...(options.args ?? [])],
      account,
      hello: startupMessage(),
      // An error until it accepts sessions, then how it wants to know who asks.
      welcome: (answer) => answer[0] === "R".charCodeAt(0),
    });
  });
}

/**
 * Start PgBouncer in transaction mode before a PostgreSQL server: each transaction may run on
 * another connection of few.
 *
 * @param {Pick<Engine, "port">} postgres
 * @param {number} [port] Default: a free one.
 */
export function startPgBouncer(postgres, port) {
  const program = needed("pgbouncer");
  const account = ordinaryAccount();
  return attempt(async (free) => {
    const listening = port ?? free;
    const folder = mkdtempSync(join(tmpdir(), "sojourn-pgbouncer-"));
    if (account !== undefined) chownSync(folder, account.uid, account.gid);
    const file = join(folder, "pgbouncer.ini");
    const settings = [
      "[databases]",
      `* = host=${HOST} port=${postgres.port} user=postgres`,
      "[pgbouncer]",
      `listen_addr = ${HOST}`,
      `listen_port = ${listening}`,
      "unix_socket_dir =",
      "auth_type = any",
      "pool_mode = transaction",
      "default_pool_size = 5",
      "max_client_conn = 500",
    ];
    writeFileSync(file, settings.join("\n"));
    return start({
      name: "pgbouncer",
      folder,
      port: listening,
      url: `postgres://postgres@${HOST}:${listening}/postgres`,
      command: [program, file],
      account,
      hello: startupMessage(),
      welcome: (answer) => answer[0] === "R".charCodeAt(0),
    });
  });
}

/** @param {string} name */
function needed(name) {
  const program = findProgram(name);
  if (program !== undefined) return program;
  throw new Error(`${name} is missing: npm test installs it, or says how to get it`);
}

/** PostgreSQL refuses to run as root. @returns {Account | undefined} */
function ordinaryAccount() {
  if (getuid?.() !== 0) return undefined;
  /** @param {string} which */
  const number = (which) => Number(execFileSync("id", [which, "postgres"], { encoding: "utf8" }));
  return { uid: number("-u"), gid: number("-g") };
}

/** The first message of the protocol, version 3.0. */
function startupMessage() {
  const words = Buffer.from("user\0postgres\0database\0postgres\0\0");
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + words.length, 0);
  head.writeInt32BE(3 << 16, 4);
  return Buffer.concat([head, words]);
}

/** @returns {Promise<number>} */
async function anyPort() {
  const probe = createServer();
  probe.listen(0, HOST);
  await once(probe, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (probe.address());
  probe.close();
  await once(probe, "close");
  return port;
}

/**
 * @param {(port: number) => Promise<Engine>} begin
 * @returns {Promise<Engine>}
 */
async function attempt(begin) {
  for (let count = 1; ; count += 1) {
    try {
      return await begin(await anyPort());
    } catch (error) {
      if (count === ATTEMPTS_MAX || !/in use/i.test(String(error))) throw error;
    }
  }
}

/**
 * @param {Plan} plan
 * @returns {Promise<Engine>}
 */
async function start(plan) {
  const { name, folder, port, url } = plan;
  // A process group of its own: Ctrl-C reaches the parent alone, and its end reaches this.
  const shell = spawn("/bin/sh", ["-c", SCRIPT, "sh", folder, ...plan.command], {
    cwd: folder,
    stdio: ["pipe", "pipe", "ignore"],
    detached: true,
    ...plan.account,
  });
  let said = "";
  shell.stdout.on("data", (chunk) => void (said += String(chunk)));
  shell.stdin.on("error", () => undefined);
  let running = true;
  const ended = once(shell, "close").finally(() => void (running = false));
  const stop = async () => {
    shell.ref();
    shell.stdin.end();
    await ended;
  };
  const deadline = performance.now() + READY_WITHIN_MS;
  while (!(await answers(plan))) {
    if (running && performance.now() < deadline) {
      await sleep(POLL_MS);
      continue;
    }
    await stop();
    throw new Error(`${name} did not start. It said last:\n${said.replace(/^\d+\n/, "")}`);
  }
  // A parent that forgets to stop it may end all the same.
  shell.unref();
  for (const pipe of [shell.stdin, shell.stdout]) {
    /** @type {import("node:net").Socket} */ (/** @type {unknown} */ (pipe)).unref();
  }
  return { url, port, pid: Number.parseInt(said, 10), stop };
}

/**
 * @param {Plan} plan
 * @returns {Promise<boolean>} true when the server answered as one that is ready.
 */
function answers({ port, hello, welcome }) {
  return new Promise((resolve) => {
    const socket = connect(port, HOST);
    /** @param {boolean} ready */
    const end = (ready) => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(1_000, () => end(false));
    socket.on("error", () => end(false));
    socket.on("close", () => end(false));
    socket.on("data", (answer) => end(welcome(answer)));
    socket.write(hello);
  });
}
