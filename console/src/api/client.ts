/**
 * One way to the service: the tenant's header, problems as errors, the step-up that an act needs,
 * and whether the service can be reached at all. The cookie is the browser's business.
 */
export interface FieldProblem {
  readonly path: string;
  readonly message: string;
}

interface Problem {
  readonly title: string;
  readonly detail: string;
  readonly code: string;
  readonly status: number;
  readonly retryable: boolean;
  readonly scope?: string;
  readonly reason?: string;
  readonly errors?: readonly FieldProblem[];
}

/** A problem (RFC 9457) that the service answered with, or that kept it from answering. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly title: string;
  readonly detail: string;
  readonly code: string;
  readonly status: number;
  readonly retryable: boolean;
  readonly errors: readonly FieldProblem[];
  readonly requestId: string | undefined;
  readonly reason: string | undefined;

  constructor(problem: Problem, requestId?: string) {
    super(problem.detail);
    this.title = problem.title;
    this.detail = problem.detail;
    this.code = problem.code;
    this.status = problem.status;
    this.retryable = problem.retryable;
    this.errors = problem.errors ?? [];
    this.requestId = requestId;
    this.reason = problem.reason;
  }
}

export interface Approval {
  readonly id: string;
  readonly summary: string;
}

/** Nothing was done yet: another admin has to approve it. */
export class AwaitsApproval extends Error {
  override readonly name = "AwaitsApproval";
  readonly approval: Approval;

  constructor(approval: Approval) {
    super(`Waits for another admin: ${approval.summary}`);
    this.approval = approval;
  }
}

type Values = Readonly<Record<string, string | number | boolean | undefined>>;

export interface CallOptions {
  readonly method?: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  readonly query?: Values;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** A poll, not an act of the person: it does not keep the console session alive. */
  readonly background?: boolean;
}

interface Wiring {
  tenant: string;
  /** Resolves to false when the person will not. */
  stepUp: () => Promise<boolean>;
  signedOut: (reason: string | undefined) => void;
  /** The person has signed out: what is refused from now on is no news, until the page has gone. */
  leaving: (yes: boolean) => void;
  reachable: (yes: boolean) => void;
}

/** Set by the shell; a module so that query functions need no React. */
export const wiring: Wiring = {
  tenant: "default",
  stepUp: () => Promise.resolve(false),
  signedOut: () => undefined,
  leaving: () => undefined,
  reachable: () => undefined,
};

const UNREACHABLE: Problem = {
  title: "The service does not answer",
  detail: "It may be restarting. The console tries again by itself.",
  code: "unreachable",
  status: 0,
  retryable: true,
};

export function queryText(query: Values = {}): string {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") asked.set(name, String(value));
  }
  return asked.size === 0 ? "" : `?${asked}`;
}

async function send(path: string, options: CallOptions): Promise<Response> {
  const { method = "GET", query, body, headers, signal, background = false } = options;
  const init: RequestInit = {
    method,
    headers: {
      accept: "application/json",
      "x-sojourn-tenant": wiring.tenant,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(background ? { "x-sojourn-background": "1" } : {}),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  };
  try {
    const response = await fetch(`/console${path}${queryText(query)}`, init);
    wiring.reachable(true);
    return response;
  } catch (error) {
    if (signal?.aborted === true) throw error;
    wiring.reachable(false);
    throw new ProblemError(UNREACHABLE);
  }
}

async function problemOf(response: Response): Promise<ProblemError> {
  const requestId = response.headers.get("x-request-id") ?? undefined;
  const fallback: Problem = {
    title: `The service answered ${response.status}`,
    detail: "A proxy in front of it may have answered in its place.",
    code: "foreign",
    status: response.status,
    retryable: response.status >= 500,
  };
  const text = await response.text().catch(() => "");
  try {
    return new ProblemError({ ...fallback, ...(JSON.parse(text) as Problem) }, requestId);
  } catch {
    return new ProblemError(fallback, requestId);
  }
}

const SIGNED_OUT = new Set(["unauthenticated", "session_ended"]);

/** @throws {ProblemError} for every answer that is no 2xx. */
export async function request(path: string, options: CallOptions = {}): Promise<Response> {
  const response = await send(path, options);
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.code === "step_up_required" && (await wiring.stepUp())) {
    const again = await send(path, options);
    if (again.ok) return again;
    throw await problemOf(again);
  }
  if (SIGNED_OUT.has(problem.code) && !path.startsWith("/session"))
    wiring.signedOut(problem.reason);
  throw problem;
}

/**
 * @throws {ProblemError}
 * @throws {AwaitsApproval} when the service keeps the act until a second admin approves it.
 */
export async function call<Reply>(path: string, options: CallOptions = {}): Promise<Reply> {
  const response = await request(path, options);
  if (response.status === 204) return undefined as Reply;
  const reply = (await response.json()) as Reply & { readonly approval?: Approval };
  if (response.status === 202 && reply.approval !== undefined) {
    throw new AwaitsApproval(reply.approval);
  }
  return reply;
}

/** A route of the Backend group, under the console's own guard. */
export function api<Reply>(path: string, options: CallOptions = {}): Promise<Reply> {
  return call<Reply>(`/api/v1${path}`, options);
}
