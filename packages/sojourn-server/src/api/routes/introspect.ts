/**
 * What a token is worth now (RFC 7662), for a service key of its tenant; signed where that is asked
 * for (RFC 9701). Whatever is not good is `{"active":false}` and nothing else.
 */
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Caller } from "../../control/key-desk.ts";
import type { TokenHouse } from "../../main/tokens.ts";
import { accessReader } from "../access-tokens.ts";
import type { ReadAccessToken } from "../access-tokens.ts";
import { client, oauthAnswers } from "../documents.ts";
import { formOf, OAuthError, readerOf } from "../oauth-clients.ts";
import type { App, House } from "../types.ts";
import { tokensOf } from "./tokens.ts";

const SIGNED = "application/token-introspection+jwt";
const SECOND_MS = 1_000;

const tokenForm = z.object({ token: z.string() });

type Answer =
  | { readonly active: false }
  | { readonly active: true; readonly [name: string]: unknown };

const INACTIVE: Answer = { active: false };

export function introspectRoute(app: App, house: House): void {
  const read = accessReader();
  app.post(
    "/oauth/introspect",
    {
      config: { form: tokenForm },
      schema: {
        ...client,
        operationId: "oauthIntrospect",
        summary: "What a token is worth now (RFC 7662)",
        description:
          "By service key: Bearer, or HTTP Basic with its name and itself. Looking uses nothing " +
          `up. \`Accept: ${SIGNED}\` gives the answer signed (RFC 9701).`,
        response: oauthAnswers(z.looseObject({ active: z.boolean() }), "Its worth.", SIGNED),
      },
    },
    async (request, reply) => {
      const form = formOf(request);
      const caller = await readerOf(house, request, form);
      const token = form.get("token");
      if (token === undefined) throw new OAuthError("invalid_request", "token is missing.");
      const answer = await worthOf(house, read, { caller, token });
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

async function worthOf(house: House, read: ReadAccessToken, asked: Asked): Promise<Answer> {
  const { token } = asked;
  if (token.startsWith("sj1s_")) return ofSession(house, asked);
  return token.startsWith("sj1r_") ? ofRefresh(house, asked) : ofAccess(house, read, asked);
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
  read: ReadAccessToken,
  { caller, token }: Asked,
): Promise<Answer> {
  const claims = await read(tokensOf(house), token);
  if (claims === undefined || (claims.tenant ?? "default") !== caller.tenant) return INACTIVE;
  return { active: true, token_type: claims.cnf?.jkt === undefined ? "Bearer" : "DPoP", ...claims };
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
