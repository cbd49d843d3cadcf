/**
 * What a token is worth now (RFC 7662), for a service key of its tenant; signed where that is asked
 * for (RFC 9701). Whatever is not good is `{"active":false}` and nothing else.
 */
import type { FastifyRequest } from "fastify";
import { SojournError } from "sojourn";
import { createVerifier } from "sojourn/tokens";
import type { AccessVerifier, Confirmation } from "sojourn/tokens";
import { z } from "zod";
import type { Caller } from "../../control/key-desk.ts";
import type { TokenHouse } from "../../main/tokens.ts";
import { oauthAnswers, open } from "../documents.ts";
import { formOf, OAuthError, readerOf } from "../oauth-clients.ts";
import type { App, House } from "../types.ts";
import { tokensOf } from "./tokens.ts";

const SIGNED = "application/token-introspection+jwt";
const SECOND_MS = 1_000;
const BOUND_MS = 500;
const ALGORITHMS = ["ES256", "EdDSA", "RS256", "PS256"] as const;

type Answer =
  | { readonly active: false }
  | { readonly active: true; readonly [name: string]: unknown };

const INACTIVE: Answer = { active: false };

export function introspectRoute(app: App, house: House): void {
  const verifiers = new Map<string, AccessVerifier>();
  app.post(
    "/oauth/introspect",
    {
      schema: {
        ...open,
        operationId: "oauthIntrospect",
        summary: "What a token is worth now (RFC 7662)",
        description:
          "By service key: Bearer, or HTTP Basic with its name and itself. Looking uses nothing " +
          `up. \`Accept: ${SIGNED}\` gives the answer signed (RFC 9701).`,
        response: oauthAnswers(z.looseObject({ active: z.boolean() }), "Its worth."),
      },
    },
    async (request, reply) => {
      const form = formOf(request);
      const caller = await readerOf(house, request, form);
      const token = form.get("token");
      if (token === undefined) throw new OAuthError("invalid_request", "token is missing.");
      const answer = await worthOf(house, verifiers, { caller, token });
      if (!wantsSigned(request)) return answer;
      const text = await signed(tokensOf(house), caller, { answer, now: house.now() });
      return reply.header("content-type", SIGNED).serializer(String).send(text);
    },
  );
}

function wantsSigned(request: FastifyRequest): boolean {
  return (request.headers.accept ?? "").includes(SIGNED);
}

interface Asked {
  readonly caller: Caller;
  readonly token: string;
}

async function worthOf(
  house: House,
  verifiers: Map<string, AccessVerifier>,
  asked: Asked,
): Promise<Answer> {
  const { token } = asked;
  if (token.startsWith("sj1s_")) return ofSession(house, asked);
  return token.startsWith("sj1r_") ? ofRefresh(house, asked) : ofAccess(house, verifiers, asked);
}

async function ofRefresh(house: House, { caller, token }: Asked): Promise<Answer> {
  const { tenant } = caller;
  const leave = await house.sessions.refreshTokens.look(token, { tenant });
  if (leave === undefined) return INACTIVE;
  const { session, grant, client, family, expiresAt } = leave;
  const { scope, jkt, audience } = grant;
  return {
    active: true,
    client_id: client,
    sub: session.subject,
    aud: audience,
    iss: tokensOf(house).issuer.issuer,
    exp: Math.floor(expiresAt / SECOND_MS),
    sid: `ses_${session.id}`,
    grant: family,
    ...(scope === undefined ? {} : { scope }),
    ...(jkt === undefined ? {} : { cnf: { jkt } }),
  };
}

async function ofSession(house: House, { caller, token }: Asked): Promise<Answer> {
  const context = { tenant: caller.tenant, activity: false };
  const standing = await house.sessions.authenticate(token, context);
  if (standing.state !== "active" || standing.session.subject === null) return INACTIVE;
  const { id, subject, idleExpiresAt = 0, absoluteExpiresAt = 0 } = standing.session;
  const exp = Math.floor(Math.min(idleExpiresAt, absoluteExpiresAt) / SECOND_MS);
  return { active: true, sub: subject, sid: id, exp };
}

async function ofAccess(
  house: House,
  verifiers: Map<string, AccessVerifier>,
  { caller, token }: Asked,
): Promise<Answer> {
  const said = peek(token);
  const tokens = tokensOf(house);
  const { audiences } = tokens;
  const audience = audiences.find((one) => one === said.aud);
  if (audience === undefined) return INACTIVE;
  const verifier = verifiers.get(audience) ?? verifierFor(tokens, audience);
  verifiers.set(audience, verifier);
  const proven = said.cnf === undefined ? {} : { confirmation: said.cnf };
  const standing = await verifier.verify(token, proven);
  if (standing.state === "unavailable") {
    const message = "the revocations cannot be read";
    throw new SojournError("ERR_KEY_UNAVAILABLE", message, { retryable: true });
  }
  if (standing.state !== "active") return INACTIVE;
  const { claims } = standing;
  if ((claims.tenant ?? "default") !== caller.tenant) return INACTIVE;
  return { active: true, token_type: claims.cnf === undefined ? "Bearer" : "DPoP", ...claims };
}

/** Over our own keys and our own log: signature, claims, and every end within half a second. */
function verifierFor({ issuer, log }: TokenHouse, audience: string): AccessVerifier {
  return createVerifier({
    issuer: issuer.issuer,
    audience,
    algorithms: ALGORITHMS,
    jwks: { read: () => issuer.jwks() },
    feed: { read: (since) => log.read(since) },
    boundMs: BOUND_MS,
    remembered: 0,
  });
}

/** Read without being proved: for whom it would be, and which key it would be bound to. */
function peek(token: string): { readonly aud?: unknown; readonly cnf?: Confirmation } {
  try {
    const [, payload = ""] = token.split(".");
    const said: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    return typeof said === "object" && said !== null ? said : {};
  } catch {
    return {};
  }
}

async function signed(
  { issuer, introspectionKeys }: TokenHouse,
  caller: Caller,
  { answer, now }: { readonly answer: Answer; readonly now: number },
): Promise<string> {
  const iat = Math.floor(now / SECOND_MS);
  const claims = { iss: issuer.issuer, aud: caller.name, iat, token_introspection: answer };
  const expiresAt = now + introspectionKeys.tokenLifeMs;
  const header = { typ: "token-introspection+jwt" };
  return (await introspectionKeys.sign(header, claims, expiresAt)).token;
}
