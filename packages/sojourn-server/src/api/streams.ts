/** Live streams (server-sent events): how many, their heartbeat, their end. */
import { Readable } from "node:stream";
import { problemOf } from "sojourn";
import { Refusal } from "./problems.ts";

const HEARTBEAT_MS = 15_000;
const RETRY_MS = 2_000;
/** A reader that is this far behind is not reading. */
const UNREAD_BYTES_MAX = 65_536;
const PER_SESSION_MAX = 16;

/** One open stream. */
export class EventStream {
  readonly readable: Readable;
  readonly #timer: NodeJS.Timeout;
  #count = 0;
  #ended = false;

  constructor() {
    this.readable = new Readable({ read: () => undefined, highWaterMark: UNREAD_BYTES_MAX });
    this.#timer = setInterval(() => this.#write(": beat\n\n"), HEARTBEAT_MS).unref();
    this.#write(`retry: ${RETRY_MS}\n\n`);
  }

  /** @param last Nothing follows: the id tells a client that comes back (see the route). */
  say(event: string, data: object, last = false): void {
    this.#count += 1;
    const id = `${Date.now().toString(36)}-${this.#count}${last ? "-ended" : ""}`;
    this.#write(`event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** With an id of the caller's own, or with none. */
  tell(event: string, data: object, id?: string): void {
    const line = id === undefined ? "" : `id: ${id}\n`;
    this.#write(`event: ${event}\n${line}data: ${JSON.stringify(data)}\n\n`);
  }

  /** Nothing is told; a client that comes back says this id. */
  mark(id: string): void {
    this.#write(`id: ${id}\n\n`);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#timer);
    this.readable.push(null);
  }

  #write(text: string): void {
    if (this.#ended) return;
    this.readable.push(text);
    if (this.readable.readableLength > UNREAD_BYTES_MAX) {
      this.end();
      this.readable.destroy();
    }
  }
}

/** All streams of a process. */
export class StreamRoom {
  readonly #max: number;
  readonly #open = new Map<EventStream, string>();
  readonly #perSession = new Map<string, number>();
  readonly #waiting = new Set<() => void>();
  #closed = false;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#open.size;
  }

  /** @throws {Refusal} when there are as many as allowed, in all or of this session. */
  enter(session: string): EventStream {
    const own = this.#perSession.get(session) ?? 0;
    if (own >= PER_SESSION_MAX) {
      const detail = `A session may have ${PER_SESSION_MAX} live streams; close one.`;
      throw new Refusal(problemOf("rate_limited", { detail, retryAfterSeconds: 5 }));
    }
    if (this.#open.size >= this.#max) {
      const detail = "As many live streams are open as this service allows.";
      throw new Refusal(problemOf("unavailable", { detail, retryAfterSeconds: 5 }));
    }
    const stream = new EventStream();
    this.#open.set(stream, session);
    this.#perSession.set(session, own + 1);
    stream.readable.once("close", () => this.#leave(stream));
    return stream;
  }

  /** For a request that waits for news: it ends with all streams, soon when they have ended. */
  whenClosed(answer: () => void): { close(): void } {
    if (this.#closed) queueMicrotask(answer);
    else this.#waiting.add(answer);
    return { close: () => void this.#waiting.delete(answer) };
  }

  closeAll(): void {
    this.#closed = true;
    for (const stream of this.#open.keys()) stream.end();
    for (const answer of this.#waiting) answer();
  }

  #leave(stream: EventStream): void {
    const session = this.#open.get(stream);
    stream.end();
    if (session === undefined) return;
    this.#open.delete(stream);
    const rest = (this.#perSession.get(session) ?? 1) - 1;
    if (rest > 0) this.#perSession.set(session, rest);
    else this.#perSession.delete(session);
  }
}
