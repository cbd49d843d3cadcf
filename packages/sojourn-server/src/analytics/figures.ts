/** What one entry of the trail adds to the figures of its hour. */
import type { ReadEntry } from "../audit/trail-reader.ts";
import { AGENT_FAMILIES } from "../audit/agents.ts";

/** A closed set: rows and the documentation name it. */
export const FIGURES = [
  "sign-in",
  "agent",
  "renewal",
  "end",
  "duration",
  "duration-seconds",
  "incident",
  "active",
] as const;
export type Figure = (typeof FIGURES)[number];

export interface Amount {
  readonly tenant: string;
  /** Hours since the epoch, UTC. */
  readonly hour: number;
  readonly figure: Figure;
  readonly label: string;
  readonly amount: number;
}

export const HOUR_MS = 3_600_000;
const SECOND_MS = 1_000;

/** How long sessions lasted: seconds, inclusive; the last one is without a bound. */
export const DURATION_SECONDS: readonly number[] = [
  60, 300, 900, 3_600, 14_400, 43_200, 86_400, 604_800, 2_592_000,
];
export const LONGER = "longer";

const INCIDENTS: ReadonlySet<string> = new Set([
  "token-fork",
  "token-forged",
  "token-unknown",
  "generation-ahead",
  "limit-reached",
  "binding-unproven",
  "proof-refused",
  "cookie-conflict",
]);

export function amountsOf(entry: ReadEntry): readonly Amount[] {
  const { tenant, name, at, detail = {} } = entry;
  const hour = Math.floor(at / HOUR_MS);
  const of = (figure: Figure, label: string, amount = 1): Amount => ({
    tenant,
    hour,
    figure,
    label,
    amount,
  });
  switch (name) {
    case "session-established":
      return [of("sign-in", textOf(detail["kind"])), of("agent", agentOf(entry))];
    case "session-rotated":
      // A sealed successor is a renewal once its client uses it, which is told as `confirmed`.
      return detail["how"] === "sealed" ? [] : [of("renewal", textOf(detail["how"]))];
    case "session-extended":
      return [of("renewal", "extended")];
    case "session-ended":
      return [of("end", entry.reason ?? "erased"), ...durations(detail["lastedMs"], of)];
    default: {
      if (!INCIDENTS.has(name)) return [];
      const suppressed = Number(detail["suppressed"] ?? 0);
      return [of("incident", name, 1 + (Number.isSafeInteger(suppressed) ? suppressed : 0))];
    }
  }
}

function durations(
  lastedMs: unknown,
  of: (figure: Figure, label: string, amount?: number) => Amount,
): readonly Amount[] {
  if (typeof lastedMs !== "number") return [];
  const seconds = Math.max(0, Math.round(lastedMs / SECOND_MS));
  const bucket = DURATION_SECONDS.find((bound) => seconds <= bound);
  return [
    of("duration", bucket === undefined ? LONGER : String(bucket)),
    of("duration-seconds", "", seconds),
  ];
}

/** What a client calls itself is its own choice: beyond a closed set there would be no bound. */
function agentOf({ client }: ReadEntry): string {
  const agent = client?.agent;
  if (agent === undefined) return "unknown";
  return AGENT_FAMILIES.has(agent) ? agent : "other";
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "unknown";
}
