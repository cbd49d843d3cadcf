/** What goes wrong when the service is called. */

/** RFC 9457 members, `code` and whatever the code adds. */
export interface ProblemBody {
  readonly type?: string;
  readonly title?: string;
  readonly status?: number;
  readonly detail?: string;
  readonly code: string;
  readonly retryable?: boolean;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
  readonly [member: string]: unknown;
}

/** The service refused, or was not reached. Switch on `code`, never on the message. */
export class SojournError extends Error {
  /** Of the catalogue of the service; `unreachable`, `timeout` or `unreadable` are of this side. */
  readonly code: string;
  /** 0 where there was no answer. */
  readonly status: number;
  /** True when the same call may succeed later. */
  readonly retryable: boolean;
  /** `X-Request-Id`: what to look for in the log and the audit trail of the service. */
  readonly requestId: string | undefined;
  /** The wait that the service asked for. */
  readonly retryAfterMs: number | undefined;
  /** All that the service said. */
  readonly problem: ProblemBody;

  constructor(problem: ProblemBody, facts: ErrorFacts = {}) {
    const { code, detail, title, retryable = false } = problem;
    super(`${code}: ${detail ?? title ?? "no details"}`, { cause: facts.cause });
    this.name = "SojournError";
    this.code = code;
    this.status = facts.status ?? 0;
    this.retryable = retryable;
    this.requestId = facts.requestId;
    this.retryAfterMs = facts.retryAfterMs;
    this.problem = problem;
  }
}

export interface ErrorFacts {
  readonly status?: number;
  readonly requestId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

const SECOND_MS = 1_000;

/** @returns the error that an answer with a status from 400 is. */
export function errorOf(response: Response, text: string): SojournError {
  const { status, headers } = response;
  const wait = Number(headers.get("retry-after") ?? Number.NaN);
  return new SojournError(bodyOf(status, text), {
    status,
    requestId: headers.get("x-request-id") ?? undefined,
    retryAfterMs: Number.isFinite(wait) ? wait * SECOND_MS : undefined,
  });
}

/** What stands between may answer with no problem of ours. */
function bodyOf(status: number, text: string): ProblemBody {
  const json = parsed(text);
  if (typeof json === "object" && json !== null && "code" in json) return json as ProblemBody;
  const retryable = status === 429 || status === 502 || status === 503 || status === 504;
  return { code: "unreadable", status, detail: `an answer with status ${status}`, retryable };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
