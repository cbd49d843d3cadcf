/** What every answer has, and what it leaves behind: a line in the log, a figure, a span. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { FastifyBaseLogger } from "fastify";
import type { House, RequestInHand } from "./types.ts";

const SECOND_MS = 1_000;
/** No token of ours fits: neither in length nor in its beginning. */
const REQUEST_ID = /^(?!sj1)[A-Za-z0-9._-]{1,64}$/;

/** On every answer: not kept by caches, not embedded, not sniffed. OWASP ASVS 5.0 3.4, 14.3. */
export const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** The type of every answer in JSON that is no problem. */
export const JSON_TYPE = "application/json; charset=utf-8";

/** Of this process; with a number behind it an id comes once anywhere, and costs little. */
const PROCESS = randomUUID().slice(0, 24);
let requests = 0;

export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers["x-request-id"];
  if (typeof given === "string" && REQUEST_ID.test(given)) return given;
  requests += 1;
  return PROCESS + requests.toString(16).padStart(12, "0");
}

export interface Answered {
  readonly status: number;
  /** The pattern, never the address: ids and queries stay out of logs and metrics. */
  readonly route: string;
  readonly elapsedMs: number;
}

export function noteAnswer(
  house: House,
  log: FastifyBaseLogger,
  request: RequestInHand,
  answered: Answered,
): void {
  const { method, caller } = request;
  const { status, route, elapsedMs } = answered;
  const ms = Math.round(elapsedMs * 1_000) / 1_000;
  const who = caller === null ? {} : { tenant: caller.tenant, key: caller.name };
  log.info({ reqId: request.id, method, route, status, ms, ...who }, "request");
  if (route.endsWith("/stream")) return;
  house.metrics.httpSeconds.note([method, route, String(status)], elapsedMs / SECOND_MS);
  house.telemetry?.answered(request, answered);
}
