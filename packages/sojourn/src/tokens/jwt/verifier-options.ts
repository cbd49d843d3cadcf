/** What options of a verifier are refused for. */
import type { ConfigProblem } from "../../engine/errors.ts";
import { rangeProblems, unknownOptions } from "../../engine/given.ts";
import type { WholeRange } from "../../engine/given.ts";
import { isSigningAlgorithm, SIGNING_ALGORITHMS } from "../keys/algorithms.ts";
import type { VerifierOptions } from "./verifier.ts";

const KNOWN: readonly (keyof VerifierOptions)[] = [
  "issuer",
  "audience",
  "jwks",
  "feed",
  "algorithms",
  "tenant",
  "boundMs",
  "require",
  "leewayMs",
  "remembered",
  "revocationsMax",
  "onError",
  "time",
];

const RANGES: readonly WholeRange<VerifierOptions>[] = [
  ["boundMs", 100, 300_000],
  ["leewayMs", 0, 60_000],
  ["remembered", 0, 1_000_000],
  ["revocationsMax", 1, 100_000_000],
];

const SAID_EXACTLY = "is missing; exactly the text that tokens carry";
const JWKS = "takes a JWK Set or a source of one, like httpJwks";
const FEED = 'takes a revocation feed, like httpFeed, or "none": then nothing is revocable';

export function problemsOf(options: VerifierOptions): ConfigProblem[] {
  const problems = unknownOptions(options, KNOWN);
  const judge = (fits: boolean, path: keyof VerifierOptions, message: string): void => {
    if (!fits) problems.push({ path, message });
  };
  judge(isText(options.issuer), "issuer", SAID_EXACTLY);
  judge(isText(options.audience), "audience", SAID_EXACTLY);
  judge(isJwks(options.jwks), "jwks", JWKS);
  judge(options.feed === "none" || isReader(options.feed), "feed", FEED);
  const { algorithms = ["ES256"] } = options;
  const known = algorithms.length > 0 && algorithms.every(isSigningAlgorithm);
  judge(known, "algorithms", `takes ${SIGNING_ALGORITHMS.join(", ")}`);
  problems.push(...rangeProblems(options, RANGES));
  return problems;
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function isReader(value: unknown): boolean {
  return typeof (value as { read?: unknown } | null | undefined)?.read === "function";
}

function isJwks(value: unknown): boolean {
  const keys = (value as { keys?: unknown } | null | undefined)?.keys;
  return Array.isArray(keys) || isReader(value);
}
