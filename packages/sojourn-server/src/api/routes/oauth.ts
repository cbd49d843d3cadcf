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
import type { ExaminedProof, IssuedToken, ProofRefusal } from "sojourn/tokens";
import { z } from "zod";
import { addressReader } from "../client-address.ts";
import type { AddressReader } from "../client-address.ts";
import { allowOrigins } from "../cross-origin.ts";
import { answers, oauthAnswers, open } from "../documents.ts";
import { accessReader } from "../access-tokens.ts";
import { limited } from "../guards.ts";
import { clientOf, FORM, formOf, OAuthError, readForm } from "../oauth-clients.ts";
import type { Form, OAuthClient } from "../oauth-clients.ts";
import { answerOf, Refusal, sendProblem } from "../problems.ts";
import { RateLimit } from "../rate-limit.ts";
import type { App, House } from "../types.ts";
import { introspectRoute } from "./introspect.ts";
import { tokensOf } from "./tokens.ts";

const RETRY_SECONDS = 1;
const SECOND_MS = 1_000;
const JWE_PARTS = 5;

const clientForm = { client_id: z.string().optional() };
const grantForm = z.object({
  grant_type: z.literal("refresh_token"),
  refresh_token: z.string(),
  scope: z.string().optional(),
  resource: z.string().optional(),
  ...clientForm,
});
const revokeForm = z.object({ token: z.string(), ...clientForm });

export function oauthRoutes(app: App, house: House): void {
  const addressOf = addressReader(house.config);
  const limit = new RateLimit(house.config.rateLimit);
  app.addContentTypeParser(FORM, { parseAs: "string" }, (_request, text: string, done) => {
    try {
      done(null, readForm(text));
    } catch (error) {
      done(error as Error);
    }
  });
  allowOrigins(app, house.config.tokens?.origins ?? [], {
    "/.well-known/oauth-authorization-server": "GET",
    "/oauth/token": "POST",
    "/oauth/revoke": "POST",
  });
  app.addHook("onRequest", async (request, reply) => limited(limit, `from ${request.ip}`, reply));
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply));
  metadataRoute(app, house);
  tokenRoute(app, house, addressOf);
  revokeRoute(app, house);
  introspectRoute(app, house);
}

function tokenRoute(app: App, house: House, addressOf: AddressReader): void {
  app.post(
    "/oauth/token",
    {
      config: { form: grantForm },
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
      const proof = await examinedProof(house, request, reply);
      const admit = proof === undefined ? undefined : () => takeOnce(house, proof, reply);
      const jkt = proof?.confirmation.jkt;
      const address = addressOf(request);
      const leave = await useToken(house, request, { client, form, jkt, address, admit });
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
 * The DPoP proof of this request, all right but for what {@link takeOnce} finds out (RFC 9449
 * section 5). It is remembered beside a good token alone, so that nobody else can fill the memory.
 * @returns `undefined` where none came: a grant that is bound to a key is refused then.
 * @throws {OAuthError} for a proof that is none, and one without a nonce of ours.
 */
async function examinedProof(
  house: House,
  { raw, method }: FastifyRequest,
  reply: FastifyReply,
): Promise<ExaminedProof | undefined> {
  const proof = raw.headersDistinct["dpop"];
  if (proof === undefined) return undefined;
  const examined = await tokensOf(house).dpop.examine({ method, path: raw.url ?? "", proof });
  if (examined.state === "refused") throw notProved(examined, reply);
  if (examined.nonce !== undefined) void reply.header("dpop-nonce", examined.nonce);
  return examined;
}

/** @throws {OAuthError} for a proof that came before. */
async function takeOnce(house: House, proof: ExaminedProof, reply: FastifyReply): Promise<void> {
  const taken = await tokensOf(house).dpop.accept(proof);
  if (taken.state === "unavailable") throw new StoreUnavailableError("proofs");
  if (taken.state === "refused") throw notProved(taken, reply);
}

function notProved({ error, nonce }: ProofRefusal, reply: FastifyReply): OAuthError {
  if (nonce !== undefined) void reply.header("dpop-nonce", nonce);
  return new OAuthError(error, "Send a proof for this request, with the nonce given here.");
}

interface TokenUse {
  readonly client: OAuthClient;
  readonly form: Form;
  readonly jkt: string | undefined;
  readonly address: string | undefined;
  readonly admit: (() => Promise<void>) | undefined;
}

/** @throws {OAuthError} One answer for whatever is wrong with the token. */
async function useToken(
  house: House,
  request: FastifyRequest,
  { client, form, jkt, address, admit }: TokenUse,
): Promise<RefreshLeave> {
  const token = form.get("refresh_token");
  if (token === undefined) throw new OAuthError("invalid_request", "refresh_token is missing.");
  const standing = await house.sessions.refreshTokens.use(token, {
    tenant: client.tenant,
    client: client.id,
    scope: form.get("scope"),
    audience: form.get("resource"),
    jkt,
    address,
    admit,
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
  const read = accessReader();
  app.post(
    "/oauth/revoke",
    {
      config: { form: revokeForm },
      schema: {
        ...open,
        operationId: "oauthRevoke",
        summary:
          "End a refresh token with all that was issued by it, or one access token (RFC 7009)",
        description:
          "200 for a token that is unknown, too: its client is rid of it. Verifiers that follow the " +
          "revocation feed refuse the access token within their bound.",
        response: oauthAnswers(z.strictObject({}), "Done, or nothing was to be done."),
      },
    },
    async (request) => {
      const form = formOf(request);
      const client = await clientOf(house, request, form);
      const token = form.get("token");
      if (token === undefined) throw new OAuthError("invalid_request", "token is missing.");
      const { tenant, id } = client;
      if (token.startsWith("sj1")) {
        await house.sessions.refreshTokens.revoke(token, { tenant, client: id });
        return {};
      }
      const tokens = tokensOf(house);
      if (token.split(".").length === JWE_PARTS) {
        throw new OAuthError("unsupported_token_type", "Encrypted tokens are not read here.");
      }
      const claims = await read(tokens, token);
      if (claims?.client_id !== id || (claims.tenant ?? "default") !== tenant) return {};
      const { iss: issuer, jti, exp } = claims;
      await tokens.log.revokeToken({ issuer, jti, tenant, expiresAt: exp * SECOND_MS });
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
  if (status === 503 || status === 429) {
    const asked = error instanceof Refusal ? error.answer.headers["retry-after"] : undefined;
    void reply.header("retry-after", asked ?? String(RETRY_SECONDS));
  }
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
