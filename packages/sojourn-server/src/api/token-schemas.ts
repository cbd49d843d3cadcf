/** Access tokens, refresh tokens, and what says which of them are revoked. */
import { z } from "zod";
import { instantText } from "./schemas.ts";

export const accessTokenBody = z.strictObject({
  audience: z.string().min(1).max(512),
  clientId: z.string().min(1).max(256),
  scope: z.string().min(1).max(1_024).optional(),
  cnf: z
    .strictObject({ jkt: z.string().optional(), "x5t#S256": z.string().optional() })
    .optional()
    .meta({ description: "The key that whoever presents the token must prove (RFC 7800)." }),
});

export const accessTokenReply = z.strictObject({
  token: z.string(),
  tokenType: z.enum(["Bearer", "DPoP"]),
  expiresAt: instantText,
  jti: z.string(),
  serverTime: instantText,
});

export const refreshTokenBody = z.strictObject({
  clientId: z.string().min(1).max(256),
  audience: z.string().min(1).max(512),
  scope: z.string().min(1).max(1_024).optional(),
  cnf: z
    .strictObject({ jkt: z.string() })
    .optional()
    .meta({ description: "The client's key: every use needs a proof by it (RFC 9449)." }),
});

export const refreshTokenReply = z.strictObject({
  refreshToken: z.string(),
  id: z.string().meta({ description: "Handle of its family, which is listed and revoked by it." }),
  expiresAt: instantText,
  serverTime: instantText,
});

export const jwkSet = z
  .strictObject({ keys: z.array(z.looseObject({ kty: z.string(), kid: z.string() })) })
  .meta({ id: "JwkSet" });

export const revocationPage = z
  .strictObject({
    tenant: z.string(),
    position: z.string(),
    entries: z.array(z.looseObject({ kind: z.string(), at: instantText })),
    complete: z.boolean(),
    serverTime: instantText,
    ageSeconds: z.number(),
    keepSeconds: z.number(),
  })
  .meta({ id: "RevocationPage" });
