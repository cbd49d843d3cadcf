/**
 * Every setting of the service: one table for the file, the environment, the flags and the help.
 * A flag outranks the environment, which outranks the file.
 */
import { AUDIT_SETTINGS } from "./audit-settings.ts";
import { CONSOLE_SETTINGS } from "./console-settings.ts";
import { CONTROL_ACCEPTED, STORE_ACCEPTED } from "./places.ts";
import { GATEWAY_SETTINGS } from "./gateway-settings.ts";
import { CONSUMER_SETTINGS } from "./consumer-settings.ts";
import { RISKS } from "./risks.ts";
import { TELEMETRY_SETTINGS } from "./telemetry-settings.ts";

type SettingKind =
  | "text"
  | "port"
  | "metrics-port"
  | "store"
  | "control"
  | "cache"
  | "span"
  | "bytes"
  | "count"
  | "boolean"
  | "level"
  | "list"
  | "policy"
  | "object";

export interface Setting {
  /** Name in the configuration file; a dot is a level. */
  readonly path: string;
  readonly kind: SettingKind;
  /** Without dashes. Absent: not settable by a flag. */
  readonly flag?: string;
  /** Absent: not settable by the environment. */
  readonly env?: string;
  readonly means: string;
  /** As shown in the help. */
  readonly standard: string;
}

