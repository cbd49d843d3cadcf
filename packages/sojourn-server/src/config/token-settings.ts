/** Access tokens: off unless there is a file with keys that sign them. */
import type { ConfigProblem } from "sojourn";
import type { ValueReader } from "./values.ts";

export interface TokenSettings {
  readonly keyFile: string;
  /** `iss` of every token; empty where nobody said it, which a service refuses. */
  readonly issuer: string;
  /** Whom tokens may be for. */
  readonly audiences: readonly string[];
  readonly accessTtlMs: number;
  /** Public OAuth clients: no secret, of the service's own tenant. */
  readonly clients: readonly string[];
}

const ACCESS_TTL_MS = 300_000;

/** @returns `undefined` when access tokens are off. */
export function readTokenSettings(
  read: ValueReader,
  problems: ConfigProblem[],
): TokenSettings | undefined {
  const keyFile = read.text("tokens.keyFile");
  const issuer = read.text("tokens.issuer");
  const audiences = read.list("tokens.audiences");
  const clients = read.list("tokens.clients");
  const range = [10_000, 3_600_000] as const;
  const accessTtlMs = read.span("tokens.accessTtl", range, "a span from 10s to 1h");
  if (keyFile === undefined) {
    if (issuer !== undefined || audiences !== undefined) {
      const message = "is missing; make one with: sojourn signing rotate --token-keys tokens.jwks";
      problems.push({ path: "tokens.keyFile", message });
    }
    return undefined;
  }
  return {
    keyFile,
    issuer: issuer ?? "",
    audiences: audiences ?? [],
    accessTtlMs: accessTtlMs ?? ACCESS_TTL_MS,
    clients: clients ?? [],
  };
}
