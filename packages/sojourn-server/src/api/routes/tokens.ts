/** Access tokens: minted for sessions, verified elsewhere with the key set and the feed. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { problemOf } from "sojourn";
import { formatPage, signPage } from "sojourn/tokens";
import type { RevocationLog, RevocationPage } from "sojourn/tokens";
import { z } from "zod";
import { present } from "../../config/present.ts";
import { allowOrigins } from "../cross-origin.ts";
import { answers, answersSigned, backend, open } from "../documents.ts";
import { callerOf } from "../guards.ts";
import { once } from "../idempotency.ts";
import { invalid, Refusal } from "../problems.ts";
import { idParams } from "../schemas.ts";
import {
  accessTokenBody,
  accessTokenReply,
  jwkSet,
  refreshTokenBody,
  refreshTokenReply,
  revocationPage,
} from "../token-schemas.ts";
import type { TokenHouse } from "../../main/tokens.ts";
import type { StreamRoom } from "../streams.ts";
import type { App, House } from "../types.ts";
import { instant } from "../views.ts";
import { liveSession } from "./backend-sessions.ts";

/** Verifiers read it again after five minutes at the latest; a new key is published earlier. */
const JWKS_MAX_AGE_SECONDS = 60;
const WAIT_SECONDS_MAX = 25;

const feedQuery = z.strictObject({
  since: z.string().max(64).optional(),
  nonce: z.string().max(64).optional(),
  wait: z.coerce.number().int().min(0).max(WAIT_SECONDS_MAX).optional(),
});

/** @throws {Refusal} 404 where access tokens are off. */
export function tokensOf(house: House): TokenHouse {
  if (house.tokens !== undefined) return house.tokens;
  const detail = "Access tokens are off here: there are no keys for them (tokens.keyFile).";
  throw new Refusal(problemOf("not_found", { detail }));
}

export function keySetRoute(app: App, house: House): void {
  allowOrigins(app, house.config.tokens?.origins ?? [], { "/.well-known/jwks.json": "GET" });
  app.get(
    "/.well-known/jwks.json",
    {
      schema: {
        ...open,
        operationId: "jwks",
        summary: "The public keys that verify access tokens and the revocation feed",
        response: answers(jwkSet, "A JWK Set (RFC 7517); each key with its `purpose`."),
      },
    },
    async (_request, reply) => {
      const { accessKeys, feedKeys, introspectionKeys } = tokensOf(house);
      const all = [accessKeys, feedKeys, introspectionKeys];
      const sets = await Promise.all(all.map((keys) => keys.jwks()));
      void reply.header("cache-control", `public, max-age=${JWKS_MAX_AGE_SECONDS}`);
      return { keys: sets.flatMap(({ keys }) => keys) };
    },
  );
}

export function tokenRoutes(app: App, house: House): void {
  app.post(
    "/v1/sessions/:id/access-token",
    {
      config: { scope: "sessions:write", repeatable: true },
      schema: {
        ...backend,
        operationId: "issueAccessToken",
        summary: "An access token (JWT, RFC 9068) of an active session, for one audience",
        description: "It lives for minutes and never past the session; it is revoked with it.",
        params: idParams,
        body: accessTokenBody,
        response: answers(accessTokenReply, "The token, shown this once."),
      },
    },
    async (request) => {
      const tokens = tokensOf(house);
      const { audience, clientId, scope, cnf } = request.body;
      if (!tokens.audiences.includes(audience)) {
        throw invalid("audience", "is none of those in tokens.audiences");
      }
      const record = (await liveSession(house, request, request.params.id)).describe();
      if (record === undefined) throw new Refusal(problemOf("not_found"));
      house.locks.refuse({ ...record, client: clientId });
      const issued = await tokens.issuer.issue({
        session: record,
        audience,
        clientId,
        ...(scope === undefined ? {} : { scope }),
        ...(cnf === undefined ? {} : { cnf: present(cnf) }),
      });
      const { token, expiresAt, jti } = issued;
      const tokenType = cnf?.jkt === undefined ? ("Bearer" as const) : ("DPoP" as const);
      const serverTime = instant(house.now());
      return { token, tokenType, expiresAt: instant(expiresAt), jti, serverTime };
    },
  );
  refreshRoute(app, house);
  feedRoute(app, house);
}

