/** The little of the Redis protocol (RESP2) that arranging servers needs. */
import { once } from "node:events";
import { connect } from "node:net";
import { HOST } from "./process.mjs";

const ANSWER_WITHIN_MS = 10_000;

/** @typedef {string | number | null | Error | Reply[]} Reply Blobs are read as UTF-8. */

/**
 * @typedef {object} RespClient
 * @property {(...words: (string | number)[]) => Promise<Reply>} call Rejects with the server's
 *   error, at a lost connection, and after 10 s.
 * @property {() => void} close
 */

/**
 * @param {Buffer} data
 * @param {number} at
 * @returns {{ reply: Reply, next: number } | undefined} undefined when more bytes are to come.
 */
function parse(data, at) {
  const end = data.indexOf("\r\n", at);
  if (end === -1) return undefined;
  const text = data.toString("utf8", at + 1, end);
  const next = end + 2;
  const kind = String.fromCharCode(data[at] ?? 0);
  if (kind === "+") return { reply: text, next };
  if (kind === "-") return { reply: new Error(text), next };
  if (kind === ":") return { reply: Number(text), next };
  const size = Number(text);
  if (size === -1) return { reply: null, next };
  if (kind === "$") {
    if (data.length < next + size + 2) return undefined;
    return { reply: data.toString("utf8", next, next + size), next: next + size + 2 };
  }
  if (kind !== "*") throw new Error(`not RESP2: ${kind}${text}`);
  return parseList(data, next, size);
}

/**
 * @param {Buffer} data
 * @param {number} at
 * @param {number} size
 * @returns {{ reply: Reply, next: number } | undefined}
 */
function parseList(data, at, size) {
  const reply = [];
  let next = at;
  while (reply.length < size) {
    const one = parse(data, next);
    if (one === undefined) return undefined;
    reply.push(one.reply);
    next = one.next;
  }
  return { reply, next };
}

/** @param {readonly (string | number)[]} words */
function encode(words) {
  const parts = words.map(String).map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${parts.length}\r\n${parts.join("")}`;
}

/**
 * @param {number} port
 * @returns {Promise<RespClient>}
 */
export async function connectResp(port) {
  const socket = connect(port, HOST);
  await once(socket, "connect");
  /** @type {{ resolve: (reply: Reply) => void, reject: (error: Error) => void }[]} */
  const waiting = [];
  let data = Buffer.alloc(0);
  /** @param {Error} error */
  const fail = (error) => {
    socket.destroy();
    for (const one of waiting.splice(0)) one.reject(error);
  };
  socket.on("data", (chunk) => {
    data = Buffer.concat([data, chunk]);
    for (let one = parse(data, 0); one !== undefined; one = parse(data, 0)) {
      data = data.subarray(one.next);
      const asked = waiting.shift();
      if (one.reply instanceof Error) asked?.reject(one.reply);
      else asked?.resolve(one.reply);
    }
  });
  socket.on("error", fail);
  socket.on("close", () => fail(new Error(`${HOST}:${port} closed the connection`)));
  socket.setTimeout(ANSWER_WITHIN_MS, () => {
    if (waiting.length > 0) fail(new Error(`${HOST}:${port} gave no answer`));
  });
  return {
    call: (...words) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) {
          reject(new Error(`not connected to ${HOST}:${port}`));
          return;
        }
        waiting.push({ resolve, reject });
        socket.write(encode(words));
      }),
    close: () => void socket.destroy(),
  };
}

/**
 * One command on a connection of its own.
 *
 * @param {{ readonly port: number }} server
 * @param {...(string | number)} words
 * @returns {Promise<Reply>}
 */
export async function ask(server, ...words) {
  const client = await connectResp(server.port);
  try {
    return await client.call(...words);
  } finally {
    client.close();
  }
}
