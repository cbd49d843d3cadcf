/** Two service processes that share an engine and issue tokens, and independent clients of them. */
import { join } from "node:path";
import * as oauth from "oauth4webapi";
import { startCluster, startPostgres, startRedis } from "../../tools/engines.mjs";
import { createVerifier, httpFeed, httpJwks } from "sojourn/tokens";
import type { AccessVerifier } from "sojourn/tokens";
import { expect } from "vitest";
import { folder, SECRET, send, serveProcess, sojourn } from "./service-harness.ts";
import type { Answer, Json, Sent, ServedProcess } from "./service-harness.ts";

export const ISSUER = "https://auth.example";
export const AUDIENCE = "https://api.example";
/** Four times what a store takes to prove that it is quiet. */
export const BOUND_MS = 1_000;

type Env = Readonly<Record<string, string>>;

export interface Engine {
  readonly env: Env;
  stop(): Promise<unknown>;
}

/** @param path A folder for what lies in files. */
export const ENGINES: readonly (readonly [string, (path: string) => Promise<Engine>])[] = [
  ["SQLite", (path) => Promise.resolve({ env: files(path), stop: () => Promise.resolve() })],
  [
    "Redis",
    async (path) => {
      const server = await startRedis({ args: ["--appendonly", "yes"] });
      return { env: { ...files(path), SOJOURN_STORE: server.url }, stop: () => server.stop() };
    },
  ],
  [
    "Redis Cluster",
    async (path) => {
      const args = ["--appendonly", "yes"];
      const cluster = await startCluster({ replicasPer: 0, args });
      const hosts = cluster.urls.map((url) => new URL(url).host);
      const store = `redis-cluster://${hosts.join(",")}`;
      return { env: { ...files(path), SOJOURN_STORE: store }, stop: () => cluster.stop() };
    },
  ],
  [
    "PostgreSQL",
    async () => {
      const server = await startPostgres();
      return { env: { SOJOURN_STORE: server.url }, stop: () => server.stop() };
    },
  ],
];

function files(path: string): Env {
  const [store, control] = ["sessions.db", "control.db"].map((name) => join(path, name));
  return { SOJOURN_STORE: `sqlite:${store}`, SOJOURN_CONTROL: `sqlite:${control}` };
}