function refreshRoute(app: App, house: House): void {
  app.post(
    "/v1/sessions/:id/refresh-token",
    {
      config: { scope: "sessions:write", once: true },
      schema: {
        ...backend,
        operationId: "issueRefreshToken",
        summary: "A refresh token for a client of an active session: used at /oauth/token",
        description:
          "It is listed below its session as a session of kind refresh, and ends with it.",
        params: idParams,
        body: refreshTokenBody,
        response: answers(refreshTokenReply, "The token, shown this once."),
      },
    },
    (request, reply) => {
      const { id } = request.params;
      const issue = (): Promise<object> => issueRefresh(house, request, id, request.body);
      return once(house.replies, request, reply, issue);
    },
  );
}

async function issueRefresh(
  house: House,
  request: FastifyRequest,
  id: string,
  { audience, clientId: client, scope, cnf }: z.infer<typeof refreshTokenBody>,
): Promise<z.infer<typeof refreshTokenReply>> {
  const { audiences } = tokensOf(house);
  if (!audiences.includes(audience)) {
    throw invalid("audience", "is none of those in tokens.audiences");
  }
  const session = await liveSession(house, request, id);
  const issued = await house.sessions.refreshTokens.issue(session, {
    client,
    audience,
    ...(scope === undefined ? {} : { scope }),
    ...(cnf === undefined ? {} : { jkt: cnf.jkt }),
  });
  const { token, family } = issued;
  const expiresAt = instant(issued.expiresAt);
  return { refreshToken: token, id: family, expiresAt, serverTime: instant(house.now()) };
}

function feedRoute(app: App, house: House): void {
  app.get(
    "/v1/revocations",
    {
      config: { scope: "sessions:read" },
      schema: {
        ...backend,
        operationId: "revocations",
        summary: "What ended lately in this tenant: a snapshot, or what came after `since`",
        description:
          "`complete: false`: ask again without `since`. With `wait` the answer comes when there " +
          "is something new, or after so many seconds. `Accept: application/jwt` gives the page " +
          "signed, with your `nonce` in it.",
        querystring: feedQuery,
        response: answersSigned(
          revocationPage,
          "A page; everything up to `ageSeconds` ago is in it.",
          "application/jwt",
        ),
      },
    },
    async (request, reply) => {
      const { log, feedKeys, issuer } = tokensOf(house);
      const { since, nonce, wait = 0 } = request.query;
      const { tenant } = callerOf(request);
      const page = await pageFor(log, { since, wait, tenant, streams: house.streams }, request);
      if (!wantsJwt(request)) return formatPage(page);
      const text = await signPage(feedKeys, page, { issuer: issuer.issuer, nonce });
      return sendText(reply, text);
    },
  );
}

function wantsJwt(request: FastifyRequest): boolean {
  return (request.headers.accept ?? "").includes("application/jwt");
}

/** The serializer of replies makes JSON; this is none. */
function sendText(reply: FastifyReply, text: string): never {
  return reply.header("content-type", "application/jwt").serializer(String).send(text) as never;
}

interface Asked {
  readonly since: string | undefined;
  readonly wait: number;
  readonly tenant: string;
  readonly streams: StreamRoom;
}

async function pageFor(
  log: RevocationLog,
  { since, wait, tenant, streams }: Asked,
  request: FastifyRequest,
): Promise<RevocationPage> {
  const page = await log.read(since, tenant);
  const idle = since !== undefined && page.complete && page.entries.length === 0;
  if (!idle || wait === 0) return page;
  await news(log, { tenant, ms: wait * 1_000, streams }, request);
  return log.read(since, tenant);
}

interface Waiting extends Pick<Asked, "tenant" | "streams"> {
  readonly ms: number;
}

/** Until there is news of the tenant, the time is over, the service stops, or nobody waits. */
function news(
  log: RevocationLog,
  { tenant, ms, streams }: Waiting,
  { raw }: FastifyRequest,
): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      listening.close();
      stopping.close();
      raw.socket.off("close", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    const listening = log.onNews((whose) => {
      if (whose === undefined || whose === tenant) done();
    });
    raw.socket.once("close", done);
    const stopping = streams.whenClosed(done);
  });
}
