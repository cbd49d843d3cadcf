/** A Redis Cluster whose slots can move and whose primaries can change while it is in use. */
import { anyPort, HOST, until } from "./process.mjs";
import { follows, startRedis } from "./redis.mjs";
import { ask, connectResp } from "./resp.mjs";

/**
 * @typedef {import("./process.mjs").Engine} Engine
 *
 * @typedef {object} ClusterOptions
 * @property {number} [primaries] Default: 3, the fewest that can agree that one is down.
 * @property {number} [replicasPer] Replicas of each primary. Default: 1.
 * @property {readonly string[]} [args] More arguments of every node.
 * @property {number} [nodeTimeoutMs] Silence after which a node is held to be down. Default: 2000.
 *
 * @typedef {object} Owner
 * @property {Engine} node A primary.
 * @property {string} id
 * @property {readonly (readonly [number, number])[]} ranges Its slots, first and last.
 * @property {readonly Engine[]} replicas
 *
 * @typedef {object} Cluster
 * @property {readonly Engine[]} nodes Primaries first, as they were at the start.
 * @property {readonly string[]} urls
 * @property {() => Promise<readonly Owner[]>} owners What most of the nodes that answer agree on.
 * @property {(from: Engine, to: Engine, count: number) => Promise<readonly number[]>} moveSlots
 *   Move the first slots of one primary, with their keys, to another. Clients may go on; they are
 *   told ASK and MOVED. Returns the slots.
 * @property {(node: Engine) => Promise<Engine>} failover Have a replica take over from a primary in
 *   agreement with it; given a replica, that one. Returns the new primary.
 * @property {() => Promise<void>} stop
 */

const SLOTS = 16_384;
const KEYS_PER_MOVE = 100;
const MOVE_WITHIN_MS = 5_000;

/**
 * @typedef {object} Row One line of CLUSTER NODES.
 * @property {string} id
 * @property {number} port
 * @property {readonly string[]} flags
 * @property {string} primary Its id; `-` for a primary.
 * @property {readonly (readonly [number, number])[]} ranges
 */

/**
 * @param {string} line
 * @returns {Row}
 */
function row(line) {
  const [id = "", address = "", flags = "", primary = "", ...rest] = line.split(" ");
  const ranges = rest
    .slice(4)
    .filter((range) => /^[0-9]/.test(range))
    .map((range) => range.split("-").map(Number))
    .map(([first = 0, last = first]) => /** @type {const} */ ([first, last]));
  const port = Number(/:(\d+)@/.exec(address)?.[1]);
  return { id, port, flags: flags.split(","), primary, ranges };
}

/**
 * @param {Engine} node
 * @returns {Promise<Row[]>} the cluster as that node sees it.
 */
async function view(node) {
  const lines = String(await ask(node, "CLUSTER", "NODES")).trim();
  return lines.split("\n").map(row);
}

/** @param {Engine} node */
async function identity(node) {
  return String(await ask(node, "CLUSTER", "MYID"));
}

/**
 * @param {Engine} node
 * @param {number} size
 */
async function healthy(node, size) {
  const rows = await view(node);
  const info = String(await ask(node, "CLUSTER", "INFO"));
  const known = rows.filter((one) => !one.flags.some((flag) => /fail|handshake|noaddr/.test(flag)));
  return info.includes("cluster_state:ok") && known.length === size;
}

/**
 * Tell the nodes of each other, share out the slots, and give each primary its replicas.
 *
 * @param {readonly Engine[]} nodes
 * @param {readonly number[]} buses The port each node has for the others.
 * @param {number} primaries
 */
async function arrange(nodes, buses, primaries) {
  // Epochs of their own, or two primaries would have to settle which yields.
  await Promise.all(nodes.map((node, at) => ask(node, "CLUSTER", "SET-CONFIG-EPOCH", at + 1)));
  for (const node of nodes) {
    for (const [at, other] of nodes.entries()) {
      if (other !== node) await ask(node, "CLUSTER", "MEET", HOST, other.port, buses[at] ?? 0);
    }
  }
  const all = nodes.slice(0, primaries);
  /** @param {number} at */
  const begin = (at) => Math.floor((SLOTS * at) / primaries);
  await Promise.all(
    all.map((node, at) => ask(node, "CLUSTER", "ADDSLOTSRANGE", begin(at), begin(at + 1) - 1)),
  );
  await Promise.all(
    nodes.map((node) => until("the nodes meet", () => healthy(node, nodes.length))),
  );
  const ids = await Promise.all(all.map(identity));
  const replicas = nodes.slice(primaries);
  await Promise.all(
    replicas.map((node, at) => ask(node, "CLUSTER", "REPLICATE", ids[at % primaries] ?? "")),
  );
  const expected = nodes.length - primaries;
  /** @param {Engine} node */
  const settled = async (node) =>
    (await view(node)).filter((one) => one.flags.includes("slave")).length === expected &&
    (await healthy(node, nodes.length));
  await Promise.all(nodes.map((node) => until("the nodes agree", () => settled(node))));
  await Promise.all(replicas.map((node) => until("a replica has its data", () => follows(node))));
}

/**
 * @param {readonly Engine[]} nodes
 * @returns {Promise<readonly Owner[]>}
 */
