/** Options of `createSessions`, checked all at once. */
import { ConfigError, SojournError } from "../engine/errors.ts";
import type { ConfigProblem } from "../engine/errors.ts";
import { isWholeWithin, mixUp, unknownOptions } from "../engine/given.ts";
import { createPolicyBook } from "../engine/policy/tighten.ts";
import type { PolicyBook, Tightening } from "../engine/policy/tighten.ts";
import type { PolicyInput } from "../engine/policy/resolve.ts";
import type { Clock, Entropy, SessionStore, TenantKeys, Timers } from "../engine/ports.ts";
import { csrfRules } from "../http/csrf.ts";
import type { CsrfOptions } from "../http/csrf.ts";
import { forwardedRules } from "../http/forwarded.ts";
import type { ForwardedHeader, ForwardedOptions } from "../http/forwarded.ts";
import { CHUNKS_MAX } from "../tokens/sealed/chunks.ts";
import { readSecrets } from "../tokens/secrets.ts";
import { DBSC_OPTIONS, dbscRules } from "./binding-rules.ts";
import type { DbscOptions } from "./binding-rules.ts";
import { cookieJarRules } from "./cookie-choice.ts";
import { convertProblems } from "./foreign.ts";
import type { ForeignSessions } from "./foreign.ts";
import type { CookieJar, HttpRules } from "./cookie-choice.ts";
import { chunkRules } from "./sealed/cookies.ts";
import { SealedJar } from "./sealed/sealed-jar.ts";
import type { Lockouts } from "./lockouts.ts";
import type { SweepSettings } from "./sweeper.ts";
import { isTenant } from "./tenant.ts";

/** What can be said of the session cookie; the rest comes from the policy. */
export interface CookieSettings {
  readonly name?: string;
  /** `false` only without TLS: one loud warning, and the `__Host-` prefix is dropped. */
  readonly secure?: boolean;
  readonly sameSite?: "Strict" | "Lax" | "None";
  /** Shares the cookie with every subdomain; needs the prefix `__Secure-`. */
  readonly domain?: string;
  readonly prefix?: "__Host-Http-" | "__Host-" | "__Secure-";
  readonly partitioned?: boolean;
  /** Embedded in other sites with one session for all of them: `sameSite: "None"`. */
  readonly embedded?: boolean;
}

export interface SessionsOptions {
  /** Default: in memory, with a loud warning in production. */
  readonly store?: SessionStore;
  /**
   * A call not answered within this many milliseconds, or up to a tenth less, has failed. 1–60000,
   * default 5000.
   */
  readonly storeTimeoutMs?: number;
  /** The first signs, all verify. Each ≥32 random bytes as base64url text or bytes. */
  readonly secrets: readonly (string | Uint8Array | undefined)[];
  /** A preset, or `{ extends, …overrides, justification }`. Default `"saas"`. */
  readonly policy?: PolicyInput;
  /** Tenants, clients and roles may only tighten. */
  readonly tighten?: Tightening;
  /**
   * Answers for policies, over what `policy` and `tighten` came to: for tenants whose tightening
   * is kept elsewhere. It is asked on every request, so it answers from memory.
   */
  readonly policyBook?: (configured: PolicyBook) => PolicyBook;
  /** From configuration, never from a request. Default `"default"`. */
  readonly tenant?: string;
  readonly cookie?: CookieSettings;
  readonly csrf?: Omit<CsrfOptions, "development">;
  /**
   * The cookie holds a sealed copy of the session, which places without a store read by
   * `sojourn/sealed`. `chunksMax`: cookies it may take, 1–4, default 2.
   */
  readonly sealed?: { readonly chunksMax?: number };
  /** Bind sessions to the device where the browser can (DBSC). `sojourn/dbsc` has the endpoints. */
  readonly dbsc?: DbscOptions;
  /** Networks of reverse proxies whose forwarding headers count. Default: none. */
  readonly proxies?: readonly string[];
  readonly forwardedHeader?: ForwardedHeader;
  /**
   * How old an answer may be, in milliseconds, at most 60000. Above 0 sessions are kept near, by a
   * `NearCache` of its own unless the store is one. Default 0: every request asks the store.
   */
  readonly stalenessMs?: number;
  /**
   * What ending a session waits for: this server's disk, a replica, or most of them. Default
   * `"local"`. Where it is not reached in time the end holds all the same, and the answer says so.
   */
  readonly revokeDurability?: "local" | "replicated" | "quorum";
  /** Tenants' own keys. Data of a tenant that has one is encrypted, whatever `encryptData` says. */
  readonly tenantKeys?: TenantKeys;
  /** AES-256-GCM for session data at rest. Values written before stay readable. */
  readonly encryptData?: boolean;
  /** Who is kept out. Default: nobody; asked at every judgement, and may change at any time. */
  readonly lockouts?: Lockouts;
  /** Sessions of other systems that become ours at first sight. */
  readonly convert?: readonly ForeignSessions[];
  /** `false`: another process sweeps. */
  readonly sweep?: Partial<SweepSettings> | false;
  /** Default: `NODE_ENV === "production"`. */
  readonly production?: boolean;
  /** Where warnings go. Default: the runtime's warning channel. */
  readonly warn?: (message: string) => void;
  /** Errors of listeners and background work. Default: as a warning. */
  readonly onError?: (error: unknown) => void;
  readonly clock?: Clock & Partial<Timers>;
  readonly entropy?: Entropy;
}

