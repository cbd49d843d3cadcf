/**
 * Errors that are thrown. Expected outcomes (ended, unknown, locked) are values, never errors.
 * Callers switch on `code`; a message never holds a secret and is never branched on.
 */
import type { CsrfCheck } from "../protocol/problem.ts";
import type { EndReason } from "../protocol/words.ts";

/** Stable codes. Add, never rename. */
export type ErrorCode =
  | "ERR_CONFIG"
  | "ERR_INVARIANT"
  | "ERR_INVALID_ARGUMENT"
  | "ERR_ASSURANCE"
  | "ERR_DATA_TOO_LARGE"
  | "ERR_DATA_NOT_JSON"
  | "ERR_DATA_UNREADABLE"
  | "ERR_SESSION_ENDED"
  | "ERR_SESSION_LOCKED"
  | "ERR_LIMIT_REACHED"
  | "ERR_LOCKED_OUT"
  | "ERR_IMPERSONATED"
  | "ERR_STALE_EPOCH"
  | "ERR_VERSION_CONFLICT"
  | "ERR_STORE_UNAVAILABLE"
  | "ERR_STORE_CONTENTION"
  | "ERR_STORE_SCHEMA"
  | "ERR_CLOCK_JUMPED"
  | "ERR_CROSS_SITE"
  | "ERR_KEY_UNAVAILABLE";

/** Base of every error the library throws. */
export class SojournError extends Error {
  readonly code: ErrorCode;
  /** True when the same call may succeed later without a change by the caller. */
  readonly retryable: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options?: { retryable?: boolean; cause?: unknown },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = options?.retryable ?? false;
  }
}

/** One wrong option: where, what is wrong, and what would be accepted. */
export interface ConfigProblem {
  readonly path: string;
  readonly message: string;
}

/** A configuration that cannot run. Lists every problem at once. */
export class ConfigError extends SojournError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], options?: { readonly cause?: unknown }) {
    const lines = problems.map((problem) => `  ${problem.path}: ${problem.message}`);
    const noun = problems.length === 1 ? "problem" : "problems";
    super("ERR_CONFIG", `${problems.length} configuration ${noun}:\n${lines.join("\n")}`, options);
    this.problems = problems;
  }
}

/** A promise of our own code was broken: a bug, not a caller's mistake. */
export class InvariantError extends SojournError {
  constructor(message: string) {
    super("ERR_INVARIANT", message);
  }
}

/** A caller passed something that cannot be meant. */
export class ArgumentError extends SojournError {
  /** Option path, e.g. `"open.subject"`. */
  readonly path: string;

  constructor(path: string, message: string, code: ErrorCode = "ERR_INVALID_ARGUMENT") {
    super(code, `${path}: ${message}`);
    this.path = path;
  }
}

/** Session data over its limit. Nothing was written. */
export class DataTooLargeError extends SojournError {
  readonly limitBytes: number;

  constructor(limitBytes: number, actualBytes: number) {
    super(
      "ERR_DATA_TOO_LARGE",
      `session data would take ${actualBytes} bytes; the limit is ${limitBytes}`,
    );
    this.limitBytes = limitBytes;
  }
}

/** A write met a session that has ended. Nothing was written. */
export class SessionEndedError extends SojournError {
  /** `undefined` when the record is gone, so that the reason is no longer known. */
  readonly reason: EndReason | undefined;

  constructor(reason: EndReason | undefined) {
    super("ERR_SESSION_ENDED", `the session has ended (${reason ?? "reason no longer known"})`);
    this.reason = reason;
  }
}

/** A write met a session that waits for a factor. Nothing was written. */
export class SessionLockedError extends SojournError {
  readonly factors: number;

  constructor(factors: number) {
    super("ERR_SESSION_LOCKED", `the session is locked until ${factors} factor(s) are given again`);
    this.factors = factors;
  }
}

/** Whoever asks is kept out: nothing was opened. */
export class LockedOutError extends SojournError {
  /** For the person. */
  readonly notice: string;
  /** Exclusive; absent: until it is lifted. */
  readonly expiresAt: number | undefined;

  constructor(notice: string, expiresAt?: number) {
    super("ERR_LOCKED_OUT", "a lock keeps this out: no session may be opened");
    this.notice = notice;
    this.expiresAt = expiresAt;
  }
}

/** The store cannot answer now. Maps to 503 with `Retry-After`, never to 401. Invariant I7. */
export class StoreUnavailableError extends SojournError {
  constructor(operation: string, options?: { cause?: unknown; retryable?: boolean }) {
    super("ERR_STORE_UNAVAILABLE", `the session store cannot answer (${operation})`, {
      retryable: options?.retryable ?? true,
      cause: options?.cause,
    });
  }
}

/** Lost too many races in a row. Nothing was written; the caller may retry. */
export class ContentionError extends SojournError {
  constructor(operation: string) {
    super("ERR_STORE_CONTENTION", `gave up after repeated lost races (${operation})`, {
      retryable: true,
    });
  }
}

/** The wall clock and the monotonic clock disagree; nothing is judged until the offset is known. */
export class ClockJumpedError extends SojournError {
  constructor(byMs: number) {
    super("ERR_CLOCK_JUMPED", `the wall clock jumped by ${Math.round(byMs)} ms`, {
      retryable: true,
    });
  }
}

/** An unsafe request that did not prove its origin, where it cannot be answered 403: thrown. */
export class CrossSiteError extends SojournError {
  /** Which check refused it. */
  readonly check: CsrfCheck;

  constructor(check: CsrfCheck, detail: string) {
    super("ERR_CROSS_SITE", detail);
    this.check = check;
  }
}