async function owners(nodes) {
  const answers = await Promise.allSettled(nodes.map(view));
  const views = answers.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  /** @param {readonly Row[]} rows */
  const told = (rows) => {
    const serving = rows.filter((one) => one.ranges.length > 0 && !one.flags.includes("fail"));
    return serving.sort((a, b) => (a.ranges[0]?.[0] ?? 0) - (b.ranges[0]?.[0] ?? 0));
  };
  /** @param {readonly Row[]} rows */
  const sign = (rows) => JSON.stringify(told(rows).map(({ id, ranges }) => ({ id, ranges })));
  const signs = views.map(sign);
  /** @param {string} one */
  const votes = (one) => signs.filter((other) => other === one).length;
  const [chosen] = views
    .map((rows, at) => ({ rows, votes: votes(signs[at] ?? "") }))
    .sort((a, b) => b.votes - a.votes);
  if (chosen === undefined) throw new Error("no node of the cluster answers");
  /** @param {Row} one */
  const engines = (one) => nodes.filter((node) => node.port === one.port);
  return told(chosen.rows).flatMap((one) => {
    const replicas = chosen.rows.filter(({ primary }) => primary === one.id).flatMap(engines);
    return engines(one).map((node) => ({ node, id: one.id, ranges: one.ranges, replicas }));
  });
}

/**
 * @param {number} slot
 * @param {import("./resp.mjs").RespClient} source
 * @param {number} port The target's.
 */
async function moveKeys(slot, source, port) {
  for (;;) {
    const keys = await source.call("CLUSTER", "GETKEYSINSLOT", slot, KEYS_PER_MOVE);
    const names = /** @type {string[]} */ (keys);
    if (names.length === 0) return;
    // REPLACE: a client that was told ASK may have made the key there.
    const how = [HOST, port, "", 0, MOVE_WITHIN_MS, "REPLACE", "KEYS", ...names];
    await source.call("MIGRATE", ...how);
  }
}

/**
 * @param {readonly Engine[]} nodes
 * @param {Engine} from
 * @param {Engine} to
 * @param {number} count
 */
async function moveSlots(nodes, from, to, count) {
  const sharing = await owners(nodes);
  const giver = sharing.find(({ node }) => node === from);
  const target = await identity(to);
  if (giver === undefined) throw new Error(`port ${from.port} is no primary with slots`);
  const all = giver.ranges.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, at) => first + at),
  );
  const slots = all.slice(0, count);
  const clients = await Promise.all([to, from].map(({ port }) => connectResp(port)));
  const [taker, source] = clients;
  if (taker === undefined || source === undefined) throw new Error("unreachable");
  const others = sharing.filter(({ node }) => node !== from && node !== to);
  try {
    for (const slot of slots) {
      await taker.call("CLUSTER", "SETSLOT", slot, "IMPORTING", giver.id);
      await source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", target);
      await moveKeys(slot, source, to.port);
      // The taker first: were the giver first, both would send clients to each other.
      for (const client of clients) await client.call("CLUSTER", "SETSLOT", slot, "NODE", target);
    }
  } finally {
    for (const client of clients) client.close();
  }
  const want = slots.at(-1);
  if (want === undefined) return slots;
  /** @param {Engine} node */
  const told = async (node) =>
    (await view(node)).some(
      ({ id, ranges }) => id === target && ranges.some(([a, b]) => a <= want && want <= b),
    );
  await Promise.all(others.map(({ node }) => until("everybody knows", () => told(node))));
  return slots;
}

/**
 * @param {readonly Engine[]} nodes
 * @param {Engine} node
 */
async function failover(nodes, node) {
  const sharing = await owners(nodes);
  const replica = sharing.find((one) => one.node === node)?.replicas[0] ?? node;
  await ask(replica, "CLUSTER", "FAILOVER");
  await until("a replica takes over", async () =>
    (await owners(nodes)).some((one) => one.node === replica),
  );
  return replica;
}

/**
 * Start a cluster of 6 nodes (or more) that serve all slots. About 3 s. Nothing is written to disk
 * unless `args` say so, but a node that restarts finds its place in the cluster.
 *
 * @param {ClusterOptions} [options]
 * @returns {Promise<Cluster>}
 */
export async function startCluster(options = {}) {
  const { primaries = 3, replicasPer = 1, nodeTimeoutMs = 2_000, args = [] } = options;
  const buses = await Promise.all(
    Array.from({ length: primaries * (1 + replicasPer) }, () => anyPort()),
  );
  /** @param {number} bus */
  const settings = (bus) => {
    const cluster = ["--cluster-enabled", "yes", "--cluster-port", String(bus)];
    return [...cluster, "--cluster-node-timeout", String(nodeTimeoutMs), ...args];
  };
  const nodes = await Promise.all(buses.map((bus) => startRedis({ args: settings(bus) })));
  const stop = async () => void (await Promise.all(nodes.map((one) => one.stop())));
  try {
    await arrange(nodes, buses, primaries);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    nodes,
    urls: nodes.map(({ url }) => url),
    owners: () => owners(nodes),
    moveSlots: (from, to, count) => moveSlots(nodes, from, to, count),
    failover: (node) => failover(nodes, node),
    stop,
  };
}
