/**
 * What a driver said when it first reached for an engine, as one line that names the place, the
 * problem and what mends it. Errors are told apart by their codes; Redis and the drivers' own
 * errors have none, so there the first words decide. Nothing of them is repeated. Invariant I12.
 */
import { ConfigError } from "sojourn";

/** An engine cannot be used: the place, why, and what mends it, on one line. */
export class PlaceError extends Error {
  constructor(place: string, problem: string) {
    super(`${place}: ${problem}`);
    this.name = "PlaceError";
  }
}

type Advice = readonly [match: RegExp, problem: string];

const NETWORK: readonly Advice[] = [
  [/^ECONNREFUSED$/, "nothing listens there; check host and port, and that the server runs"],
  [/^(?:ENOTFOUND|EAI_\w+)$/, "there is no such host; check its name"],
  [/^(?:EHOSTUNREACH|ENETUNREACH|EHOSTDOWN)$/, "there is no way to that host; check the network"],
  [/^(?:ENOENT|EACCES)$/, "the socket is not there or may not be used; check path and rights"],
  [
    /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_UNTRUSTED)$/,
    "the server's certificate is not trusted; name the file of its authority: ?CA=FILE",
  ],
  [/^CERT_HAS_EXPIRED$/, "the server's certificate has expired; renew it"],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    "the server's certificate is for another host; use the name it was made for",
  ],
  [/^(?:ERR_SSL_\w+|EPROTO)$/, "the server does not speak TLS there; check port and scheme"],
  [
    /^(?:ETIMEDOUT|Connection timeout|timeout expired|Query read timeout|Connection terminated due)/,
    "no answer in time; check host, port, TLS and firewall, and that it is the right kind of server",
  ],
];

const POSTGRES: readonly Advice[] = [
  [
    /^28000$/,
    "the server refuses this user, database or connection without TLS; check pg_hba.conf, " +
      "or add ?sslmode=require",
  ],
  [/^28/, "the server refused user or password; check both"],
  [/^3D000$/, "there is no such database; make it, or correct the URL"],
  [/^42501$/, "the user may not do what is needed; grant it (see docs/stores/postgres.md)"],
  [/^53300$/, "the server has no connection left; raise max_connections or use a pooler"],
  [/^57P03$/, "the server is starting or stopping; try again"],
  [/^08P01$/, "the server could not read what was sent; is it PostgreSQL?"],
  [
    /^(?:The server does not support SSL|There was an error establishing an SSL)/,
    "the server offers no TLS; switch it on there, or leave sslmode out",
  ],
  [
    /^(?:SASL|SCRAM)/,
    "the server wants a password; put it into the URL, PGPASSWORD or the password file",
  ],
  [
    /^(?:Connection terminated|ECONNRESET|EPIPE|Socket closed)/,
    "the server ended the connection; is it PostgreSQL, and does it take TLS?",
  ],
];

const REDIS: readonly Advice[] = [
  [/^-?NOAUTH/, "the server wants a password; put it into the URL: redis://:PASSWORD@HOST"],
  [/^-?WRONGPASS/, "the server refused user or password; check both"],
  [
    /^-?ERR AUTH|called without any password/,
    "the server has no password set; leave it out of the URL, or set one there",
  ],
  [/^-?NOPERM/, "the user may not run what is needed; see docs/stores/redis.md"],
  [
    /^-?ERR (?:DB index|invalid DB|SELECT)/,
    "the server has no database of that number; check the end of the URL",
  ],
  [
    /WRONGTYPE|belongs to somebody else/,
    "a key that we need belongs to another application; give sessions a server of their own, or " +
      "names of their own with ?prefix=NAME",
  ],
  [/^-?LOADING/, "the server is still loading its data; try again"],
  [/^-?DENIED/, "the server is in protected mode; give it a password, or name the right address"],
  [/^-?ERR unknown command .?SENTINEL/i, "is no Sentinel; check its port, 26379 by default"],
  [/^-?ERR unknown command .?HELLO/, "the server is too old; use Redis 7.0 or Valkey 8 or newer"],
  [
    /^(?:Socket closed|ECONNRESET|EPIPE)/,
    "the server ended the connection; does it want TLS (rediss://), and is it Redis?",
  ],
  [/^(?:Got an unexpected|Unknown RESP type|Unexpected)/, "the server is no Redis; check the port"],
];

/**
 * @param kind Which engine was meant.
 * @returns an error to throw instead of `error`; bugs pass unchanged.
 */
export function placeTrouble(error: unknown, kind: "postgres" | "redis", place: string): unknown {
  if (!(error instanceof Error) || error instanceof ConfigError) return error;
  if (error instanceof PlaceError) return error;
  // Says itself what there is and what to do.
  if (codeOf(error) === "ERR_STORE_SCHEMA") return new PlaceError(place, error.message);
  const table = [...(kind === "postgres" ? POSTGRES : REDIS), ...NETWORK];
  for (const word of wordsOf(error)) {
    const [, problem] = table.find(([match]) => match.test(word)) ?? [];
    const file = kind === "postgres" ? "?sslrootcert=FILE" : "?ca=FILE";
    if (problem !== undefined) return new PlaceError(place, problem.replace("?CA=FILE", file));
  }
  const code = /^[A-Z0-9_]{2,40}$/.exec(codeOf(error))?.[0] ?? error.name;
  return new PlaceError(place, `cannot be used (${code}); see the server's log`);
}

/** Code first, then text; of several attempts (IPv4, IPv6) those of each. */
function wordsOf(error: Error): readonly string[] {
  const inner = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  const parts = [error, error.cause, ...inner].filter((one) => one instanceof Error);
  return [...parts.map(codeOf), ...parts.map(({ message }) => message)].filter(Boolean);
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}

/** A store's refusal of its server, in the words of the service: one line per reason. */
export function inServiceWords(error: ConfigError, place: string): ConfigError {
  return new ConfigError(
    error.problems.map(({ message }) => ({
      path: place,
      message: message
        .replaceAll(
          /accept it with acceptRisks: \["([\w-]+)"\]/g,
          "accept it with --accept-risk $1",
        )
        .replaceAll(/pass buckets: (\d+)/g, "add ?buckets=$1 to the URL"),
    })),
  );
}
