/** A primary, its replicas, and the Sentinels that choose another when it dies. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attempt, HOST, needed, start, until } from "./process.mjs";
import { startTcpProxy } from "./proxy.mjs";
import { follows, startRedis } from "./redis.mjs";
import { ask } from "./resp.mjs";

/**
 * @typedef {import("./process.mjs").Engine} Engine
 *
 * @typedef {object} SentinelOptions
 * @property {number} [replicas] Default: 2.
 * @property {number} [sentinels] Default: 3.
 * @property {readonly string[]} [args] More arguments of every primary and replica.
 * @property {boolean} [proxied] Put a proxy before every node. The Sentinels, the other nodes and
 *   the clients that ask a Sentinel reach it by that alone: cut it, and a primary is on its own,
 *   with the clients that know its real port. Default: false.
 * @property {import("./redis.mjs").RedisProgram} [program] Default: redis-server.
 * @property {number} [quorum] Sentinels that must agree that the primary is down. Default: 2.
 * @property {number} [downAfterMs] Silence after which a Sentinel holds a server to be down.
 *   Default: 1000.
 *
 * @typedef {Engine & { proxy?: import("./proxy.mjs").TcpProxy }} SentinelNode
 *
 * @typedef {object} SentinelGroup
 * @property {string} name What the Sentinels call the primary.
 * @property {readonly Engine[]} sentinels
 * @property {readonly SentinelNode[]} nodes The first was the primary at the start.
 * @property {() => Promise<SentinelNode>} primary Which node most of the Sentinels that answer
 * name.
 * @property {() => Promise<void>} stop
 */

const NAME = "sojourn";
/** Sentinels tell of themselves every 2 s; for the start that is long. */
const HELLO_MS = { usual: 2_000, start: 100 };

/** @param {SentinelNode} node @returns {number} where all others find it. */
function announced(node) {
  return node.proxy?.port ?? node.port;
}

/**
 * @param {import("./redis.mjs").RedisOptions} options
 * @returns {Promise<SentinelNode>}
 */
async function startProxied(options) {
  const target = { port: 0 };
  const proxy = await startTcpProxy(target);
  const announce = ["--replica-announce-ip", HOST, "--replica-announce-port", String(proxy.port)];
  const engine = await startRedis({ ...options, args: [...(options.args ?? []), ...announce] });
  target.port = engine.port;
  const ended = engine.stop;
  const stop = async () => {
    proxy.stop();
    await ended();
  };
  return Object.assign(engine, { proxy, stop });
}

/**
 * @param {SentinelNode} primary
 * @param {Required<Pick<SentinelOptions, "program" | "quorum" | "downAfterMs">>} options
 */
function startOneSentinel(primary, { program, quorum, downAfterMs }) {
  const path = needed(program);
  return attempt((port) => {
    const folder = mkdtempSync(join(tmpdir(), "sojourn-sentinel-"));
    const file = join(folder, "sentinel.conf");
    const settings = [
      `bind ${HOST}`,
      `port ${port}`,
      `dir ${folder}`,
      `sentinel monitor ${NAME} ${HOST} ${announced(primary)} ${quorum}`,
      `sentinel down-after-milliseconds ${NAME} ${downAfterMs}`,
      // How long one attempt may take; the next begins after twice as long.
      `sentinel failover-timeout ${NAME} ${Math.max(3_000, 3 * downAfterMs)}`,
    ];
    writeFileSync(file, `${settings.join("\n")}\n`);
    return start({
      name: "redis-sentinel",
      folder,
      port,
      url: `redis://${HOST}:${port}`,
      command: [path, file, "--sentinel"],
      hello: Buffer.from("PING\r\n"),
      welcome: (answer) => answer.toString().startsWith("+PONG"),
    });
  });
}

/**
 * @param {Engine} sentinel
 * @param {number} replicas
 * @param {number} others
 */
async function knows(sentinel, replicas, others) {
  const facts = /** @type {string[]} */ (await ask(sentinel, "SENTINEL", "MASTER", NAME));
  /** @param {string} key */
  const fact = (key) => facts[facts.indexOf(key) + 1];
  return (
    fact("flags") === "master" &&
    Number(fact("num-slaves")) === replicas &&
    Number(fact("num-other-sentinels")) === others
  );
}

/**
 * @param {readonly Engine[]} sentinels
 * @returns {Promise<number[]>} what each Sentinel that answers holds to be the primary's port.
 */
async function named(sentinels) {
  const answers = await Promise.allSettled(
    sentinels.map((one) => ask(one, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)),
  );
  return answers.flatMap((one) =>
    one.status === "fulfilled" && Array.isArray(one.value) ? [Number(one.value[1])] : [],
  );
}

/**
 * Start a primary, replicas and Sentinels that know each other. About 2 s. Nothing is written to
 * disk unless `args` say so: a killed node that restarts is empty until it follows another.
 *
 * @param {SentinelOptions} [options]
 * @returns {Promise<SentinelGroup>}
 */
export async function startSentinel(options = {}) {
  const { replicas = 2, sentinels: watchers = 3, quorum = 2, downAfterMs = 1_000 } = options;
  const { args = [], program = "redis-server" } = options;
  const startNode = options.proxied === true ? startProxied : startRedis;
  /** @type {SentinelNode[]} */
  const nodes = [];
  /** @type {Engine[]} */
  const sentinels = [];
  const stop = async () => {
    // Sentinels first: nobody is to be promoted while the nodes end.
    await Promise.all(sentinels.map((one) => one.stop()));
    await Promise.all(nodes.map((one) => one.stop()));
  };
  try {
    /** @type {SentinelNode} */
    const first = await startNode({ args, program });
    nodes.push(first);
    const following = [...args, "--replicaof", HOST, String(announced(first))];
    const started = Array.from({ length: replicas }, () => startNode({ args: following, program }));
    nodes.push(...(await Promise.all(started)));
    await Promise.all(nodes.slice(1).map((one) => until("a replica", () => follows(one))));
    const watching = Array.from({ length: watchers }, () =>
      startOneSentinel(first, { program, quorum, downAfterMs }),
    );
    sentinels.push(...(await Promise.all(watching)));
    /** @param {number} everyMs */
    const hello = (everyMs) =>
      Promise.all(sentinels.map((one) => ask(one, "SENTINEL", "DEBUG", "PUBLISH-PERIOD", everyMs)));
    await hello(HELLO_MS.start);
    await Promise.all(
      sentinels.map((one) => until("Sentinels", () => knows(one, replicas, watchers - 1))),
    );
    await hello(HELLO_MS.usual);
  } catch (error) {
    await stop();
    throw error;
  }
  const primary = async () => {
    const ports = await named(sentinels);
    /** @param {SentinelNode} node */
    const votes = (node) => ports.filter((port) => port === announced(node)).length;
    const [chosen] = nodes.filter((node) => votes(node) > 0).sort((a, b) => votes(b) - votes(a));
    if (chosen === undefined) throw new Error("no Sentinel names a primary");
    return chosen;
  };
  return { name: NAME, sentinels, nodes, primary, stop };
}