/** Every option and, where it is an object of ours, its fields. */
const KNOWN: Readonly<Record<string, readonly string[] | undefined>> = {
  store: undefined,
  storeTimeoutMs: undefined,
  secrets: undefined,
  policy: undefined,
  tighten: undefined,
  policyBook: undefined,
  tenant: undefined,
  cookie: ["name", "secure", "sameSite", "domain", "prefix", "partitioned", "embedded"],
  csrf: ["origins", "trusted", "exempt", "reportOnly"],
  sealed: ["chunksMax"],
  dbsc: DBSC_OPTIONS,
  proxies: undefined,
  forwardedHeader: undefined,
  stalenessMs: undefined,
  revokeDurability: undefined,
  tenantKeys: undefined,
  encryptData: undefined,
  lockouts: undefined,
  convert: undefined,
  sweep: ["everyMs", "keepEndedMs"],
  production: undefined,
  warn: undefined,
  onError: undefined,
  clock: undefined,
  entropy: undefined,
};
const STALENESS_MS_MAX = 60_000;
const STORE_TIMEOUT_MS_MAX = 60_000;
const SWEEP_MS_MIN = 100;

export interface CheckedOptions {
  readonly policies: PolicyBook;
  readonly secrets: readonly Uint8Array[];
  readonly tenant: string;
  readonly http: HttpRules;
}

/** @throws {ConfigError} listing every problem of every option. */
export function checkOptions(given: SessionsOptions, production: boolean): CheckedOptions {
  const problems: ConfigProblem[] = [];
  const options = usable(given, problems);
  const { tighten, tenant = "default", cookie = {}, csrf: origins } = options;
  const policies = collect(problems, () =>
    createPolicyBook({
      policy: options.policy ?? "saas",
      ...(tighten === undefined ? {} : { tighten }),
    }),
  );
  const secrets = collect(problems, () => readSecrets(options.secrets));
  if (!isTenant(tenant)) {
    const message = "1 to 63 letters, digits, . _ or -, starting with a letter or digit";
    problems.push({ path: "tenant", message });
  }
  checkInsecure(cookie, production, problems);
  checkNumbers(options, problems);
  checkSealed(options, problems);
  checkTail(options, problems);
  problems.push(...convertProblems(options.convert));
  const csrf = collect(problems, () => csrfRules({ ...origins, development: !production }));
  const forwarded = collect(problems, () => forwardedRules(forwardedOptions(options)));
  const jar = collect(problems, () => cookieJarRules(cookie, policies?.base.cookie, production));
  const bound = collect(problems, () => options.dbsc && dbscRules(options.dbsc, jar?.secure));
  if (!policies || !secrets || !csrf || !forwarded || !jar || problems.length > 0) {
    throw new ConfigError(problems);
  }
  const sealed = sealedJars(options, { secrets, tenant, jar });
  const csrfToken = policies.base.csrf === "fetch-metadata+token";
  const http = { csrf, forwarded, jar, csrfToken, production, bound, sealed };
  const { policyBook = (book: PolicyBook) => book } = options;
  return { policies: policyBook(policies), secrets, tenant, http };
}

function sealedJars(
  { sealed, entropy }: SessionsOptions,
  house: { secrets: readonly Uint8Array[]; tenant: string; jar: CookieJar },
): HttpRules["sealed"] {
  if (sealed === undefined) return undefined;
  const { secrets, tenant, jar } = house;
  const { chunksMax } = sealed;
  const firsts = [jar.secure, ...(jar.loopback === undefined ? [] : [jar.loopback])];
  const jars = firsts.map((first) => {
    const rules = chunkRules(first);
    return [first.name, new SealedJar({ secrets, tenant, rules, chunksMax, entropy })] as const;
  });
  return new Map(jars);
}

function forwardedOptions(options: SessionsOptions): ForwardedOptions {
  const { proxies, forwardedHeader: header } = options;
  return {
    ...(proxies === undefined ? {} : { proxies }),
    ...(header === undefined ? {} : { header }),
  };
}

function checkInsecure(
  cookie: CookieSettings,
  production: boolean,
  problems: ConfigProblem[],
): void {
  if (!production || cookie.secure !== false) return;
  const message =
    "false is refused in production (ASVS 3.3.1): anyone on the way could read the cookie; " +
    "serve HTTPS, or name the proxy that does in `proxies`";
  problems.push({ path: "cookie.secure", message });
}

/** The options whose shape can be read further, so that all problems are found at once. */
function usable(given: SessionsOptions, problems: ConfigProblem[]): SessionsOptions {
  const options: Record<string, unknown> = { ...given };
  checkShape(options, problems);
  for (const { path } of problems) if (Object.hasOwn(KNOWN, path)) delete options[path];
  return options as unknown as SessionsOptions;
}

