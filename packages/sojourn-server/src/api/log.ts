/**
 * Structured logs, one JSON object per line. What may be said is listed here field by field, so a
 * secret has no way in: no address with its query, no header, no body, no message of an error that
 * quotes what it was given.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { pino } from "pino";
import type { DestinationStream, Logger } from "pino";
import { SojournError } from "sojourn";
import type { SessionEvent, Sessions } from "sojourn";
import type { LogLevel } from "../config/values.ts";
import type { RequestInHand } from "./types.ts";

/** Which request is being worked on, for the audit lines and entries that it causes. */
export const requestScope: AsyncLocalStorage<RequestInHand> = new AsyncLocalStorage();

/** Members of events that the audit shows. The handle stays out: `sidRef` stands for it. */
const AUDITED = [
  "tenant",
  "subject",
  "sidRef",
  "actor",
  "cause",
  "kind",
  "acr",
  "amr",
  "reason",
  "why",
  "how",
  "generation",
  "confirmed",
  "reaction",
  "sameContext",
  "factors",
  "keys",
  "roles",
  "epoch",
  "ended",
  "max",
  "onLimit",
  "operation",
] as const;

export function createLog(level: LogLevel, destination: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError, req: () => undefined, res: () => undefined },
    },
    destination,
  );
}

/** An error without what it quotes: kind, code and where; the words only of our own errors. */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { kind: typeof error };
  const code = "code" in error && typeof error.code === "string" ? { code: error.code } : {};
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  const words = error instanceof SojournError ? { message: error.message } : {};
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) };
  const at = frames.slice(0, 12).map((line) => line.trim());
  return { kind: error.name, ...code, ...words, at, ...cause };
}

/** Write every event as one audit line. @returns a function that stops. */
export function auditLines(sessions: Sessions, log: Logger): () => void {
  return sessions.events.on("*", (event: SessionEvent) => {
    const line: Record<string, unknown> = {
      event: event.name,
      at: new Date(event.at).toISOString(),
    };
    const members = event as unknown as Readonly<Record<string, unknown>>;
    for (const name of AUDITED) if (members[name] !== undefined) line[name] = members[name];
    const request = requestScope.getStore();
    if (request !== undefined) line["reqId"] = request.id;
    log.info(line, "audit");
  });
}
