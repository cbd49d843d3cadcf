/**
 * OAuth 2.0: the token endpoint with the refresh grant (RFC 6749), revocation (RFC 7009) and the
 * document that says so (RFC 8414). Errors are those of RFC 6749 section 5.2, which clients know.
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import {
  ArgumentError,
  SessionEndedError,
  SessionLockedError,
  SojournError,
  StoreUnavailableError,
} from "sojourn";
import type { RefreshLeave } from "sojourn";
import type { IssuedToken } from "sojourn/tokens";
import { z } from "zod";
import { answers, oauthAnswers, open } from "../documents.ts";
import { limited } from "../guards.ts";
import { clientOf, FORM, formOf, OAuthError, readForm } from "../oauth-clients.ts";
import type { Form, OAuthClient } from "../oauth-clients.ts";
import { answerOf, sendProblem } from "../problems.ts";
import { RateLimit } from "../rate-limit.ts";
import type { App, House } from "../types.ts";
import { introspectRoute } from "./introspect.ts";
import { tokensOf } from "./tokens.ts";

const RETRY_SECONDS = 1;
const SECOND_MS = 1_000;

export function oauthRoutes(app: App, house: House): void {
  const limit = new RateLimit(house.config.rateLimit);
  app.addContentTypeParser(FORM, { parseAs: "string" }, (_request, text: string, done) => {
    try {
      done(null, readForm(text));
    } catch (error) {
      done(error as Error);
    }
  });
  app.addHook("onRequest", async (request, reply) => limited(limit, `from ${request.ip}`, reply));
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply));
  metadataRoute(app, house);
  tokenRoute(app, house);
  revokeRoute(app, house);
  introspectRoute(app, house);
}

function tokenRoute(app: App, house: House): void {
  app.post(
    "/oauth/token",
    {
      schema: {
        ...open,
        operationId: "oauthToken",
        summary: "The refresh grant (RFC 6749 section 6)",
        description:
          "`grant_type=refresh_token`, `refresh_token`; `scope` and `resource` may ask for less. " +
          "Where the answer has no `refresh_token` the client keeps the one that it sent. With a " +
          "`DPoP` proof (RFC 9449) the access token is bound to its key.",
        response: oauthAnswers(
          z.looseObject({ access_token: z.string() }),
          "RFC 6749 section 5.1.",
        ),
      },
    },
    async (request, reply) => {
      const form = formOf(request);
      const client = await clientOf(house, request, form);
      const grantType = form.get("grant_type");
      if (grantType !== "refresh_token") {
        const code = grantType === undefined ? "invalid_request" : "unsupported_grant_type";
        throw new OAuthError(code, "The grant here is refresh_token.");
      }
      const jkt = await provedKey(house, request, reply);
      const leave = await useToken(house, request, { client, form, jkt });
      const issued = await issueFor(house, leave, jkt);
      const { successor, grant } = leave;
      return {
        access_token: issued.token,
        token_type: jkt === undefined ? "Bearer" : "DPoP",
        expires_in: Math.max(0, Math.floor((issued.expiresAt - house.now()) / SECOND_MS)),
        ...(successor === undefined ? {} : { refresh_token: successor }),
        ...(grant.scope === undefined ? {} : { scope: grant.scope }),
      };
    },
  );
}

/**
 * The thumbprint of the key that a DPoP proof of this request proves (RFC 9449 section 5).
 * @returns `undefined` where none came: a grant that is bound to a key is refused then.
 * @throws {OAuthError} for a proof that is none, and one without a nonce of ours.
 */
async function provedKey(
  house: House,
  { raw, method }: FastifyRequest,
  reply: FastifyReply,
): Promise<string | undefined> {
  const proof = raw.headersDistinct["dpop"];
  if (proof === undefined) return undefined;
  const proved = await tokensOf(house).dpop.verify({ method, path: raw.url ?? "", proof });
  if (proved.state === "unavailable") throw new StoreUnavailableError("proofs");
  if (proved.nonce !== undefined) void reply.header("dpop-nonce", proved.nonce);
  if (proved.state === "proved") return proved.confirmation.jkt;
  throw new OAuthError(proved.error, "Send a proof for this request, with the nonce given here.");
}

interface TokenUse {
  readonly client: OAuthClient;
  readonly form: Form;
  readonly jkt: string | undefined;
}

