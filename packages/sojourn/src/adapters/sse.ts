/** Server-sent events that end with the session, under any framework on Node or Fetch. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { ArgumentError } from "../engine/errors.ts";
import type { ConfigProblem } from "../engine/errors.ts";
import type { LiveEnd, LiveSession } from "../sessions/live-session.ts";
import type { Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { responseOf } from "./fetch-parts.ts";
import { closeWord, LIVE_CLOSE_CODES, LiveGuard } from "./live-guard.ts";
import type { Admission, LiveOptions } from "./live-guard.ts";

export { LIVE_CLOSE_CODES };
export type { LiveEnd, LiveOptions, LiveSession };

export interface SseOptions extends LiveOptions {
  /** Milliseconds between comments that keep proxies from closing the stream. Default 15 000. */
  readonly heartbeatMs?: number;
  /** When a browser comes back after the stream broke, in milliseconds. Default 2 000. */
  readonly retryMs?: number;
  /** A reader that is further behind, in bytes, is dropped. Default 65 536. */
  readonly maxBufferedBytes?: number;
}

const NUMBERS = {
  heartbeatMs: { usual: 15_000, min: 1_000, max: 3_600_000 },
  retryMs: { usual: 2_000, min: 100, max: 3_600_000 },
  maxBufferedBytes: { usual: 65_536, min: 1_024, max: 16_777_216 },
} as const;
type Numbers = Readonly<Record<keyof typeof NUMBERS, number>>;

const HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  // nginx would gather events before it passes them on.
  "x-accel-buffering": "no",
};
const OWN_EVENTS = "session-";
const ID_LENGTH_MAX = 256;

/** Where a stream's text goes. */
interface Outlet {
  write(text: string): void;
  /** Bytes that were written and not yet taken. */
  readonly behind: number;
  end(): void;
  /** Cut it off: whoever reads so slowly gets no goodbye either. */
  drop(): void;
}

/** One open stream. */
export class EventStream<Data extends object = Record<string, unknown>> {
  readonly session: LiveSession<Data>;
  /** What the client saw last, where it came back: `Last-Event-ID`. */
  readonly lastEventId: string | undefined;
  readonly #outlet: Outlet;
  readonly #limits: Numbers;
  readonly #done: Promise<void>;
  #closed = false;
  #settle: () => void = () => undefined;
  #cancel: (() => void) | undefined;

  /** Made by {@link SessionEvents}. */
  constructor(
    outlet: Outlet,
    session: LiveSession<Data>,
    how: { readonly limits: Numbers; readonly lastEventId: string | null | undefined },
  ) {
    this.#outlet = outlet;
    this.session = session;
    this.#limits = how.limits;
    this.lastEventId = isId(how.lastEventId) ? how.lastEventId : undefined;
    this.#done = new Promise((resolve) => void (this.#settle = resolve));
    this.#write(`retry: ${how.limits.retryMs}\n\n`);
    this.#beat();
    session.begin((end) => this.#finish(end));
  }

  /** Settles when nothing more can be sent, whoever closed it. Never rejects. */
  get done(): Promise<void> {
    return this.#done;
  }

  /**
   * Send one event; `data` as JSON.
   *
   * @param event One line; `session-…` is ours.
   * @returns false once the stream is closed: then nothing was sent.
   * @throws {ArgumentError} for a name or an id that is no single line.
   */
  send(event: string, data: unknown, id?: string): boolean {
    if (!isId(event) || event === "" || event.startsWith(OWN_EVENTS)) {
      throw new ArgumentError("send.event", `one line, not starting with ${OWN_EVENTS}`);
    }
    if (id !== undefined && !isId(id)) {
      throw new ArgumentError("send.id", `one line of at most ${ID_LENGTH_MAX} characters`);
    }
    return this.#event(event, data, id);
  }

  /** End the stream; the client comes back if it wants. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.gone();
    this.#outlet.end();
  }

  /** @internal The client has gone. */
  gone(): void {
    this.#closed = true;
    this.#cancel?.();
    this.session.release();
    this.#settle();
  }

  #finish(end: LiveEnd): void {
    if (this.#closed) return;
    const code = LIVE_CLOSE_CODES[end.kind];
    if (end.kind !== "closing") {
      this.#event(OWN_EVENTS + end.kind, { code, reason: closeWord(end) });
    }
    this.close();
  }

  #event(event: string, data: unknown, id?: string): boolean {
    const idLine = id === undefined ? "" : `id: ${id}\n`;
    return this.#write(`event: ${event}\n${idLine}data: ${JSON.stringify(data ?? null)}\n\n`);
  }

