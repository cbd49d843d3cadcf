/**
 * Memcached's meta commands on one pipelined connection. Nothing here is ever thrown at a caller:
 * a server that is away, late or talks nonsense answers `undefined`, at once or within the
 * deadline, and its connection is made anew after a pause.
 */
import { connect } from "node:net";
import type { Socket } from "node:net";

/** A first line, without its data: return code and flags. */
export interface MetaReply {
  /** `HD`, `VA`, `EN`, `NF`, `NS`, `EX`. */
  readonly code: string;
  /** One letter each, with what follows it: `c` → `"17"`, `W` → `""`. */
  readonly flags: ReadonlyMap<string, string>;
  readonly value?: Buffer;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface MetaClientOptions {
  /** An answer that takes longer is none. */
  readonly timeoutMs: number;
}

interface Waiting {
  readonly deadlineAt: number;
  readonly tell: (reply: MetaReply | undefined) => void;
}

const PAUSE_MS = 500;
/** Commands under way; more than this and the server is too slow to be of use. */
const WAITING_MAX = 2_000;
const LINE_BYTES_MAX = 2_048;
const VALUE_BYTES_MAX = 1_048_576;
const CODES: ReadonlySet<string> = new Set(["HD", "VA", "EN", "NF", "NS", "EX"]);
const NOTHING: Buffer = Buffer.alloc(0);

export class MetaClient {
  readonly #address: Address;
  readonly #timeoutMs: number;
  #socket: Socket | undefined;
  #ready = false;
  #retryAt = -Infinity;
  #waiting: Waiting[] = [];
  #unread: Buffer = NOTHING;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  /** Connections that were lost or given up. */
  failures = 0;

  constructor(address: Address, { timeoutMs }: MetaClientOptions) {
    this.#address = address;
    this.#timeoutMs = timeoutMs;
  }

  /** @param data With `ms`: what follows the line. */
  send(line: string, data?: Buffer): Promise<MetaReply | undefined> {
    const socket = this.#connected();
    if (socket === undefined || this.#waiting.length >= WAITING_MAX) {
      return Promise.resolve(undefined);
    }
    return new Promise((tell) => {
      this.#waiting.push({ deadlineAt: performance.now() + this.#timeoutMs, tell });
      socket.write(data === undefined ? `${line}\r\n` : frame(line, data));
      this.#timer ??= setTimeout(() => this.#expire(), this.#timeoutMs).unref();
    });
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  /** Commands may be sent before it is there: they wait no longer than their deadline. */
  #connected(): Socket | undefined {
    if (this.#socket !== undefined) return this.#socket;
    if (this.#closed || performance.now() < this.#retryAt) return undefined;
    const socket = connect({ ...this.#address, noDelay: true });
    const mine = (run: () => void) => () => {
      if (this.#socket === socket) run();
    };
    socket.unref();
    socket.on(
      "connect",
      mine(() => void (this.#ready = true)),
    );
    socket.on("data", (chunk) => {
      if (this.#socket === socket) this.#read(chunk);
    });
    socket.on(
      "error",
      mine(() => this.#fail()),
    );
    socket.on(
      "close",
      mine(() => this.#fail()),
    );
    this.#socket = socket;
    return socket;
  }

  /** A connection on which one answer is missing has lost its place: nothing on it is believed. */
  #expire(): void {
    this.#timer = undefined;
    const [first] = this.#waiting;
    if (first === undefined) return;
    const leftMs = first.deadlineAt - performance.now();
    if (leftMs <= 0) this.#fail();
    else this.#timer = setTimeout(() => this.#expire(), leftMs).unref();
  }

  #fail(): void {
    this.failures += 1;
    this.#retryAt = performance.now() + PAUSE_MS;
    this.#drop();
  }

  #drop(): void {
    const socket = this.#socket;
    const waiting = this.#waiting;
    this.#socket = undefined;
    this.#ready = false;
    this.#waiting = [];
    this.#unread = NOTHING;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    socket?.destroy();
    for (const { tell } of waiting) tell(undefined);
  }

  get ready(): boolean {
    return this.#ready;
  }

  #read(chunk: Buffer): void {
    let rest = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    for (;;) {
      const taken = takeReply(rest);
      if (taken === "more") break;
      const waiting = taken === "nonsense" ? undefined : this.#waiting.shift();
      if (taken === "nonsense" || waiting === undefined) return this.#fail();
      rest = rest.subarray(taken.length);
      waiting.tell(taken.reply);
    }
    this.#unread = rest;
  }
}

function frame(line: string, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${line}\r\n`), data, Buffer.from("\r\n")]);
}

interface Taken {
  /** `undefined` for an error of this command alone: the line is whole. */
  readonly reply: MetaReply | undefined;
  readonly length: number;
}

/** The reply at the beginning of what has arrived. */
export function takeReply(bytes: Buffer): Taken | "more" | "nonsense" {
  const end = bytes.indexOf("\r\n");
  if (end < 0) return bytes.length > LINE_BYTES_MAX ? "nonsense" : "more";
  const [code = "", ...words] = bytes.toString("latin1", 0, end).split(" ");
  const length = end + 2;
  // For one command, such as a value that is too large; the connection goes on.
  if (code === "SERVER_ERROR") return { reply: undefined, length };
  if (!CODES.has(code)) return "nonsense";
  if (code !== "VA") return { reply: { code, flags: flagsOf(words) }, length };
  const size = Number(words.shift());
  if (!Number.isInteger(size) || size < 0 || size > VALUE_BYTES_MAX) return "nonsense";
  if (bytes.length < length + size + 2) return "more";
  if (bytes.toString("latin1", length + size, length + size + 2) !== "\r\n") return "nonsense";
  const value = bytes.subarray(length, length + size);
  return { reply: { code, flags: flagsOf(words), value }, length: length + size + 2 };
}

function flagsOf(words: readonly string[]): ReadonlyMap<string, string> {
  return new Map(words.map((word) => [word.slice(0, 1), word.slice(1)]));
}
