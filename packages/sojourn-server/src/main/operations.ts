/** The listener for operators: metrics and health, apart from where the public comes in (TR-11). */
import type { IncomingMessage, ServerResponse } from "node:http";
import { problemOf } from "sojourn";
import type { ProblemAnswer } from "sojourn";
import { readinessOf } from "../api/routes/public.ts";
import type { House } from "../api/types.ts";

export function operationsHandler(
  house: House,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    answer(house, request, response).catch(() => {
      const { status, headers, body } = problemOf("internal");
      if (!response.headersSent) response.writeHead(status, headers).end(body);
    });
  };
}

async function answer(
  house: House,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [path] = (request.url ?? "").split("?");
  const reading = request.method === "GET" || request.method === "HEAD";
  if (reading && path === "/metrics") {
    house.metrics.streams.set(house.streams.size);
    const { registry } = house.metrics;
    const text = await registry.metrics();
    response.writeHead(200, { "content-type": registry.contentType, "cache-control": "no-store" });
    response.end(text);
    return;
  }
  const state = reading ? await stateOf(house, path ?? "") : problemOf("not_found");
  if (state.status === "ok") {
    const headers = { "content-type": "application/json", "cache-control": "no-store" };
    response.writeHead(200, headers).end(JSON.stringify(state));
    return;
  }
  response.writeHead(state.status, { ...state.headers }).end(state.body);
}

async function stateOf(
  house: House,
  path: string,
): Promise<{ readonly status: "ok" } | ProblemAnswer> {
  if (path === "/healthz") return { status: "ok" };
  if (path !== "/readyz") return problemOf("not_found");
  const ready = await readinessOf(house);
  return typeof ready === "string" ? problemOf("unavailable", { detail: ready }) : ready;
}