/** Types are checked by hand: options may come from JSON or from plain JavaScript. */
function checkShape(options: Readonly<Record<string, unknown>>, problems: ConfigProblem[]): void {
  problems.push(...unknownOptions(options, Object.keys(KNOWN)));
  for (const [key, value] of Object.entries(options)) {
    if (!Object.hasOwn(KNOWN, key)) continue;
    const fields = KNOWN[key];
    if (fields === undefined || value === undefined || (key === "sweep" && value === false))
      continue;
    if (typeof value !== "object" || value === null) {
      problems.push({ path: key, message: `takes an object with ${fields.join(", ")}` });
      continue;
    }
    problems.push(...unknownOptions(value, fields, `${key}.`));
  }
  checkTypes(options, problems);
  checkStore(options["store"], problems);
}

function checkStore(store: unknown, problems: ConfigProblem[]): void {
  const mixed = mixUp(store, {
    sessions: "each createSessions() takes the store itself",
    "express-store": "fromExpressStore(store) of sojourn/express-session makes one of it",
    class: "new NAME(…)",
    text: "new SqliteStore({ path })",
  });
  if (store === undefined || (mixed === "" && can(store, "find"))) return;
  problems.push({ path: "store", message: `takes a session store${mixed}` });
}

/** What a value must be, by option. */
const SHAPES: readonly {
  readonly keys: readonly string[];
  readonly accepted: string;
  readonly fits: (value: unknown) => boolean;
}[] = [
  {
    keys: ["encryptData", "production"],
    accepted: "takes true or false",
    fits: (value) => typeof value === "boolean",
  },
  {
    keys: ["warn", "onError", "policyBook"],
    accepted: "takes a function",
    fits: (value) => typeof value === "function",
  },
  {
    keys: ["revokeDurability"],
    accepted: 'takes "local", "replicated" or "quorum"',
    fits: (value) => value === "local" || value === "replicated" || value === "quorum",
  },
  { keys: ["clock"], accepted: "takes an object with now()", fits: (value) => can(value, "now") },
  {
    keys: ["entropy"],
    accepted: "takes an object with bytes()",
    fits: (value) => can(value, "bytes"),
  },
  {
    keys: ["tenantKeys"],
    accepted: "takes an object with keyOf(tenant)",
    fits: (value) => can(value, "keyOf"),
  },
  {
    keys: ["lockouts"],
    accepted: "takes what new Lockouts() made",
    fits: (value) => can(value, "find"),
  },
  {
    keys: ["policy"],
    accepted: "takes a preset's name or an object with `extends`",
    fits: (value) => value !== null,
  },
];

function can(value: unknown, method: string): boolean {
  return typeof value === "object" && value !== null && method in value;
}

function checkTypes(options: Readonly<Record<string, unknown>>, problems: ConfigProblem[]): void {
  for (const { keys, accepted, fits } of SHAPES) {
    for (const path of keys) {
      const value = options[path];
      if (value !== undefined && !fits(value)) problems.push({ path, message: accepted });
    }
  }
}

function checkNumbers(options: SessionsOptions, problems: ConfigProblem[]): void {
  const ranges = [
    ["stalenessMs", 0, STALENESS_MS_MAX],
    ["storeTimeoutMs", 1, STORE_TIMEOUT_MS_MAX],
  ] as const;
  for (const [path, least, most] of ranges) {
    const value = options[path] ?? least;
    if (Number.isSafeInteger(value) && value >= least && value <= most) continue;
    problems.push({ path, message: `whole milliseconds from ${least} to ${most}` });
  }
  if (options.sweep === undefined || options.sweep === false) return;
  for (const key of ["everyMs", "keepEndedMs"] as const) {
    const value = options.sweep[key];
    if (value !== undefined && (!Number.isSafeInteger(value) || value < SWEEP_MS_MIN)) {
      problems.push({
        path: `sweep.${key}`,
        message: `whole milliseconds, at least ${SWEEP_MS_MIN}`,
      });
    }
  }
}

function checkSealed({ sealed, tenantKeys }: SessionsOptions, problems: ConfigProblem[]): void {
  if (sealed !== undefined && tenantKeys !== undefined) {
    const message = "leave it out: sealed cookies are read away from where such keys are kept";
    problems.push({ path: "tenantKeys", message });
  }
  if (isWholeWithin(sealed?.chunksMax ?? 1, 1, CHUNKS_MAX)) return;
  problems.push({ path: "sealed.chunksMax", message: `a whole number from 1 to ${CHUNKS_MAX}` });
}

/** What must be asked every time cannot be kept near. */
function checkTail(options: SessionsOptions, problems: ConfigProblem[]): void {
  const { store, stalenessMs = 0 } = options;
  if (stalenessMs === 0 || store?.near !== undefined) return;
  if (store?.capabilities?.tail !== "lossy") return;
  const { name } = store.capabilities;
  const message = `must be 0: ${name} cannot tell what other processes change`;
  problems.push({ path: "stalenessMs", message });
}

function collect<Value>(problems: ConfigProblem[], read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SojournError)) throw error;
    if (error instanceof ConfigError) problems.push(...error.problems);
    else problems.push({ path: "options", message: error.message });
    return undefined;
  }
}
