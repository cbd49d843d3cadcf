/** `Idempotency-Key`: one effect however often the request is sent, for 24 hours. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { problemOf } from "sojourn";
import type { ProblemAnswer } from "sojourn";
import type { Attempt, Replies } from "../control/replies.ts";
import { JSON_TYPE } from "./every-answer.ts";
import { callerOf } from "./guards.ts";
import { invalid, Refusal } from "./problems.ts";

const KEY = /^[\x21-\x7e]{1,255}$/;
/** Headers that belong to the reply itself. */
const REPEATED = ["location", "etag", "content-type"] as const;

/**
 * Run `work` unless its reply is known.
 *
 * @throws {Refusal} 422 when the key came with another body, 409 while the first is under way.
 */
export async function once(
  replies: Replies,
  request: FastifyRequest,
  reply: FastifyReply,
  work: () => Promise<object>,
): Promise<object | string> {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return work();
  if (typeof key !== "string" || !KEY.test(key)) {
    throw invalid("idempotency-key", "1 to 255 printable ASCII characters");
  }
  const attempt = attemptOf(request, key);
  const claim = await replies.claim(attempt);
  switch (claim.outcome) {
    case "claimed":
      return perform(replies, attempt, { request, reply }, work);
    case "kept":
      void reply.code(claim.reply.status).headers({ ...claim.reply.headers });
      void reply.header("idempotency-replayed", "true");
      return claim.reply.body;
    case "mismatch":
      throw new Refusal(problemOf("idempotency_conflict"));
    case "busy": {
      const detail = "A request with this Idempotency-Key is still under way; try again soon.";
      throw new Refusal(retryable(problemOf("conflict", { detail })));
    }
  }
}

async function perform(
  replies: Replies,
  attempt: Attempt,
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
  work: () => Promise<object>,
): Promise<object | string> {
  let result: object;
  try {
    result = await work();
  } catch (error) {
    // Whatever becomes of the claim, this is what the caller is told.
    await replies.release(attempt).catch(() => undefined);
    throw error;
  }
  const body = JSON.stringify(result);
  void reply.header("content-type", JSON_TYPE);
  const headers: Record<string, string> = {};
  for (const name of REPEATED) {
    const value = reply.getHeader(name);
    if (typeof value === "string") headers[name] = value;
  }
  try {
    await replies.keep(attempt, { status: reply.statusCode, headers, body });
  } catch (error) {
    // It was done, and a token in it is shown only now: nothing is worth more to the caller.
    request.log.error({ err: error }, "a reply could not be kept for a repeated request");
  }
  return body;
}

/** Unlike other conflicts this one goes by. */
function retryable(answer: ProblemAnswer): ProblemAnswer {
  const problem = { ...answer.problem, retryable: true };
  const headers = { ...answer.headers, "retry-after": "1" };
  return { ...answer, headers, problem, body: JSON.stringify(problem) };
}

function attemptOf(request: FastifyRequest, key: string): Attempt {
  // The address, not the pattern: of two sessions it is not the same request.
  const [path = ""] = request.url.split("?");
  const route = `${request.method} ${path}`;
  const body = JSON.stringify(request.body ?? null);
  return { callerId: callerOf(request).keyId, route, key, body };
}
