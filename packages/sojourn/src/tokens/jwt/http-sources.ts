/** JWKS and revocation feed over HTTP, each call with a deadline. Nothing a token says is asked. */
import { entropy, hostTime } from "#platform";
import { ConfigError } from "../../engine/errors.ts";
import type { HostTime } from "../../engine/ports.ts";
import { encodeBase64Url } from "../base64url.ts";
import { SIGNING_ALGORITHMS } from "../keys/algorithms.ts";
import type { RevocationFeed, RevocationPage } from "./revocations.ts";
import { openPage } from "./signed-page.ts";
import { VerifyKeys } from "./verify-keys.ts";
import type { JwksSource } from "./verify-keys.ts";

export interface HttpSourceOptions {
  readonly url: string | URL;
  /** For a whole call; default 3000. */
  readonly timeoutMs?: number;
  /** Default: the runtime's. */
  readonly fetch?: typeof fetch;
}

export interface HttpFeedOptions extends HttpSourceOptions {
  /** As pages name it. */
  readonly issuer: string;
  /** The keys that sign pages. */
  readonly jwks: JwksSource;
  /** A service key that may read revocations. */
  readonly serviceKey: string;
  /** For tests; default: the clocks of the machine. */
  readonly time?: HostTime;
}

const TIMEOUT_MS = 3_000;
const NONCE_BYTES = 12;

/** An issuer's JWKS, e.g. `https://auth.example/.well-known/jwks.json`. */
export function httpJwks(options: HttpSourceOptions): JwksSource {
  const url = urlOf(options);
  return {
    async read() {
      const response = await get(options, url, { accept: "application/json" });
      return (await response.json()) as unknown;
    },
  };
}

/**
 * The signed revocation feed of a Sojourn service, e.g. `https://auth.example/v1/revocations`.
 * Each page answers a nonce of ours, so that none is older than the question.
 */
export function httpFeed(options: HttpFeedOptions): RevocationFeed {
  const url = urlOf(options);
  const keys = new VerifyKeys({
    source: options.jwks,
    purpose: "revocation-feed",
    algorithms: SIGNING_ALGORITHMS,
    time: options.time ?? hostTime,
    onError: undefined,
  });
  const headers = { accept: "application/jwt", authorization: `Bearer ${options.serviceKey}` };
  return {
    async read(since?: string): Promise<RevocationPage> {
      const nonce = encodeBase64Url(entropy.bytes(NONCE_BYTES));
      const asked = new URL(url);
      asked.searchParams.set("nonce", nonce);
      if (since !== undefined) asked.searchParams.set("since", since);
      const response = await get(options, asked, headers);
      return openPage(await response.text(), keys, { issuer: options.issuer, nonce });
    },
  };
}

function urlOf({ url }: HttpSourceOptions): URL {
  if (URL.canParse(url)) return new URL(url);
  throw new ConfigError([{ path: "url", message: "is no absolute address" }]);
}

/**
 * A redirect could lead anywhere, with our key: none is followed, and its answer is none. The
 * word "error" would say so, too, but workerd does not know it.
 */
async function get(
  { timeoutMs = TIMEOUT_MS, fetch: ask = fetch }: HttpSourceOptions,
  url: URL,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await ask(url, { headers, redirect: "manual", signal });
  if (response.ok) return response;
  throw new TypeError(`${url.pathname} answered ${response.status}`);
}
