/** The listener for operators: metrics and health, apart from where the public comes in (TR-11). */
import type { IncomingMessage, ServerResponse } from "node:http";
import { problemOf } from "sojourn";
import { isReady } from "../api/routes/public.ts";
import type { House } from "../api/types.ts";

const OK = JSON.stringify({ status: "ok" });

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
  const ready = path === "/readyz" ? await isReady(house) : path === "/healthz";
  if (reading && ready) {
    const headers = { "content-type": "application/json", "cache-control": "no-store" };
    response.writeHead(200, headers).end(OK);
    return;
  }
  const problem = problemOf(path === "/readyz" ? "unavailable" : "not_found");
  response.writeHead(problem.status, { ...problem.headers }).end(problem.body);
}
