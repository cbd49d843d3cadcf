/**
 * Ends of single tokens in the log of a store. Each is told as the end of a session that never was:
 * every process on the store hears of it, at once or when it starts and takes the log up.
 */
import { ArgumentError } from "../../engine/errors.ts";
import type { SessionStore, StoreChange } from "../../engine/ports.ts";

/** A token that ends before its time. */
export interface TokenEnd {
  readonly issuer: string;
  readonly jti: string;
  /** Whose feed tells of it; default `"default"`. */
  readonly tenant?: string;
  /** Its own expiry, milliseconds since the epoch, after which nobody remembers it. */
  readonly expiresAt?: number;
}

/** Begins the cause of such an end; the rest says which token's. */
const CAUSE = "token ";
const NAME_CHARS_MAX = 1_024;

/** @param id Of no session. @throws {ArgumentError} for what names no token. */
export async function writeTokenEnd(
  store: Pick<SessionStore, "revoke">,
  { issuer, jti, tenant = "default", expiresAt }: TokenEnd & { readonly expiresAt: number },
  { id, now }: { readonly id: string; readonly now: number },
): Promise<void> {
  if (![issuer, jti].every(isName) || !Number.isFinite(expiresAt)) {
    throw new ArgumentError("revokeToken", "takes issuer, jti and the instant of the expiry");
  }
  if (expiresAt <= now) return;
  const end = { reason: "revoked", at: now, cause: CAUSE + JSON.stringify([issuer, jti]) } as const;
  await store.revoke({ tenant, id }, end, { now, tombstoneUntil: Math.ceil(expiresAt) });
}

/** Which token a change ends, where it is none of a session: those have a subject, with tokens. */
export function tokenOf({
  subject,
  end,
}: StoreChange & { readonly kind: "session" }):
  | { readonly issuer: string; readonly jti: string }
  | undefined {
  if (subject !== null || end?.cause?.startsWith(CAUSE) !== true) return undefined;
  const said = parsed(end.cause.slice(CAUSE.length));
  if (!Array.isArray(said) || said.length !== 2 || !said.every(isName)) return undefined;
  const [issuer = "", jti = ""] = said;
  return { issuer, jti };
}

function isName(text: unknown): text is string {
  return typeof text === "string" && text !== "" && text.length <= NAME_CHARS_MAX;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
