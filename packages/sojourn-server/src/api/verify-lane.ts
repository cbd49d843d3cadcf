/**
 * The short way of `POST /v1/sessions/verify`, which is asked more than all else: past the
 * framework, for what needs neither its router nor the schemas. Whatever is out of the ordinary
 * (a key that is not remembered, a quota, a body with more than tokens, one that comes in pieces)
 * goes the usual way, as if it had never been looked at; answers are the same on both.
 */
import { isAscii } from "node:buffer";
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import type { FastifyBaseLogger } from "fastify";
import type { Caller } from "../control/key-desk.ts";
import type { BackendGate } from "./backend-gate.ts";
import { TOKEN_CHARS_MAX } from "./binding-schemas.ts";
import { HEADERS, JSON_TYPE, noteAnswer, requestIdOf } from "./every-answer.ts";
import { requestScope } from "./log.ts";
import { answerOf, Refusal } from "./problems.ts";
import { TOKENS_MAX } from "./schemas.ts";
import type { House, RequestInHand } from "./types.ts";
import { VERIFY_PATH, verifyText } from "./verdicts.ts";
import type { VerifyBody } from "./verdicts.ts";

export interface VerifyLaneParts {
  readonly house: House;
  readonly gate: BackendGate;
  readonly log: FastifyBaseLogger;
}

/** More than that rarely comes in one piece. */
const BODY_BYTES_MAX = 65_536;
/** Names and values in turn, as all headers here. */
const OF_VERDICTS: readonly string[] = flat({ ...HEADERS, "content-type": JSON_TYPE });
const PROBLEM_TYPE = "application/problem+json; charset=utf-8";
/** What the schema adds where nothing is said. */
const PLAIN = { activity: false, canSetToken: false };
const JSON_TYPES: ReadonlySet<unknown> = new Set(["application/json", JSON_TYPE]);

/** Ahead of what listens to the server now, which is the way of every other request. */
export function openVerifyLane(server: Server, parts: VerifyLaneParts): void {
  const [usual] = server.listeners("request") as RequestListener[];
  if (usual === undefined) throw new Error("nothing listens to the server yet");
  server.removeAllListeners("request");
  server.on("request", verifyLane(parts, usual));
}

function verifyLane(parts: VerifyLaneParts, usual: RequestListener): RequestListener {
  const { gate, log } = parts;
  return (request, response) => {
    const length = lengthOf(parts.house, request);
    const { authorization } = request.headers;
    const caller = length === 0 ? undefined : gate.recognize(authorization, "sessions:read");
    if (caller === undefined) return usual(request, response);
    const beganAt = performance.now();
    const onData = (chunk: Buffer): void => {
      const body = chunk.length === length ? plainBodyOf(chunk) : undefined;
      const rates = body === undefined ? undefined : gate.count(caller);
      if (body !== undefined && rates !== undefined) {
        const id = requestIdOf(request);
        const { method = "", headers } = request;
        const inHand = { id, method, headers, body, raw: request, caller, exchange: null };
        const ride = { inHand, body, response, rates, beganAt };
        requestScope.run(inHand, answer, parts, ride).catch((error: unknown) => {
          log.error({ reqId: id, err: error }, "request failed");
          response.destroy();
        });
        return;
      }
      request.off("data", onData);
      request.pause();
      request.unshift(chunk);
      usual(request, response);
    };
    request.on("data", onData);
  };
}

/** @returns the length of a body that may go the short way; 0: none does. */
function lengthOf({ phase, config }: House, { method, url, headers }: IncomingMessage): number {
  if (method !== "POST" || url !== VERIFY_PATH || phase() !== "serving") return 0;
  if (!JSON_TYPES.has(headers["content-type"])) return 0;
  const length = Number(headers["content-length"] ?? 0);
  return length <= Math.min(BODY_BYTES_MAX, config.bodyLimitBytes) ? length : 0;
}

/** @returns what the schema would make of it; `undefined` for what the schema has to judge. */
function plainBodyOf(chunk: Buffer): VerifyBody | undefined {
  const given = parsed(chunk);
  if (typeof given !== "object" || given === null) return undefined;
  const members = Object.entries(given);
  const [[name, value] = []] = members;
  if (members.length !== 1) return undefined;
  if (name === "token" && isToken(value)) return { token: value, ...PLAIN };
  return name === "tokens" && areTokens(value) ? { tokens: value, ...PLAIN } : undefined;
}

function parsed(chunk: Buffer): unknown {
  // Of other characters there may be wrong ones, which is a matter for the usual way.
  if (!isAscii(chunk)) return undefined;
  try {
    return JSON.parse(chunk.toString("latin1"));
  } catch {
    return undefined;
  }
}

function areTokens(value: unknown): value is string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > TOKENS_MAX) return false;
  return value.every(isToken);
}

function isToken(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= TOKEN_CHARS_MAX;
}

interface Ride {
  readonly inHand: RequestInHand & { readonly caller: Caller };
  readonly body: VerifyBody;
  readonly response: ServerResponse;
  readonly rates: readonly string[];
  readonly beganAt: number;
}

async function answer({ house, log }: VerifyLaneParts, ride: Ride): Promise<void> {
  const { inHand, body, response, rates, beganAt } = ride;
  let status = 200;
  let text: string;
  let own = OF_VERDICTS;
  try {
    text = await verifyText(house, inHand.caller.tenant, body);
  } catch (error) {
    const problem = answerOf(error, inHand);
    ({ status, body: text } = problem);
    own = flat({ ...HEADERS, ...problem.headers, "content-type": PROBLEM_TYPE });
    if (status >= 500 && !(error instanceof Refusal)) {
      log.error({ reqId: inHand.id, err: error }, "request failed");
    }
  }
  const length = String(Buffer.byteLength(text));
  const head = [...own, "x-request-id", inHand.id, ...rates, "content-length", length];
  response.writeHead(status, head);
  response.end(text);
  const elapsedMs = performance.now() - beganAt;
  noteAnswer(house, log, inHand, { status, route: VERIFY_PATH, elapsedMs });
}

function flat(headers: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(headers).flat();
}
