/**
 * One server of a test: started on 127.0.0.1 in a folder of its own, and gone with the process
 * that started it, however that one ends: a shell beside it waits for the pipe from its parent to
 * close.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { getuid } from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { findProgram } from "../system-packages.mjs";

/**
 * @typedef {object} Engine
 * @property {string} url
 * @property {number} port On 127.0.0.1.
 * @property {number} pid The server itself: tests may stop, continue or kill it. Another one after
 *   a restart.
 * @property {() => Promise<void>} restart Kills it if it still runs, and starts it again on its
 *   port, with what it wrote to its folder.
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
 * @property {"INT" | "TERM"} [signal] What ends it, with its clients. Default: INT.
 * @property {Account | undefined} [account] Run as somebody else.
 * @property {Buffer} [hello] What is said to it, and how it answers once it is ready. Default: a
 *   server that accepts a connection is ready.
 * @property {(answer: Buffer) => boolean} [welcome]
 */

export const HOST = "127.0.0.1";
const READY_WITHIN_MS = 30_000;
const POLL_MS = 20;
const RESTART_PAUSE_MS = 200;
/** Somebody else may take the port between our finding it free and the server's binding it. */
const ATTEMPTS_MAX = 5;
/**
 * Below the ports that systems give to outgoing connections: the port of a server that a test
 * killed is still free when it starts again.
 */
const PORTS = { first: 12_000, count: 20_000 };
/**
 * Test files that run side by side take every so many ports each: what one's server leaves for a
 * moment, to start again there, another's cannot take.
 */
const LANES = 16;
const lane = Number(process.env["VITEST_POOL_ID"] ?? 0) % LANES;
/**
 * PostgreSQL ends its clients at SIGINT and waits for them at SIGTERM; HAProxy knows SIGTERM alone.
 * A stopped process sees no signal before it continues, and one that waits for a lost peer is
 * killed. A server that ended by itself is started again at a line of the parent. What is told to a
 * parent that is gone ends a subshell, not the shell that still has a folder to erase.
 */
const SCRIPT = `
folder=$1; signal=$2; shift 2
exec 3<&0
while :; do
  "$@" >>"$folder/server.log" 2>&1 </dev/null 3<&- &
  server=$!
  (echo "$server")
  {
    read -r _ <&3
    kill "-$signal" "$server"; kill -CONT "$server"
    sleep 5 3<&-; kill -KILL "$server"
  } >/dev/null 2>&1 &
  watcher=$!
  wait "$server"
  kill "$watcher" 2>/dev/null
  (echo ended)
  read -r _ <&3 || break
done
tail -n 20 "$folder/server.log"
rm -rf "$folder"
`;

/** @param {string} name */
export function needed(name) {
  const program = findProgram(name);
  if (program !== undefined) return program;
  throw new Error(`${name} is missing: npm test installs it, or says how to get it`);
}

/**
 * Some servers refuse to run as root.
 *
 * @param {string} name
 * @returns {Account | undefined} undefined when we are not root.
 */
export function ordinaryAccount(name) {
  if (getuid?.() !== 0) return undefined;
  /** @param {string} which */
  const number = (which) => Number(execFileSync("id", [which, name], { encoding: "utf8" }));
  return { uid: number("-u"), gid: number("-g") };
}

/** Ports given out by this process, whether or not their servers listen yet. */
const given = new Set();

/** @returns {Promise<number>} a port nobody listens on, never the same twice. */
export async function anyPort() {
  for (;;) {
    const port = PORTS.first + lane + LANES * Math.floor((Math.random() * PORTS.count) / LANES);
    if (given.has(port)) continue;
    const probe = createServer();
    probe.listen(port, HOST);
    try {
      await once(probe, "listening");
    } catch {
      continue;
    }
    given.add(port);
    probe.close();
    await once(probe, "close");
    return port;
  }
}

/**
 * @template {Engine} Begun
 * @param {(port: number) => Promise<Begun>} begin
 * @returns {Promise<Begun>}
 */
export async function attempt(begin) {
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
export async function start(plan) {
  const { name, folder, port, url, signal = "INT" } = plan;
  // A process group of its own: Ctrl-C reaches the parent alone, and its end reaches this.
  const shell = spawn("/bin/sh", ["-c", SCRIPT, "sh", folder, signal, ...plan.command], {
    cwd: folder,
    stdio: ["pipe", "pipe", "ignore"],
    detached: true,
    ...plan.account,
  });
  const server = { pid: 0, ended: false, last: "" };
  createInterface({ input: shell.stdout }).on("line", (line) => {
    if (line === "ended") server.ended = true;
    else if (server.ended && !/^\d+$/.test(line)) server.last += `${line}\n`;
    else Object.assign(server, { pid: Number(line), ended: false });
  });
  shell.stdin.on("error", () => undefined);
  const closed = once(shell, "close");
  const stop = async () => {
    shell.ref();
    shell.stdin.end();
    await closed;
  };
  /** @param {boolean} again Whether to start one that ended. */
  const ready = async (again) => {
    const deadline = performance.now() + READY_WITHIN_MS;
    while ((again || !server.ended) && performance.now() < deadline) {
      if (!server.ended && (await answers(plan))) return;
      if (server.ended && again) {
        // Children of a killed PostgreSQL hold its memory until they notice.
        await sleep(RESTART_PAUSE_MS);
        server.ended = false;
        shell.stdin.write("again\n");
      }
      await sleep(POLL_MS);
    }
    await stop();
    throw new Error(`${name} did not start. It said last:\n${server.last}`);
  };
  const restart = async () => {
    if (!server.ended) process.kill(server.pid, "SIGKILL");
    while (!server.ended) await sleep(POLL_MS);
    await ready(true);
  };
  await ready(false);
  // A parent that forgets to stop it may end all the same.
  shell.unref();
  for (const pipe of [shell.stdin, shell.stdout]) {
    /** @type {import("node:net").Socket} */ (/** @type {unknown} */ (pipe)).unref();
  }
  return {
    url,
    port,
    restart,
    stop,
    get pid() {
      return server.pid;
    },
  };
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
    if (hello === undefined || welcome === undefined) {
      socket.on("connect", () => end(true));
      return;
    }
    socket.on("data", (answer) => end(welcome(answer)));
    socket.write(hello);
  });
}

/**
 * Wait until something is so.
 *
 * @param {string} what For the message, when it never is.
 * @param {() => Promise<boolean>} isSo What it throws counts as not yet.
 * @param {number} [withinMs]
 */
export async function until(what, isSo, withinMs = READY_WITHIN_MS) {
  const deadline = performance.now() + withinMs;
  /** @type {unknown} */
  let trouble;
  for (;;) {
    try {
      if (await isSo()) return;
    } catch (error) {
      trouble = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`not within ${withinMs} ms: ${what}`, { cause: trouble });
    }
    await sleep(POLL_MS);
  }
}
