/** Access tokens: off unless there is a file with keys that sign them. */
import { ConfigError } from "sojourn";
import type { ConfigProblem } from "sojourn";
import { tokenEncrypter } from "sojourn/tokens";
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
  /** Whose pages may call the OAuth endpoints. */
  readonly origins: readonly string[];
  /** Makes a signed token into one that its audience alone reads. */
  readonly encryptTo: ReadonlyMap<string, (token: string) => Promise<string>>;
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
  const origins = readOrigins(read, problems);
  const encryptTo = readEncryptTo(read, audiences ?? [], problems);
  const range = [10_000, 3_600_000] as const;
  const accessTtlMs = read.span("tokens.accessTtl", range, "a span from 10s to 1h");
  if (keyFile === undefined) {
    const others = [issuer, audiences, clients, origins, read.object("tokens.encryptTo")];
    if (others.some((other) => other !== undefined)) {
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
    origins: origins ?? [],
    encryptTo,
  };
}

const LOCAL = ["localhost", "127.0.0.1", "[::1]"];

/** Written as browsers send it: anything else would match nothing, and nobody would notice. */
function readOrigins(read: ValueReader, problems: ConfigProblem[]): readonly string[] | undefined {
  const origins = read.list("tokens.origins");
  for (const origin of origins ?? []) {
    if (isOrigin(origin)) continue;
    const form = "takes origins as browsers send them, https://shop.example or https://host:8443";
    const message = `given ${JSON.stringify(origin)}; ${form} (http on this machine only)`;
    problems.push({ path: "tokens.origins", message });
  }
  return origins;
}

function isOrigin(text: string): boolean {
  if (text.includes("*") || !URL.canParse(text)) return false;
  const { origin, protocol, hostname } = new URL(text);
  return (
    origin === text && (protocol === "https:" || (protocol === "http:" && LOCAL.includes(hostname)))
  );
}

const PRIVATE = ["d", "k", "p", "q"];

function readEncryptTo(
  read: ValueReader,
  audiences: readonly string[],
  problems: ConfigProblem[],
): TokenSettings["encryptTo"] {
  const made = new Map<string, (token: string) => Promise<string>>();
  for (const [audience, key] of Object.entries(read.object("tokens.encryptTo") ?? {})) {
    const path = `tokens.encryptTo[${JSON.stringify(audience)}]`;
    const jwk = (typeof key === "object" ? (key ?? {}) : {}) as Record<string, unknown>;
    if (!audiences.includes(audience)) {
      problems.push({ path, message: "is none of those in tokens.audiences" });
    }
    if (PRIVATE.some((member) => Object.hasOwn(jwk, member))) {
      problems.push({ path, message: "holds a secret: give the public key of an EC or RSA pair" });
      continue;
    }
    try {
      made.set(audience, tokenEncrypter({ key: jwk }));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems.map(({ message }) => ({ path, message })));
    }
  }
  return made;
}