  #write(text: string): boolean {
    if (this.#closed) return false;
    this.#outlet.write(text);
    if (this.#outlet.behind <= this.#limits.maxBufferedBytes) return true;
    this.gone();
    this.#outlet.drop();
    return false;
  }

  #beat(): void {
    this.#cancel = this.session.after(this.#limits.heartbeatMs, () => {
      if (this.#write(":\n\n")) this.#beat();
    });
  }
}

export class SessionEvents<Data extends object = Record<string, unknown>> {
  readonly #guard: LiveGuard<Data>;
  readonly #limits: Numbers;

  /** Use {@link sessionEvents}. */
  constructor(of: Sessions<Data>, options: SseOptions) {
    const problems: ConfigProblem[] = [];
    const number = (path: keyof Numbers): number => {
      const { usual, min, max } = NUMBERS[path];
      const value = options[path] ?? usual;
      if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
      problems.push({ path, message: `a whole number from ${min} to ${max}` });
      return usual;
    };
    this.#limits = {
      heartbeatMs: number("heartbeatMs"),
      retryMs: number("retryMs"),
      maxBufferedBytes: number("maxBufferedBytes"),
    };
    this.#guard = new LiveGuard(of, options, { names: Object.keys(NUMBERS), problems });
  }

  /**
   * Begin a stream on a Node response, for the session that the middleware found.
   *
   * @returns `undefined` when it was refused, or is HEAD: the answer has been sent.
   */
  open(
    req: IncomingMessage,
    res: ServerResponse,
    session: Session<Data>,
  ): EventStream<Data> | undefined {
    const admission = this.#guard.admit(session);
    if (admission.refusal !== undefined) {
      const { status, headers, body } = admission.refusal;
      res.writeHead(status, headers).end(body);
      return undefined;
    }
    res.writeHead(200, HEADERS);
    // Routers bring HEAD to where GET is answered. It has no body, and so no end of its own.
    if (req.method === "HEAD") return void res.end();
    const lastEventId = req.headers["last-event-id"];
    const stream = new EventStream(nodeOutlet(res), admission.live, {
      limits: this.#limits,
      lastEventId: typeof lastEventId === "string" ? lastEventId : undefined,
    });
    // A client that left meanwhile has had its close already.
    if (res.destroyed) stream.gone();
    else res.once("close", () => stream.gone());
    return stream;
  }

  /** Begin a stream as a `Response`; without `stream` when it was refused, or is HEAD. */
  respond(
    request: Request,
    session: Session<Data>,
  ): { readonly response: Response; readonly stream?: EventStream<Data> } {
    const admission: Admission<Data> = this.#guard.admit(session);
    if (admission.refusal !== undefined) return { response: responseOf(admission.refusal) };
    if (request.method === "HEAD") return { response: new Response(null, { headers: HEADERS }) };
    const { body, outlet, onCancel } = fetchOutlet(this.#limits.maxBufferedBytes);
    const stream = new EventStream(outlet, admission.live, {
      limits: this.#limits,
      lastEventId: request.headers.get("last-event-id"),
    });
    onCancel(() => stream.gone());
    return { response: new Response(body, { headers: HEADERS }), stream };
  }
}

/** @throws {ConfigError} listing every problem of the options. */
export function sessionEvents<Data extends object>(
  of: Sessions<Data>,
  options: SseOptions = {},
): SessionEvents<Data> {
  return new SessionEvents(of, options);
}

/** One line, short enough for a header. */
function isId(text: string | null | undefined): text is string {
  return typeof text === "string" && text.length <= ID_LENGTH_MAX && !/[\0\n\r]/.test(text);
}

function nodeOutlet(res: ServerResponse): Outlet {
  return {
    write: (text) => void res.write(text),
    get behind() {
      return res.writableLength;
    },
    end: () => void res.end(),
    drop: () => void res.destroy(),
  };
}

function fetchOutlet(maxBytes: number): {
  readonly body: ReadableStream<Uint8Array>;
  readonly outlet: Outlet;
  readonly onCancel: (run: () => void) => void;
} {
  let gone: () => void = () => undefined;
  let to: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>(
    { start: (controller) => void (to = controller), cancel: () => gone() },
    { highWaterMark: maxBytes, size: (chunk) => chunk?.byteLength ?? 0 },
  );
  const encoder = new TextEncoder();
  const outlet: Outlet = {
    write: (text) => to?.enqueue(encoder.encode(text)),
    get behind() {
      return maxBytes - (to?.desiredSize ?? 0);
    },
    end: () => to?.close(),
    drop: () => to?.error(new Error("the reader is too far behind")),
  };
  return { body, outlet, onCancel: (run) => void (gone = run) };
}