/** @throws {OAuthError} One answer for whatever is wrong with the token. */
async function useToken(
  house: House,
  request: FastifyRequest,
  { client, form, jkt }: TokenUse,
): Promise<RefreshLeave> {
  const token = form.get("refresh_token");
  if (token === undefined) throw new OAuthError("invalid_request", "refresh_token is missing.");
  const standing = await house.sessions.refreshTokens.use(token, {
    tenant: client.tenant,
    client: client.id,
    scope: form.get("scope"),
    audience: form.get("resource"),
    jkt,
    fingerprint: request.headers["user-agent"] ?? "",
  });
  switch (standing.state) {
    case "active":
      return standing;
    case "scope":
      throw new OAuthError("invalid_scope", "More is asked for than was granted.");
    case "audience":
      throw new OAuthError("invalid_target", "The token is for another resource.");
    case "proof":
      throw new OAuthError("invalid_dpop_proof", "The token is bound to a key: prove it.");
    case "locked":
      throw new OAuthError("interaction_required", "The session waits for a factor.");
    case "refused":
      throw spent();
  }
}

/** @param jkt The key that was proved: the grant's, where that is bound. */
async function issueFor(
  house: House,
  leave: RefreshLeave,
  jkt: string | undefined,
): Promise<IssuedToken> {
  const { session, subjectEpoch, client, family, grant } = leave;
  const { audience, scope } = grant;
  try {
    return await tokensOf(house).issuer.issue({
      session,
      subjectEpoch,
      audience,
      clientId: client,
      grant: family,
      ...(scope === undefined ? {} : { scope }),
      ...(jkt === undefined ? {} : { cnf: { jkt } }),
    });
  } catch (error) {
    if (error instanceof SessionEndedError || error instanceof SessionLockedError) throw spent();
    if (!(error instanceof ArgumentError)) throw error;
    throw new OAuthError("invalid_target", "Nothing is issued for this resource any more.");
  }
}

function spent(): OAuthError {
  return new OAuthError("invalid_grant", "The refresh token is not good, or not any more.");
}

function revokeRoute(app: App, house: House): void {
  app.post(
    "/oauth/revoke",
    {
      schema: {
        ...open,
        operationId: "oauthRevoke",
        summary: "End a refresh token with all that was issued by it (RFC 7009)",
        description: "200 for a token that is unknown, too: its client is rid of it.",
        response: oauthAnswers(z.strictObject({}), "Done, or nothing was to be done."),
      },
    },
    async (request) => {
      const form = formOf(request);
      const client = await clientOf(house, request, form);
      const token = form.get("token");
      if (token === undefined) throw new OAuthError("invalid_request", "token is missing.");
      const { tenant, id } = client;
      await house.sessions.refreshTokens.revoke(token, { tenant, client: id });
      return {};
    },
  );
}

function metadataRoute(app: App, house: House): void {
  app.get(
    "/.well-known/oauth-authorization-server",
    {
      schema: {
        ...open,
        operationId: "oauthMetadata",
        summary: "What this authorization server can do (RFC 8414)",
        response: answers(z.looseObject({ issuer: z.string() }), "Its metadata."),
      },
    },
    async () => {
      const { introspectionKeys, issuer: access, dpop } = tokensOf(house);
      const { issuer } = access;
      const signing = (await introspectionKeys.jwks()).keys.map(({ alg }) => alg);
      const at = (path: string): string => issuer.replace(/\/$/, "") + path;
      return {
        issuer,
        jwks_uri: at("/.well-known/jwks.json"),
        token_endpoint: at("/oauth/token"),
        token_endpoint_auth_methods_supported: ["client_secret_basic", "none"],
        grant_types_supported: ["refresh_token"],
        // Required by RFC 8414; there is no authorization endpoint.
        response_types_supported: [],
        revocation_endpoint: at("/oauth/revoke"),
        revocation_endpoint_auth_methods_supported: ["client_secret_basic", "none"],
        introspection_endpoint: at("/oauth/introspect"),
        introspection_endpoint_auth_methods_supported: ["client_secret_basic"],
        dpop_signing_alg_values_supported: dpop.algorithms,
        introspection_signing_alg_values_supported: [...new Set(signing)],
      };
    },
  );
}

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): unknown {
  const { code, status, description } = oauthErrorOf(error, request);
  if (status >= 500) request.log.error({ err: error }, "request failed");
  if (status === 401) void reply.header("www-authenticate", 'Basic realm="sojourn"');
  if (status === 503) void reply.header("retry-after", String(RETRY_SECONDS));
  if (status === 404 || status === 405) return sendProblem(reply, answerOf(error, request));
  return reply.code(status).send({ error: code, error_description: description });
}

function oauthErrorOf(error: unknown, request: FastifyRequest): OAuthError {
  if (error instanceof OAuthError) return error;
  const { status } = answerOf(error, request);
  if (status === 503 || (error instanceof SojournError && error.retryable)) {
    return new OAuthError("temporarily_unavailable", "Try again.", 503);
  }
  if (status === 429) return new OAuthError("temporarily_unavailable", "Too many requests.", 429);
  if (status < 500) return new OAuthError("invalid_request", "The request cannot be read.", status);
  return new OAuthError("server_error", "Something is wrong here.", 500);
}
