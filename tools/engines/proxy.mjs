/**
 * A network that a test can spoil: a TCP proxy in this process. While a direction is cut, what is
 * sent waits, as packets do that are sent again until the network heals: connections stay open,
 * bytes are neither lost nor mixed up, and an end or reset of one side does not reach the other.
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { anyPort, HOST } from "./process.mjs";

/**
 * @typedef {import("node:net").Socket} Socket
 *
 * @typedef {object} Directions Neither named means both.
 * @property {boolean} [toServer]
 * @property {boolean} [toClient]
 *
 * @typedef {object} TcpProxy
 * @property {string} url The server's own, with the proxy's port. Empty when only a port was given.
 * @property {number} port On 127.0.0.1.
 * @property {(directions?: Directions) => void} cut From now on nothing goes that way. New
 *   connections are accepted, and get nowhere.
 * @property {(ms: number) => void} delay What is sent from now on takes so long, each way.
 * @property {() => void} reset Break every connection.
 * @property {() => void} refuse Accept no new connections; those there are go on.
 * @property {() => Promise<void>} heal Undo cut, delay and refuse.
 * @property {() => void} stop
 *
 * @typedef {object} Way One direction of one connection.
 * @property {() => void} pump Send what is due.
 *
 * @typedef {{ toServer: boolean, toClient: boolean, delayMs: number }} State
 */

/** More than this does not wait here but at the sender, as with a full TCP window. */
const HELD_BYTES_MAX = 4 * 1024 * 1024;

/**
 * @param {Socket} source
 * @param {Socket} target
 * @param {() => { cut: boolean, delayMs: number }} state
 * @returns {Way}
 */
function way(source, target, state) {
  /** @type {{ at: number, send: () => void, size: number }[]} */
  const held = [];
  let bytes = 0;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const pump = () => {
    clearTimeout(timer);
    while (!state().cut) {
      const [first] = held;
      if (first === undefined) break;
      const waitMs = first.at - performance.now();
      if (waitMs > 0) {
        timer = setTimeout(pump, Math.ceil(waitMs));
        return;
      }
      held.shift();
      bytes -= first.size;
      first.send();
    }
    if (bytes < HELD_BYTES_MAX && !target.writableNeedDrain) source.resume();
  };
  /**
   * @param {() => void} send
   * @param {number} [size]
   */
  const hold = (send, size = 0) => {
    bytes += size;
    held.push({ at: performance.now() + state().delayMs, send, size });
    if (bytes >= HELD_BYTES_MAX) source.pause();
    pump();
  };
  source.on("data", (chunk) => {
    hold(() => {
      if (!target.write(chunk)) source.pause();
    }, chunk.length);
  });
  target.on("drain", pump);
  source.on("end", () => hold(() => void target.end()));
  source.on("error", () => hold(() => breakOff(target)));
  source.on("close", () => hold(() => target.destroySoon()));
  return { pump };
}

/**
 * Reset it. Node never closes a handle that is reset while its end is on the way, and then spins
 * when the process is to leave.
 *
 * @param {Socket} socket
 */
function breakOff(socket) {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/**
 * Put a proxy before a server.
 *
 * @param {number | { readonly port: number, readonly url?: string }} target A port of 127.0.0.1, or
 *   the server.
 * @param {{ port?: number }} [options] Default: a free port.
 * @returns {Promise<TcpProxy>}
 */
export async function startTcpProxy(target, options = {}) {
  const to = typeof target === "number" ? { port: target } : target;
  const state = { toServer: false, toClient: false, delayMs: 0 };
  /** @type {Set<Socket>} */
  const sockets = new Set();
  /** @type {Set<() => void>} */
  const pumps = new Set();
  /** @param {Socket} client */
  const accept = (client) => {
    const server = connect({ port: to.port, host: HOST, allowHalfOpen: true });
    const ways = [
      way(client, server, () => ({ cut: state.toServer, delayMs: state.delayMs })),
      way(server, client, () => ({ cut: state.toClient, delayMs: state.delayMs })),
    ];
    for (const { pump } of ways) pumps.add(pump);
    for (const socket of [client, server]) {
      sockets.add(socket.setNoDelay().unref());
      socket.on("close", () => {
        sockets.delete(socket);
        if (client.destroyed && server.destroyed) for (const { pump } of ways) pumps.delete(pump);
      });
    }
  };
  /** @param {number} at */
  const listen = async (at) => {
    const server = createServer({ allowHalfOpen: true }, accept).listen(at, HOST).unref();
    await once(server, "listening");
    return server;
  };
  const port = options.port ?? (await anyPort());
  /** @type {import("node:net").Server | undefined} */
  let listener = await listen(port);
  const refuse = () => {
    const closing = listener;
    listener = undefined;
    // Its end would wait for the connections; that it no longer listens is so at once.
    closing?.close();
  };
  const reset = () => {
    for (const socket of sockets) breakOff(socket);
  };
  return {
    url: (to.url ?? "").replace(`:${to.port}`, `:${port}`),
    port,
    reset,
    refuse,
    cut: ({ toServer, toClient } = {}) => {
      const both = toServer === undefined && toClient === undefined;
      state.toServer ||= both || toServer === true;
      state.toClient ||= both || toClient === true;
    },
    delay: (ms) => void (state.delayMs = ms),
    heal: async () => {
      Object.assign(state, { toServer: false, toClient: false, delayMs: 0 });
      for (const pump of pumps) pump();
      listener ??= await listen(port);
    },
    stop: () => {
      refuse();
      reset();
    },
  };
}