export interface Pair {
  readonly urls: readonly [string, string];
  /** At one of them, with the service key. */
  api(method: string, path: string, sent?: Sent, base?: string): Promise<Answer>;
  form(base: string, path: string, fields: string, headers?: Env): Promise<Answer>;
  open(subject: string): Promise<string>;
  mint(id: string, base?: string, more?: Json): Promise<string>;
  grant(id: string, more?: Json): Promise<string>;
  /** A resource that follows the key set and the feed of the process at `base`. */
  verifier(base: string, boundMs?: number): AccessVerifier;
  rotate(lead: string): Promise<void>;
  /** The first of them. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startPair(begin: (path: string) => Promise<Engine>): Promise<Pair> {
  const place = folder();
  const engine = await begin(place.path);
  const env = {
    ...engine.env,
    SOJOURN_SECRETS: SECRET,
    SOJOURN_TOKEN_KEYS: join(place.path, "keys.jwks"),
    SOJOURN_TOKEN_ISSUER: ISSUER,
    SOJOURN_TOKEN_AUDIENCES: AUDIENCE,
    SOJOURN_TOKEN_CLIENTS: "app",
    SOJOURN_RATE_LIMIT: "0",
    SOJOURN_METRICS_PORT: "0",
  };
  const command = async (...args: readonly string[]): Promise<string> => {
    const { code, out, err } = await sojourn(args, env);
    if (code !== 0) throw new Error(err);
    return out;
  };
  await command("signing", "rotate", "--lead", "0s");
  let processes: readonly [ServedProcess, ServedProcess] = await Promise.all([
    serveProcess(env),
    serveProcess(env),
  ]);
  const made = JSON.parse(await command("keys", "create", "--name", "api", "--json")) as {
    key: string;
  };
  const { key } = made;
  const halt = () => Promise.all(processes.map((one) => one.stop("SIGTERM")));
  const first = (): string => processes[0].url;
  const pair: Pair = {
    get urls(): readonly [string, string] {
      return [processes[0].url, processes[1].url];
    },
    api: (method, path, sent = {}, base = first()) =>
      send(base + path, method, { ...sent, headers: { authorization: `Bearer ${key}` } }),
    form: (base, path, fields, headers = {}) => {
      const type = { "content-type": "application/x-www-form-urlencoded" };
      const authorization = { authorization: `Bearer ${key}` };
      const own = path.endsWith("/introspect") ? authorization : {};
      return send(base + path, "POST", { raw: fields, headers: { ...type, ...own, ...headers } });
    },
    open: async (subject) => {
      const answer = await pair.api("POST", "/v1/sessions", { body: { subject, amr: ["pwd"] } });
      expect(answer.status).toBe(201);
      return (answer.json["session"] as { id: string }).id;
    },
    mint: async (id, base, more = {}) => {
      const body = { audience: AUDIENCE, clientId: "app", ...more };
      const answer = await pair.api("POST", `/v1/sessions/${id}/access-token`, { body }, base);
      expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
      return String(answer.json["token"]);
    },
    grant: async (id, more = {}) => {
      const body = { clientId: "app", audience: AUDIENCE, scope: "cart:read", ...more };
      const answer = await pair.api("POST", `/v1/sessions/${id}/refresh-token`, { body });
      expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
      return String(answer.json["refreshToken"]);
    },
    verifier: (base, boundMs = BOUND_MS) => {
      const jwks = httpJwks({ url: `${base}/.well-known/jwks.json` });
      const url = `${base}/v1/revocations`;
      const feed = httpFeed({ url, issuer: ISSUER, jwks, serviceKey: key });
      const whom = { issuer: ISSUER, audience: AUDIENCE };
      return createVerifier({ ...whom, jwks, feed, boundMs });
    },
    rotate: async (lead) => void (await command("signing", "rotate", "--lead", lead)),
    restart: async () => {
      await processes[0].stop("SIGTERM");
      processes = [await serveProcess(env), processes[1]];
    },
    stop: async () => {
      await halt();
      await engine.stop();
      place.remove();
    },
  };
  return pair;
}

/** An OAuth client whose addresses are the issuer's and whose requests go to `base`. */
export async function oauthClient(base: () => string) {
  const client: oauth.Client = { client_id: "app" };
  /** What it sent as proofs. */
  const proofs: string[] = [];
  const options = {
    [oauth.customFetch]: (
      url: string,
      { body, ...rest }: { body?: BodyInit | undefined; headers: Record<string, string> },
    ): Promise<Response> => {
      if (rest.headers["dpop"] !== undefined) proofs.push(rest.headers["dpop"]);
      return fetch(url.replace(ISSUER, base()), body === undefined ? rest : { ...rest, body });
    },
  };
  const url = new URL(ISSUER);
  const found = await oauth.discoveryRequest(url, { algorithm: "oauth2", ...options });
  const as = await oauth.processDiscoveryResponse(url, found);
  const keys = await oauth.generateKeyPair("ES256");
  const handle = oauth.DPoP(client, keys);
  const once = async (token: string, more: object) => {
    const asked = { ...options, ...more };
    const auth = oauth.None();
    const answer = await oauth.refreshTokenGrantRequest(as, client, auth, token, asked);
    return oauth.processRefreshTokenResponse(as, client, answer);
  };
  return {
    as,
    proofs,
    jkt: await handle.calculateThumbprint(),
    refresh: (token: string) => once(token, {}),
    /** Again with the nonce that a refusal brought. */
    refreshBound: (token: string) =>
      once(token, { DPoP: handle }).catch((error: unknown) => {
        if (oauth.isDPoPNonceError(error)) return once(token, { DPoP: handle });
        throw error;
      }),
    revoke: async (token: string) =>
      oauth.processRevocationResponse(
        await oauth.revocationRequest(as, client, oauth.None(), token, options),
      ),
  };
}