export const SETTINGS: readonly Setting[] = [
  {
    path: "host",
    kind: "text",
    flag: "host",
    env: "SOJOURN_HOST",
    means: "address to listen on",
    standard: "127.0.0.1",
  },
  {
    path: "port",
    kind: "port",
    flag: "port",
    env: "SOJOURN_PORT",
    means: "port to listen on; 0 takes a free one",
    standard: "7380",
  },
  {
    path: "store",
    kind: "store",
    flag: "store",
    env: "SOJOURN_STORE",
    means: `where sessions live: ${STORE_ACCEPTED}; memory: is lost at the end`,
    standard: "sqlite:sojourn.db",
  },
  {
    path: "control",
    kind: "control",
    flag: "control",
    env: "SOJOURN_CONTROL",
    means: `where service keys and kept replies live: ${CONTROL_ACCEPTED}`,
    standard: "with sessions in SQLite or PostgreSQL, else sqlite:sojourn-control.db",
  },
  {
    path: "storeTimeout",
    kind: "span",
    flag: "store-timeout",
    env: "SOJOURN_STORE_TIMEOUT",
    means: "a store that has not answered for so long has failed: 100ms to 60s",
    standard: "5s",
  },
  {
    path: "nearCache",
    kind: "span",
    flag: "near-cache",
    env: "SOJOURN_NEAR_CACHE",
    means: "keep sessions in memory; an end elsewhere counts within this span: 100ms to 60s",
    standard: "none: every request asks the store",
  },
  {
    path: "cache",
    kind: "cache",
    flag: "cache",
    env: "SOJOURN_CACHE",
    means: "what services share between nearCache and the store: memcached://HOST:PORT,HOST:PORT",
    standard: "none",
  },
  {
    path: "revokeDurability",
    kind: "text",
    flag: "revoke-durability",
    env: "SOJOURN_REVOKE_DURABILITY",
    means: "what ending a session waits for: local, replicated or quorum",
    standard: "local",
  },
  {
    path: "acceptRisks",
    kind: "list",
    flag: "accept-risk",
    env: "SOJOURN_ACCEPT_RISKS",
    means: `set-up of the store that is refused otherwise: ${RISKS.join(", ")}`,
    standard: "none",
  },
  {
    path: "secretFile",
    kind: "list",
    flag: "secret-file",
    env: "SOJOURN_SECRET_FILE",
    means: "file with one secret per line; the first signs, all verify",
    standard: "none; required unless SOJOURN_SECRETS is set",
  },
  {
    path: "policy",
    kind: "policy",
    flag: "policy",
    env: "SOJOURN_POLICY",
    means: "preset; in a file also an object with `extends` and changes",
    standard: "saas",
  },
  {
    path: "tenants",
    kind: "object",
    means: "per tenant: what tightens the policy",
    standard: "none",
  },
  {
    path: "clients",
    kind: "object",
    means: "per client: what tightens the policy",
    standard: "none",
  },
  { path: "roles", kind: "object", means: "per role: what tightens the policy", standard: "none" },
  {
    path: "csrf.origins",
    kind: "list",
    flag: "origin",
    env: "SOJOURN_ORIGINS",
    means: "own origin of the pages that call the Self group",
    standard: "none; on loopback the request's own",
  },
  {
    path: "csrf.trusted",
    kind: "list",
    env: "SOJOURN_TRUSTED_ORIGINS",
    means: "other origins whose pages may act on a session",
    standard: "none",
  },
  {
    path: "proxies",
    kind: "list",
    flag: "proxy",
    env: "SOJOURN_PROXIES",
    means: "network of a reverse proxy whose forwarding headers count",
    standard: "none",
  },
  {
    path: "forwardedHeader",
    kind: "text",
    env: "SOJOURN_FORWARDED_HEADER",
    means: "the header those proxies write: forwarded or x-forwarded",
    standard: "x-forwarded",
  },
  ...GATEWAY_SETTINGS,
  {
    path: "cookie",
    kind: "object",
    means: "name, secure, sameSite, domain, prefix, partitioned",
    standard: "from the policy",
  },
  {
    path: "dbsc.enabled",
    kind: "boolean",
    flag: "dbsc",
    env: "SOJOURN_DBSC",
    means: "bind sessions to the device where browsers can (DBSC)",
    standard: "false",
  },
  {
    path: "dbsc.path",
    kind: "text",
    flag: "dbsc-path",
    env: "SOJOURN_DBSC_PATH",
    means: "where browsers find PATH/register and PATH/refresh",
    standard: "/dbsc",
  },
  {
    path: "dbsc.enforcement",
    kind: "text",
    flag: "dbsc-enforcement",
    env: "SOJOURN_DBSC_ENFORCEMENT",
    means: "what a request without its bound cookie is: observe, step-up or require",
    standard: "by the policy's binding",
  },
  {
    path: "dbsc.onSkipped",
    kind: "text",
    env: "SOJOURN_DBSC_ON_SKIPPED",
    means: "the same where the browser says it could not refresh: degraded, step-up or require",
    standard: "as dbsc.enforcement",
  },
  {
    path: "dbsc.cookieName",
    kind: "text",
    env: "SOJOURN_DBSC_COOKIE",
    means: "name of the bound cookie, without its prefix",
    standard: "session-bound",
  },
  {
    path: "dbsc.webcrypto",
    kind: "boolean",
    flag: "dbsc-webcrypto",
    env: "SOJOURN_DBSC_WEBCRYPTO",
    means: "bind to keys of sojourn-client in browsers without DBSC: PATH/webcrypto",
    standard: "false",
  },
  {
    path: "dbsc.site",
    kind: "text",
    flag: "dbsc-site",
    env: "SOJOURN_DBSC_SITE",
    means: "bind the whole site of this origin, like https://example.com",
    standard: "none: one origin",
  },
  {
    path: "dbsc.registeringOrigins",
    kind: "list",
    flag: "dbsc-origin",
    env: "SOJOURN_DBSC_ORIGINS",
    means: "origin below dbsc.site where people sign in",
    standard: "none",
  },
  {
    path: "encryptData",
    kind: "boolean",
    flag: "encrypt-data",
    env: "SOJOURN_ENCRYPT_DATA",
    means: "encrypt session data at rest (AES-256-GCM)",
    standard: "false",
  },
  {
    path: "metrics.host",
    kind: "text",
    flag: "metrics-host",
    env: "SOJOURN_METRICS_HOST",
    means: "address of the listener for /metrics",
    standard: "as host",
  },
  {
    path: "metrics.port",
    kind: "metrics-port",
    flag: "metrics-port",
    env: "SOJOURN_METRICS_PORT",
    means: "port of the listener for /metrics, or off",
    standard: "port + 1000",
  },
  {
    path: "tokens.keyFile",
    kind: "text",
    flag: "token-keys",
    env: "SOJOURN_TOKEN_KEYS",
    means: "file with the keys that sign access tokens, mode 0600; see sojourn signing rotate",
    standard: "none: access tokens are off",
  },
  {
    path: "tokens.issuer",
    kind: "text",
    flag: "token-issuer",
    env: "SOJOURN_TOKEN_ISSUER",
    means: "iss of access tokens: the https address of this service",
    standard: "none; required with tokens.keyFile",
  },
  {
    path: "tokens.audiences",
    kind: "list",
    flag: "token-audience",
    env: "SOJOURN_TOKEN_AUDIENCES",
    means: "whom access tokens may be for",
    standard: "none: no token is issued",
  },
  {
    path: "tokens.clients",
    kind: "list",
    flag: "token-client",
    env: "SOJOURN_TOKEN_CLIENTS",
    means: "client_id of each public OAuth client, which has no secret",
    standard: "none: clients are service keys",
  },
  {
    path: "tokens.origins",
    kind: "list",
    flag: "token-origin",
    env: "SOJOURN_TOKEN_ORIGINS",
    means: "origin of each single-page application that calls the OAuth endpoints itself",
    standard: "none: no other origin's pages may",
  },
  {
    path: "tokens.encryptTo",
    kind: "object",
    means:
      "per audience: the public JWK, with alg and kid, that its access tokens are encrypted to",
    standard: "none: access tokens are signed alone",
  },
  {
    path: "tokens.accessTtl",
    kind: "span",
    flag: "token-ttl",
    env: "SOJOURN_TOKEN_TTL",
    means: "how long an access token lives at most: 10s to 1h",
    standard: "5m",
  },
  ...AUDIT_SETTINGS,
  ...TELEMETRY_SETTINGS,
  ...CONSUMER_SETTINGS,
  ...CONSOLE_SETTINGS,
  {
    path: "logLevel",
    kind: "level",
    flag: "log-level",
    env: "SOJOURN_LOG_LEVEL",
    means: "debug, info, warn, error or silent; JSON lines on standard error",
    standard: "info",
  },
  {
    path: "bodyLimit",
    kind: "bytes",
    flag: "body-limit",
    env: "SOJOURN_BODY_LIMIT",
    means: "largest request body, like 256kb",
    standard: "256kb",
  },
  {
    path: "rateLimit",
    kind: "count",
    flag: "rate-limit",
    env: "SOJOURN_RATE_LIMIT",
    means: "requests per second and caller, twice that in a burst; 0 is no limit",
    standard: "2000",
  },
  {
    path: "streams",
    kind: "count",
    flag: "streams",
    env: "SOJOURN_STREAMS",
    means: "most live streams open at once",
    standard: "10000",
  },
  {
    path: "drain",
    kind: "span",
    flag: "drain",
    env: "SOJOURN_DRAIN",
    means: "at SIGTERM, how long /readyz says no before requests are refused: 0s to 5m",
    standard: "1s",
  },
  {
    path: "production",
    kind: "boolean",
    flag: "production",
    env: "SOJOURN_PRODUCTION",
    means: "no cookie over plain HTTP, not even on loopback",
    standard: 'NODE_ENV is "production"',
  },
];

/** Settings of the environment that are not rows above. */
export const OTHER_ENV: readonly string[] = ["SOJOURN_SECRETS", "SOJOURN_SECRET", "SOJOURN_CONFIG"];
