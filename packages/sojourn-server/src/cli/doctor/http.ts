/** Asks as a browser or an attacker's page would: any header, no redirect followed, a deadline. */
import { request as plainRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { request as tlsRequest } from "node:https";

/** More of an answer is not read: what tells people apart stands in its first part. */
const BODY_BYTES_MAX = 1_048_576;

export interface Answer {
  readonly status: number;
  /** Names in lower case; several lines are joined. */
  readonly headers: Readonly<Record<string, string>>;
  readonly setCookies: readonly string[];
  readonly body: string;
  readonly elapsedMs: number;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface ClientOptions {
  readonly timeoutMs: number;
  /** Accept certificates that nobody vouches for. */
  readonly insecure: boolean;
}

/** A request got no answer. The message says why and what to try; it names no header. */
export class RequestError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "RequestError";
  }
}

export type Ask = (url: URL, how?: Asking) => Promise<Answer>;

export function createClient(options: ClientOptions): Ask {
  return (url, how = {}) =>
    new Promise((resolve, reject) => {
      const startedAt = performance.now();
      const signal = AbortSignal.timeout(options.timeoutMs);
      const give = (error: unknown): void => reject(explained(url, error, options));
      const send = url.protocol === "https:" ? tlsRequest : plainRequest;
      const headers = { "user-agent": "sojourn-doctor", accept: "*/*", ...how.headers };
      const { method = "GET", body } = how;
      const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
      const req = send(
        url,
        {
          method,
          headers: { ...headers, ...length },
          agent: false,
          signal,
          rejectUnauthorized: !options.insecure,
        },
        (res) => {
          readBody(res).then(
            (text) => resolve(answerOf(res, text, performance.now() - startedAt)),
            give,
          );
        },
      );
      req.on("error", give);
      req.end(body);
    });
}

async function readBody(res: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  // An answer without end (a stream of events) is cut off; the first part is enough.
  for await (const part of res as AsyncIterable<Buffer>) {
    parts.push(part);
    bytes += part.length;
    if (bytes >= BODY_BYTES_MAX) break;
  }
  return Buffer.concat(parts).toString();
}

function answerOf(res: IncomingMessage, body: string, elapsedMs: number): Answer {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(res.headers)) {
    if (value !== undefined) headers[name] = typeof value === "string" ? value : value.join(", ");
  }
  const setCookies = res.headers["set-cookie"] ?? [];
  return { status: res.statusCode ?? 0, headers, setCookies, body, elapsedMs };
}

const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there; is the application running, and is the port right?",
  ENOTFOUND: "there is no such host; check the name",
  EAI_AGAIN: "the name could not be looked up; check the network",
  ECONNRESET: "the connection was cut; http to an https port looks like this, too",
  EPROTO: "no TLS there; try http://",
  HPE_INVALID_CONSTANT: "no HTTP there; an https port needs https://",
  HPE_HEADER_OVERFLOW: "the response headers exceed 16 KiB; find what grows in them",
  ERR_TLS_CERT_ALTNAME_INVALID: "the certificate is for another name; --insecure accepts it",
};
const CERTIFICATE = /CERT|SIGNED|UNABLE_TO_VERIFY/;

function explained(url: URL, error: unknown, { timeoutMs }: ClientOptions): RequestError {
  const code = codeOf(error);
  const place = `${url.origin}${url.pathname}`;
  if (code === "ABORT_ERR" || code === "23") {
    return new RequestError(
      `${place} did not answer within ${timeoutMs / 1_000} s; allow more with --timeout`,
    );
  }
  const certificate = CERTIFICATE.test(code)
    ? "nobody vouches for its certificate; --insecure accepts it"
    : undefined;
  const hint = HINTS[code] ?? certificate ?? "check the address";
  return new RequestError(`${place} cannot be reached (${code}): ${hint}`);
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "no reason given";
  // Several addresses of one name, each with an error of its own.
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  return "code" in error ? String(error.code) : error.name;
}
