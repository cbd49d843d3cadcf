/** Session tokens: made here, proved here, and never known to a store. */
import { invariant } from "../engine/invariant.ts";
import type { Entropy, MaybePromise } from "../engine/ports.ts";
import type { KeyRing } from "./key-ring.ts";
import { chain } from "./maybe-promise.ts";
import {
  buildBody,
  type ParsedToken,
  SECRET_BYTES,
  tokenBody,
  tokenText,
  type TokenType,
} from "./token-format.ts";
import { macIsRight, macOver, verifierOver } from "./token-proof.ts";

export interface MintRequest {
  /** Service keys have keys and a file of their own. */
  readonly type: Exclude<TokenType, "service-key">;
  readonly tenant: string;
  readonly id: string;
  readonly generation: number;
  readonly subject: string | null;
}

export interface MintedToken {
  /** The secret: it goes to the client and nowhere else. */
  readonly text: string;
  /** What the record keeps: 32 characters, not a credential. Invariant I12. */
  readonly verifier: string;
}

export interface SessionTokens {
  /** A token with a fresh secret under the primary key; nobody can supply a secret. 6 µs. */
  mint(request: MintRequest): MaybePromise<MintedToken>;
  /** True when we made this token for this tenant. No I/O; forged ones end here. 2 µs. */
  verify(token: ParsedToken, tenant: string): MaybePromise<boolean>;
  /**
   * What the record must hold for this token. 2 µs.
   * @throws {InvariantError} for a token that `verify` would not have let pass.
   */
  verifierOf(token: ParsedToken, owner: TokenOwner): MaybePromise<string>;
}

export interface TokenOwner {
  readonly tenant: string;
  readonly subject: string | null;
}

export interface TokenTools {
  readonly ring: KeyRing;
  readonly entropy: Entropy;
}

export function sessionTokens(tools: TokenTools): SessionTokens {
  const { ring } = tools;
  return {
    mint(request) {
      invariant(!isServiceKey(request.type), "a session token is no service key");
      return mintToken(tools, request, request.tenant);
    },
    verify(token, tenant) {
      return isServiceKey(token.type) ? false : macIsRight(ring, token, tenant);
    },
    verifierOf(token, owner) {
      return verifierOfToken(ring, token, owner);
    },
  };
}

/** @param macTenant What the MAC covers: `null` when the tenant is not known at verification. */
export function mintToken(
  tools: TokenTools,
  request: Omit<MintRequest, "type"> & { readonly type: TokenType },
  macTenant: string | null,
): MaybePromise<MintedToken> {
  const { ring } = tools;
  const { type, id, generation, tenant, subject } = request;
  const kid = ring.primary;
  const body = buildBody({ type, kid, id, generation, secret: tools.entropy.bytes(SECRET_BYTES) });
  const mac = macOver(ring, body, { type, kid, tenant: macTenant });
  const verifier = verifierOver(ring, body, { type, kid, tenant, subject });
  invariant(mac !== undefined && verifier !== undefined, "the primary key is in the ring");
  return chain(mac, (macBytes) =>
    chain(verifier, (verifier) => ({ text: tokenText(type, body, macBytes), verifier })),
  );
}

export function verifierOfToken(
  ring: KeyRing,
  token: ParsedToken,
  owner: TokenOwner,
): MaybePromise<string> {
  const { type, kid } = token;
  const verifier = verifierOver(ring, tokenBody(token), { type, kid, ...owner });
  invariant(verifier !== undefined, "a verifier was asked for before the token was verified");
  return verifier;
}

function isServiceKey(type: TokenType): boolean {
  return type === "service-key";
}
