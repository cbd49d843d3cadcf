/**
 * A request with an access token, judged for a resource whose code cannot: Bearer, or DPoP with its
 * proof (RFC 9449). The answer has what the resource sends on.
 */
import { ConfigError, problemOf } from "sojourn";
import { createAccessGuard } from "sojourn/tokens";
import type { AccessGuardOptions, AccessStanding, AccessVerifier, Dpop } from "sojourn/tokens";
import { z } from "zod";
import { claimedTenant } from "../access-tokens.ts";
import { Verifiers } from "../access-verifiers.ts";
import { field } from "../binding-schemas.ts";
import { answers, backend } from "../documents.ts";
import { callerOf } from "../guards.ts";
import { invalid, Refusal } from "../problems.ts";
import { instantText } from "../schemas.ts";
import type { App, House } from "../types.ts";
import type { TokenHouse } from "../../main/tokens.ts";
import { instant } from "../views.ts";
import { tokensOf } from "./tokens.ts";

const fields = z.union([field, z.array(field).max(4)]).optional();

const checkBody = z.strictObject({
  audience: z.string().min(1).max(512).meta({ description: "Who you are, of tokens.audiences." }),
  method: z.string().min(1).max(32),
  url: z
    .string()
    .min(1)
    .max(2_048)
    .meta({ description: "As the client sent it, origin included." }),
  authorization: fields.meta({ description: "Every value of the request's `Authorization`." }),
  dpop: fields.meta({ description: "Every value of its `DPoP`." }),
});
type CheckBody = z.infer<typeof checkBody>;

const headers = z
  .record(z.string(), z.string())
  .meta({ description: "Send them with your answer, whatever it is." });

const checkReply = z
  .strictObject({
    state: z.enum(["active", "refused"]),
    claims: z.looseObject({ sub: z.string() }).optional(),
    status: z.number().int().optional().meta({ description: "Answer the client with it." }),
    headers,
    why: z.string().optional().meta({ description: "For your log alone." }),
    serverTime: instantText,
  })
  .meta({ id: "AccessVerdict" });

export function accessCheckRoute(app: App, house: House): void {
  const verifiers = new Verifiers();
  app.post(
    "/v1/access-tokens/verify",
    {
      config: { scope: "sessions:read" },
      schema: {
        ...backend,
        operationId: "verifyAccess",
        summary: "What is a request with an access token worth? Bearer, or DPoP with its proof",
        description:
          "A proof is taken once, and needs the nonce that a refusal gave. A token that is bound " +
          "to a key is refused without one.",
        body: checkBody,
        response: answers(checkReply, "`active` with its claims, or what to answer the client."),
      },
    },
    async (request): Promise<z.infer<typeof checkReply>> => {
      const { tenant } = callerOf(request);
      const tokens = tokensOf(house);
      const { audience, method, authorization, dpop: proof } = request.body;
      if (!tokens.audiences.includes(audience)) {
        throw invalid("audience", "is none of those in tokens.audiences");
      }
      const { dpop, path } = resourceOf(tokens, request.body);
      const verifier = ofTenant(verifiers.of(tokens, audience), tenant);
      const guard = createAccessGuard({ verifier, dpop });
      const answer = await guard.check({ method, path, authorization, proof });
      if (answer.state === "refused" && answer.status === 503) {
        throw new Refusal(problemOf("unavailable"));
      }
      return { ...answer, headers: { ...answer.headers }, serverTime: instant(house.now()) };
    },
  );
}

/** Tokens of other tenants are nobody's: not even that one is genuine, or has ended, is told. */
function ofTenant(verifier: AccessVerifier, tenant: string): AccessGuardOptions["verifier"] {
  return {
    verify: async (token, proven) => {
      if ((claimedTenant(token) ?? tenant) !== tenant) return FOREIGN;
      const standing = await verifier.verify(token, proven);
      if (standing.state !== "active") return standing;
      return (standing.claims.tenant ?? "default") === tenant ? standing : FOREIGN;
    },
  };
}

const FOREIGN: AccessStanding = { state: "unknown", why: "signature" };

/** @throws {Refusal} for what is no address of a resource. */
function resourceOf(tokens: TokenHouse, { url }: CheckBody): { dpop: Dpop; path: string } {
  const [, origin = "", path = ""] = /^(https?:\/\/[^/?#]+)(\/.*)?$/s.exec(url) ?? [];
  try {
    return { dpop: tokens.dpopAt(origin), path: path === "" ? "/" : path };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw invalid("url", "takes the https address of the request, like https://api.example/notes");
  }
}
