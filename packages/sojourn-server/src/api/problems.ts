/** Every answer that is an error, as an RFC 9457 problem; Fastify's own errors included. */
import type { FastifyError, FastifyReply } from "fastify";
import { LimitReachedError, problemOf, problemOfError, SojournError } from "sojourn";
import type { ProblemAnswer } from "sojourn";
import type { App, RequestInHand } from "./types.ts";
import { unknownFieldHint } from "./field-hints.ts";
import { summaryView } from "./views.ts";

/** Thrown by handlers: answer with this and nothing else. */
export class Refusal extends Error {
  readonly answer: ProblemAnswer;

  constructor(answer: ProblemAnswer) {
    super(answer.problem.code);
    this.name = "Refusal";
    this.answer = answer;
  }
}

/** The same problem under a status that HTTP has a word of its own for. */
export function withStatus(answer: ProblemAnswer, status: number): ProblemAnswer {
  const problem = { ...answer.problem, status };
  return { ...answer, status, problem, body: JSON.stringify(problem) };
}

/** One wrong place of a request. */
export function invalid(path: string, message: string): Refusal {
  return new Refusal(problemOf("invalid_request", { errors: [{ path, message }] }));
}

/** Wrong tenant, unknown and foreign ids answer alike. */
export function notFound(): Refusal {
  return new Refusal(problemOf("not_found"));
}

export async function sendProblem(reply: FastifyReply, answer: ProblemAnswer): Promise<void> {
  await reply
    .code(answer.status)
    .headers({ ...answer.headers })
    .send(answer.body);
}

type Proved = Pick<RequestInHand, "caller">;

/** @returns the answer for whatever was thrown; only a bug or a foreign error is `internal`. */
export function answerOf(error: unknown, request: Proved): ProblemAnswer {
  if (error instanceof Refusal) return error.answer;
  if (error instanceof LimitReachedError) {
    const now = Date.now();
    return problemOf("limit_reached", {
      sessions: error.sessions.map((summary) => summaryView(summary, now)),
    });
  }
  if (error instanceof SojournError) return ofLibrary(error, request);
  return ofFastify(error) ?? problemOfError(error);
}

/**
 * To a backend the session is a resource, not its credential: an ended one is a conflict, and 401
 * stays what is wrong with the service key.
 */
function ofLibrary(error: SojournError, request: Proved): ProblemAnswer {
  if (error.code === "ERR_SESSION_ENDED" && request.caller !== null) {
    return problemOf("conflict", { detail: "The session has ended; nothing was changed." });
  }
  // The service runs, so this is a store that was exchanged for an unsafe one. Invariant I7.
  if (error.code === "ERR_CONFIG") return problemOf("unavailable");
  return problemOfError(error);
}

interface Issue {
  readonly keyword?: string;
  readonly instancePath?: string;
  readonly message?: string;
  readonly params?: { readonly keys?: unknown };
}

function ofFastify(error: unknown): ProblemAnswer | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, statusCode, validation, validationContext } = error as FastifyError;
  if (validation !== undefined) return ofValidation(validation, validationContext ?? "");
  switch (code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return problemOf("payload_too_large");
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return withStatus(
        problemOf("invalid_request", {
          detail: "Send JSON, with Content-Type: application/json.",
          errors: [{ path: "content-type", message: "accepted: application/json" }],
        }),
        415,
      );
    default:
      break;
  }
  if (statusCode === undefined || statusCode >= 500) return undefined;
  // Parsers quote what they were given, and that may be a token: none of it is repeated.
  return withStatus(problemOf("invalid_request", { errors: [] }), statusCode);
}

function ofValidation(issues: readonly Issue[], context: string): ProblemAnswer {
  const unknown = issues.flatMap((issue) => unknownFields(issue, context));
  const rest = issues.filter((issue) => issue.keyword !== "unrecognized_keys");
  const errors = rest.map((issue) => ({
    path: pathOf(issue) || context,
    message: issue.message ?? "not accepted",
  }));
  if (unknown.length > 0) return problemOf("unknown_field", { errors: [...unknown, ...errors] });
  return problemOf("invalid_request", { errors });
}

function unknownFields(issue: Issue, context: string): { path: string; message: string }[] {
  const keys = issue.params?.keys;
  if (issue.keyword !== "unrecognized_keys" || !Array.isArray(keys)) return [];
  const prefix = pathOf(issue);
  return keys.map((key: unknown) => {
    const path = [prefix, String(key).slice(0, 128)].filter((part) => part !== "").join(".");
    return { path, message: unknownFieldHint(path, context) };
  });
}

function pathOf(issue: Issue): string {
  return (issue.instancePath ?? "").split("/").filter(Boolean).join(".");
}

interface KnownRoute {
  readonly method: string;
  readonly pattern: RegExp;
}

/** Unknown paths answer 404; a known path asked with another method answers 405 and `Allow`. */
export function answerUnknownRoutes(app: App): void {
  const routes: KnownRoute[] = [];
  app.addHook("onRoute", ({ method, url }) => {
    const pattern = new RegExp(`^${url.replaceAll(/:[^/]+/g, "[^/]+")}/?$`);
    for (const name of [method].flat()) routes.push({ method: name, pattern });
  });
  app.setNotFoundHandler((request, reply) => {
    const [path = ""] = request.url.split("?");
    const allowed = routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    if (allowed.length === 0) return sendProblem(reply, problemOf("not_found"));
    void reply.header("allow", [...new Set(allowed)].join(", "));
    const detail = `This path answers ${[...new Set(allowed)].join(", ")}.`;
    return sendProblem(
      reply,
      withStatus(problemOf("invalid_request", { errors: [], detail }), 405),
    );
  });
}
