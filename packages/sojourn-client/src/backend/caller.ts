/** One call of the service: time limit, repetition where that is safe, problems as errors. */
import { errorOf, SojournError } from "./problem.ts";

export interface BackendOptions {
  /** Where the service is, like `http://127.0.0.1:7380`. */
  readonly url: string;
  /** A service key, `sj1k_…`. */
  readonly key: string;
  /** For a call with all its repetitions. Default 10 seconds. */
  readonly timeoutMs?: number;
  /** How often a call that may be repeated is, after the first time. Default 2. */
  readonly retries?: number;
  /** In place of the platform's. */
  readonly fetch?: typeof fetch;
}

/** What any call may be told. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  /** The id that the service takes as the request's own: letters, digits, `.`, `_` and `-`. */
  readonly requestId?: string;
}

/** The version that was read: a session, its `version`, or an ETag. */
export type Version = string | { readonly version?: string | undefined };

export interface MatchOptions extends CallOptions {
  /** Change only this version: there is a newer one, and the call fails with `version_conflict`. */
  readonly ifMatch?: Version;
}

export interface OnceOptions extends CallOptions {
  /** Default: one that is made for this call, so that repeating it opens nothing twice. */
  readonly idempotencyKey?: string;
}

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query?: object | undefined;
  readonly body?: unknown;
  /** Doing it twice is doing it once. */
  readonly repeatable?: boolean;
  /** It takes an `Idempotency-Key`. */
  readonly once?: boolean;
  /** The answer is text. */
  readonly text?: boolean;
}

const TIMEOUT_MS = 10_000;
const RETRIES = 2;
const PAUSE_MS = 100;
const SAFE = ["GET", "DELETE"];

export class Caller {
  readonly #url: string;
  readonly #key: string;
  readonly #timeoutMs: number;
  readonly #retries: number;
  readonly #fetch: typeof fetch;

  constructor({ url, key, timeoutMs, retries, fetch: given }: BackendOptions) {
    if (!/^https?:\/\//.test(url)) throw new TypeError("url: expected http:// or https://");
    if (!key.startsWith("sj1k_")) throw new TypeError("key: expected a service key, sj1k_…");
    this.#url = url.replace(/\/+$/, "");
    this.#key = key;
    this.#timeoutMs = timeoutMs ?? TIMEOUT_MS;
    this.#retries = retries ?? RETRIES;
    this.#fetch = given ?? fetch;
  }

  /** @throws (rejects) {@link SojournError}; what the caller's own signal says, when it aborts. */
  async call<Answer>(request: Request, options: MatchOptions & OnceOptions = {}): Promise<Answer> {
    const limit = AbortSignal.timeout(options.timeoutMs ?? this.#timeoutMs);
    const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
    const init = { ...this.#initOf(request, options), signal };
    const url = this.#url + request.path + queryOf(request.query);
    for (let tries = 0; ; tries += 1) {
      const answer = await this.#attempt<Answer>(url, init, request.text === true);
      if (!(answer instanceof SojournError)) return answer.value;
      options.signal?.throwIfAborted();
      const again = tries < this.#retries && !limit.aborted && mayRepeat(request, answer);
      const waitMs = answer.retryAfterMs ?? PAUSE_MS * 2 ** tries;
      if (!again || !(await paused(waitMs, signal))) throw answer;
    }
  }

  #initOf(request: Request, options: MatchOptions & OnceOptions): RequestInit {
    const { ifMatch, idempotencyKey, requestId } = options;
    const headers: Record<string, string> = { authorization: `Bearer ${this.#key}` };
    if (ifMatch !== undefined) headers["if-match"] = etagOf(ifMatch);
    if (requestId !== undefined) headers["x-request-id"] = requestId;
    if (request.once === true) headers["idempotency-key"] = idempotencyKey ?? crypto.randomUUID();
    // Else a key and a body would go wherever an answer says.
    const init: RequestInit = { method: request.method, headers, redirect: "manual" };
    if (request.body === undefined) return init;
    headers["content-type"] = "application/json";
    return { ...init, body: JSON.stringify(request.body) };
  }

  async #attempt<Answer>(
    url: string,
    init: RequestInit,
    isText: boolean,
  ): Promise<{ readonly value: Answer } | SojournError> {
    try {
      const response = await this.#fetch(url, init);
      const text = await response.text();
      if (!response.ok) return errorOf(response, text);
      return { value: (isText ? text : JSON.parse(text)) as Answer };
    } catch (cause) {
      const late = cause instanceof DOMException && cause.name === "TimeoutError";
      const unreadable = cause instanceof SyntaxError;
      const code = late ? "timeout" : unreadable ? "unreadable" : "unreachable";
      const detail = late ? "no answer in time" : "the service could not be asked";
      return new SojournError({ code, detail, retryable: !unreadable }, { cause });
    }
  }
}

function mayRepeat({ method, once, repeatable }: Request, error: SojournError): boolean {
  if (!error.retryable) return false;
  // Whoever was told to come later was not served; anything else may have happened.
  return error.status === 429 || once === true || repeatable === true || SAFE.includes(method);
}

/** @throws {TypeError} for what has no version, like a session of a list. */
function etagOf(version: Version): string {
  const text = typeof version === "string" ? version : version.version;
  if (text === undefined) throw new TypeError("ifMatch: has no version; read the session first");
  return text.startsWith('"') || text === "*" ? text : `"${text}"`;
}

function queryOf(query: object = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}

/** @returns false when time was up before. */
function paused(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (slept: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      resolve(slept);
    };
    const stop = (): void => done(false);
    const timer = setTimeout(done, ms, true);
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
  });
}
