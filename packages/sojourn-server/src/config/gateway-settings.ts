/** What gateways ask at `/v1/forward-auth`, and how long they may keep an answer. */
import type { ConfigProblem, Requirement } from "sojourn";
import { present } from "./present.ts";
import type { Setting } from "./settings.ts";
import type { ValueReader } from "./values.ts";

/** In which header a gateway names the method: the others of one kind are never looked at. */
const NAMINGS = ["x-forwarded", "x-original"] as const;
type Naming = (typeof NAMINGS)[number];

export interface GatewaySettings {
  readonly naming: Naming;
  /** Asked of every request, besides what the gateway itself asks. */
  readonly require: Requirement;
  /** Absent: nothing is kept. */
  readonly cacheMs: number | undefined;
}

export const GATEWAY_SETTINGS: readonly Setting[] = [
  {
    path: "gateway.naming",
    kind: "text",
    flag: "gateway-naming",
    env: "SOJOURN_GATEWAY_NAMING",
    means: "how gateways name the original method: x-forwarded (X-Forwarded-Method) or x-original",
    standard: "x-forwarded",
  },
  {
    path: "gateway.acr",
    kind: "text",
    flag: "gateway-acr",
    env: "SOJOURN_GATEWAY_ACR",
    means: "class that every session behind a gateway must have reached, like aal2",
    standard: "none",
  },
  {
    path: "gateway.maxAge",
    kind: "span",
    flag: "gateway-max-age",
    env: "SOJOURN_GATEWAY_MAX_AGE",
    means: "how long ago a factor was given at most: 1s to 30d",
    standard: "none",
  },
  {
    path: "gateway.factors",
    kind: "count",
    flag: "gateway-factors",
    env: "SOJOURN_GATEWAY_FACTORS",
    means: "how many kinds of factors were given at least: 1 to 3",
    standard: "none",
  },
  {
    path: "gateway.cache",
    kind: "span",
    flag: "gateway-cache",
    env: "SOJOURN_GATEWAY_CACHE",
    means: "how long a gateway may keep a yes: 1s to 60s, and at most nearCache",
    standard: "none: nothing is kept",
  },
];

const FACTORS_MAX = 3;
const MONTH_MS = 30 * 86_400_000;

export function readGatewaySettings(
  read: ValueReader,
  nearCacheMs: number | undefined,
  problems: ConfigProblem[],
): GatewaySettings {
  const naming = read.text("gateway.naming") ?? "x-forwarded";
  if (!NAMINGS.some((one) => one === naming)) {
    problems.push({ path: "gateway.naming", message: `accepted: ${NAMINGS.join(", ")}` });
  }
  const factors = read.count("gateway.factors");
  if (factors !== undefined && (factors < 1 || factors > FACTORS_MAX)) {
    problems.push({ path: "gateway.factors", message: "accepted: 1, 2 or 3 kinds of factors" });
  }
  const cacheMs = read.span("gateway.cache", [1_000, 60_000], "a span from 1s to 60s");
  if (cacheMs !== undefined && cacheMs > (nearCacheMs ?? 0)) {
    const message =
      "is longer than nearCache, which says how late an end elsewhere may count: " +
      "shorten it, or set nearCache (--near-cache) to as much";
    problems.push({ path: "gateway.cache", message });
  }
  const require = present({
    acr: read.text("gateway.acr"),
    maxAgeMs: read.span("gateway.maxAge", [1_000, MONTH_MS], "a span from 1s to 30d"),
    factors,
  });
  return { naming: naming as Naming, require, cacheMs };
}
