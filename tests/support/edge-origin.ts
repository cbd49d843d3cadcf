/** What a worker asks over HTTP: an issuer's keys and its signed revocation feed. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import {
  createIssuer,
  createSigningKeys,
  environmentKeys,
  rotateKeys,
  signPage,
} from "sojourn/tokens";
import type { RevocationEntry } from "sojourn/tokens";
import { EDGE_AUDIENCE, EDGE_ISSUER } from "./edge-service.ts";
import { sessionOf } from "./token-world.ts";

export interface EdgeOrigin {
  readonly url: string;
  /** How long an answer takes. */
  delayMs: number;
  /** Paths that were asked for. */
  readonly asked: string[];
  stop(): void;
}

const KEEP_MS = 900_000;

/**
 * `/jwks.json` and `/v1/revocations` as a service has them, `/moved` that leads to the former, and
 * for whoever tests: `/token?session=…&jkt=…` issues and `/end?session=…` ends.
 */
export async function edgeOrigin(): Promise<EdgeOrigin> {
  const access = await keysFor("access-token");
  const feed = await keysFor("revocation-feed");
  const templates = { [EDGE_AUDIENCE]: {} };
  const issuer = createIssuer({ issuer: EDGE_ISSUER, keys: access, templates });
  const entries: RevocationEntry[] = [];
  const answers: Readonly<Record<string, (query: URLSearchParams) => Promise<string>>> = {
    async "/jwks.json"() {
      const sets = await Promise.all([access.jwks(), feed.jwks()]);
      return JSON.stringify({ keys: sets.flatMap(({ keys }) => keys) });
    },
    "/v1/revocations"(query) {
      const position = String(entries.length);
      const told = entries.slice(Number(query.get("since") ?? 0));
      const page = { position, entries: told, complete: true, at: Date.now(), ageMs: 0 };
      const nonce = query.get("nonce") ?? undefined;
      return signPage(feed, { ...page, keepMs: KEEP_MS }, { issuer: EDGE_ISSUER, nonce });
    },
    async "/token"(query) {
      const now = Date.now();
      const times = { createdAt: now, authenticatedAt: now, seenAt: now };
      const id = query.get("session") ?? "";
      const session = sessionOf({ ...times, id, absoluteExpiresAt: now + KEEP_MS });
      const jkt = query.get("jkt");
      const bound = jkt === null ? {} : { cnf: { jkt } };
      const request = { session, audience: EDGE_AUDIENCE, clientId: "app", ...bound };
      return (await issuer.issue(request)).token;
    },
    async "/end"(query) {
      const session = `ses_${query.get("session")}`;
      entries.push({ kind: "session", session, at: Date.now() });
      return session;
    },
  };
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://127.0.0.1");
    origin.asked.push(pathname);
    void sleep(origin.delayMs).then(async () => {
      const answer = await answers[pathname]?.(searchParams);
      if (answer === undefined) response.writeHead(302, { location: "/jwks.json" });
      response.end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin: EdgeOrigin = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    delayMs: 0,
    asked: [],
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return origin;
}

async function keysFor(purpose: "access-token" | "revocation-feed") {
  const now = Date.now();
  const { document } = await rotateKeys({ purpose, now, leadMs: 0, overlapMs: 0 });
  return createSigningKeys({ provider: await environmentKeys({ keys: [document] }), purpose });
}
