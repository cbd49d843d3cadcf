/**
 * What a driver threw, told as what the store promises. Redis tells its errors apart by the first
 * word of their text alone; no part of a command is ever repeated. Invariants I7, I12.
 */
import { SojournError, StoreUnavailableError } from "../../engine/errors.ts";

/** What our scripts raise on a row of a newer release. */
const NEWER_ROW = "SOJOURN_NEWER";

/** First words of error replies, what they mean, and whether the call may succeed by itself. */
const ADVICE: Readonly<Record<string, readonly [text: string, retryable: boolean]>> = {
  OOM: ["Redis is at its maxmemory; give it more, nothing may be evicted", true],
  LOADING: ["Redis is loading its data", true],
  BUSY: ["Redis is busy with somebody's script", true],
  MASTERDOWN: ["the replica has lost its primary", true],
  NOREPLICAS: ["the primary has fewer replicas than min-replicas-to-write asks for", true],
  READONLY: ["Redis is a replica and takes no writes", true],
  MISCONF: ["Redis cannot write to its disk and takes no writes", true],
  CLUSTERDOWN: ["the cluster does not serve this slot", true],
  TRYAGAIN: ["the slot is being moved", true],
  NOAUTH: ["Redis asks for a password; give the client one", false],
  WRONGPASS: ["Redis refused the user name or password", false],
  NOPERM: [
    "the Redis user may not run this command; docs/stores/redis.md lists what is needed",
    false,
  ],
  WRONGTYPE: ["a key in the store's space belongs to somebody else", false],
};

/** Why no connection was made: what the driver's error says, and whether it may pass by itself. */
const CONNECT_ADVICE: readonly (readonly [RegExp, text: string, retryable: boolean])[] = [
  [/ECONNREFUSED/, "nothing listens at the address", true],
  [/ENOTFOUND|EAI_AGAIN/, "the host name of the address is not known", true],
  [/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ConnectionTimeout/, "the host cannot be reached", true],
  [/WRONG_VERSION_NUMBER|packet length too long/i, "the server does not speak TLS there", false],
  [/CERT|SELF_SIGNED|UNABLE_TO_VERIFY/, "the server's TLS certificate is not trusted", false],
  [/SocketClosed|ECONNRESET/, "the server hangs up; does it want TLS (rediss://)?", true],
  [/DB index/, "the server has no database of that number", false],
];

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : "";
}

/** The first word of an error reply: NOSCRIPT, OOM, … */
export function replyCode(error: unknown): string {
  return /^-?([A-Z]+)\b/.exec(wordsOf(error))?.[1] ?? "";
}

/** Where a cluster says that a key is. */
export interface Redirect {
  readonly address: string;
  /** Only for the next command: the key is being moved there. */
  readonly ask: boolean;
}

/** @param asked Whose answer it is; a server that does not know its own name leaves it out. */
export function redirectOf(error: unknown, asked: string): Redirect | undefined {
  const [, kind, host, port] = /^-?(MOVED|ASK) \d+ (\S*):(\d+)/.exec(wordsOf(error)) ?? [];
  if (kind === undefined) return undefined;
  const known = host === "" ? asked.slice(0, asked.lastIndexOf(":")) : host;
  return { address: `${known}:${port}`, ask: kind === "ASK" };
}

/** Wrap what a driver threw during `operation`; our own errors pass unchanged. */
export function storeFault(error: unknown, operation: string): Error {
  if (error instanceof SojournError) return error;
  if (wordsOf(error).includes(NEWER_ROW)) return new RedisRowError();
  const advice = ADVICE[replyCode(error)] ?? connectAdvice(error, operation);
  const text = advice?.[0] ?? "no answer from Redis";
  const retryable = advice?.[1] ?? true;
  return new StoreUnavailableError(`${operation}: ${text}`, { cause: named(error), retryable });
}

function connectAdvice(
  error: unknown,
  operation: string,
): readonly [text: string, retryable: boolean] | undefined {
  if (operation !== "connect" || !(error instanceof Error)) return undefined;
  const { code } = error as { readonly code?: unknown };
  const said = `${String(code)} ${error.constructor.name} ${error.message}`;
  const [, ...advice] = CONNECT_ADVICE.find(([words]) => words.test(said)) ?? [];
  return advice[0] === undefined ? undefined : [advice[0], advice[1] ?? true];
}

/** The error without what may follow its first words: Redis repeats what it was sent. */
function named(error: unknown): Error {
  const name = error instanceof Error ? error.name : typeof error;
  const words = wordsOf(error).split(/, with args|script: /)[0] ?? "";
  const kept = new Error(`${name}: ${words.slice(0, 200)}`);
  delete (kept as { stack?: string }).stack;
  return kept;
}

/** Not run, for as long as it was sent: its slot is being moved, or its server is not known. */
export class SlotMovingError extends StoreUnavailableError {}

/** A row written by a newer release. Refused, not guessed at. */
export class RedisRowError extends SojournError {
  constructor() {
    super(
      "ERR_STORE_SCHEMA",
      "a newer release wrote this session; run that release, or one that knows its format",
    );
  }
}
