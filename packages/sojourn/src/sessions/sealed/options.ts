/** Options of `createSealedSessions`, checked all at once. */
import { ConfigError } from "../../engine/errors.ts";
import type { ConfigProblem } from "../../engine/errors.ts";
import { rangeProblems, unknownOptions } from "../../engine/given.ts";
import type { WholeRange } from "../../engine/given.ts";
import type { Entropy, HostTime } from "../../engine/ports.ts";
import { cookieRules } from "../../http/cookie-rules.ts";
import type { CookieRules } from "../../http/cookie-rules.ts";
import type { RevocationFeed } from "../../tokens/jwt/revocations.ts";
import { CHUNKS_MAX } from "../../tokens/sealed/chunks.ts";
import { readSecrets } from "../../tokens/secrets.ts";
import type { Secret } from "../../tokens/secrets.ts";
import { dbscRules } from "../binding-rules.ts";
import type { DbscOptions } from "../binding-rules.ts";
import type { CookieSettings } from "../options.ts";
import { isTenant } from "../tenant.ts";
import type { SealedAuthority } from "./authority.ts";
import { chunkRules } from "./cookies.ts";

export interface SealedSessionsOptions {
  /** Those of the sessions, in the same order: the first seals, all open. */
  readonly secrets: readonly Secret[];
  /** From configuration, never from a request. Default `"default"`. */
  readonly tenant?: string;
  /** As the origin's sessions have it; further chunks are named `….1`, `….2`. */
  readonly cookie?: CookieSettings;
  /**
   * Read, and neither seal nor set cookies: copies are renewed elsewhere. A bar against mistakes,
   * not against whoever has the secrets. Default false.
   */
  readonly readOnly?: boolean;
  /** Recent revocations: the same feed that verifiers of access tokens take. */
  readonly feed: RevocationFeed;
  readonly authority: SealedAuthority;
  /** A revocation acknowledged longer ago is never missed. 100–300 000 ms, default 5000. */
  readonly boundMs?: number;
  /**
   * After so long the authority is told of the activity and what is sealed is made anew, sooner
   * where a session's idle timeout is shorter than four times that. 1000–3 600 000 ms, default
   * 5 minutes.
   */
  readonly renewEveryMs?: number;
  /** Cookies one session may take; over it the cookie holds its token only. 1–4, default 2. */
  readonly chunksMax?: number;
  /** Revocations that are held; over it nothing is answered. Default 1 000 000. */
  readonly revocationsMax?: number;
  /** As `createSessions` has it: a device-bound session is locked without its bound cookie. */
  readonly dbsc?: Pick<DbscOptions, "cookieName" | "enforcement">;
  /** Trouble with feed and authority. Never holds a token. */
  readonly onError?: (error: unknown) => void;
  /** For tests; default: those of the machine. */
  readonly time?: HostTime;
  readonly entropy?: Entropy;
}

const KNOWN: readonly (keyof SealedSessionsOptions)[] = [
  "secrets",
  "tenant",
  "cookie",
  "readOnly",
  "feed",
  "authority",
  "boundMs",
  "renewEveryMs",
  "chunksMax",
  "revocationsMax",
  "dbsc",
  "onError",
  "time",
  "entropy",
];
const RANGES: readonly WholeRange<SealedSessionsOptions>[] = [
  ["boundMs", 100, 300_000],
  ["renewEveryMs", 1_000, 3_600_000],
  ["chunksMax", 1, CHUNKS_MAX],
  ["revocationsMax", 1, 100_000_000],
];

export interface SealedRules {
  /** Those that a sealed session can take, the first one first. */
  readonly cookies: readonly CookieRules[];
  /** Without it a device-bound session is locked; absent where devices are observed only. */
  readonly boundCookie: string | undefined;
}

/** @throws {ConfigError} listing every problem. */
export function checkOptions(options: SealedSessionsOptions): SealedRules {
  const problems: ConfigProblem[] = unknownOptions(options, KNOWN);
  const judge = (fits: boolean, path: string, message: string): void => {
    if (!fits) problems.push({ path, message });
  };
  collect(problems, () => readSecrets(options.secrets));
  const cookie = { ...options.cookie, production: true, loopback: false };
  const first = collect(problems, () => cookieRules(cookie));
  const { dbsc = {} } = options;
  problems.push(...unknownOptions(dbsc, ["cookieName", "enforcement"], "dbsc."));
  const bound = collect(problems, () => dbscRules(dbsc));
  judge(isTenant(options.tenant ?? "default"), "tenant", "is not a tenant name");
  judge(has(options.feed, "read"), "feed", "takes a revocation feed, like httpFeed");
  judge(has(options.authority, "check"), "authority", "takes who can tell, like sessionsAuthority");
  problems.push(...rangeProblems(options, RANGES));
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    cookies: first === undefined ? [] : chunkRules(first),
    boundCookie: dbsc.enforcement === "observe" ? undefined : bound?.cookie.name,
  };
}

function collect<T>(problems: ConfigProblem[], make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

function has(value: unknown, method: string): boolean {
  return typeof (value as Record<string, unknown> | null | undefined)?.[method] === "function";
}
