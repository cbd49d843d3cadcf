import { execFile } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { attempt, HOST, needed, ordinaryAccount, start } from "./process.mjs";

/**
 * @typedef {import("./process.mjs").Engine} Engine
 * @typedef {import("./process.mjs").EngineOptions} EngineOptions
 */

const runProgram = promisify(execFile);

/**
 * Start PostgreSQL with an empty cluster: user and database `postgres`, no password. About 2 s.
 * Nothing is synced to disk unless `args` say `-c fsync=on`.
 *
 * @param {EngineOptions} [options]
 */
export function startPostgres(options = {}) {
  return serve(options, async (data, run) => {
    const made = ["-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C"];
    await run("initdb", [...made, "--no-sync"]);
  });
}

/**
 * Start a hot standby: a readable copy of a primary that follows it by streaming. About 2 s. Its
 * name for `synchronous_standby_names` is `walreceiver`.
 *
 * @param {Pick<Engine, "port">} primary The server, or a proxy before it.
 * @param {EngineOptions} [options]
 * @returns {Promise<Engine & { promote: () => Promise<void> }>} `promote` makes it a primary, and
 *   waits until it accepts writes.
 */
export async function startPostgresStandby(primary, options = {}) {
  /** @type {() => Promise<void>} */
  let promote = () => Promise.resolve();
  const engine = await serve(options, async (data, run) => {
    const from = ["-h", HOST, "-p", String(primary.port), "-U", "postgres"];
    const how = ["--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--no-sync"];
    await run("pg_basebackup", [...from, "-D", data, ...how]);
    promote = () => run("pg_ctl", ["promote", "-D", data, "--wait"]);
  });
  // Not a copy of it: a restart changes what it says of itself.
  return Object.assign(engine, { promote: () => promote() });
}

/**
 * @param {EngineOptions} options
 * @param {(data: string, run: (name: string, args: string[]) => Promise<void>) => Promise<void>}
 *   fill Make the data folder, with PostgreSQL's own programs.
 */
function serve(options, fill) {
  // Debian keeps the programs of one version in one folder, and may link some from the PATH.
  const program = realpathSync(needed("postgres"));
  const account = ordinaryAccount("postgres");
  return attempt(async (port) => {
    const folder = mkdtempSync(join(tmpdir(), "sojourn-postgres-"));
    if (account !== undefined) chownSync(folder, account.uid, account.gid);
    chmodSync(folder, 0o700);
    const data = join(folder, "data");
    try {
      await fill(data, async (name, args) => {
        await runProgram(join(dirname(program), name), args, { cwd: folder, ...account });
      });
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
  const account = ordinaryAccount("postgres");
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

/** The first message of the protocol, version 3.0. */
function startupMessage() {
  const words = Buffer.from("user\0postgres\0database\0postgres\0\0");
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + words.length, 0);
  head.writeInt32BE(3 << 16, 4);
  return Buffer.concat([head, words]);
}
