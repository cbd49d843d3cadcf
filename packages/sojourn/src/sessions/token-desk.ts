/** Everything keyed that the composition needs, over one key ring. */
import type { EncodedData } from "../engine/data.ts";
import type { Digest, Entropy, MaybePromise, SessionRef, StoredData } from "../engine/ports.ts";
import { REFRESH_KIND } from "../engine/record.ts";
import type { SessionRecord } from "../engine/record.ts";
import { fingerprintLike } from "../tokens/context.ts";
import { csrfValue, verifyCsrfValue } from "../tokens/csrf-value.ts";
import { makeMark, readMark } from "../tokens/dbsc/mark.ts";
import type { Mark, MarkKind, MarkPlace } from "../tokens/dbsc/mark.ts";
import { sessionCipher } from "../tokens/data-cipher.ts";
import type { SessionCipher } from "../tokens/data-cipher.ts";
import { createKeyRing } from "../tokens/key-ring.ts";
import type { KeyFacts, KeyRing } from "../tokens/key-ring.ts";
import { sidRef } from "../tokens/log-ref.ts";
import { serviceKeys } from "../tokens/service-key.ts";
import type { ServiceKeys } from "../tokens/service-key.ts";
import { sessionTokens } from "../tokens/session-token.ts";
import type { MintedToken, TokenOwner } from "../tokens/session-token.ts";
import { outsideToken } from "../tokens/outside-token.ts";
import type { OutsideHolder } from "../tokens/outside-token.ts";
import { successors } from "../tokens/successor.ts";
import type { Successors } from "../tokens/successor.ts";
import { ticketDesk } from "../tokens/ticket.ts";
import type { TicketDesk } from "../tokens/ticket.ts";
import { parseToken } from "../tokens/token-format.ts";
import type { ParsedToken } from "../tokens/token-format.ts";

/** Whose token it is, which decides its type. */
export interface TokenPlace extends SessionRef, Pick<SessionRecord, "subject" | "kind"> {
  readonly generation: number;
}

/**
 * The one type of token that a record has: sessions without a subject and families of refresh
 * tokens have their own (ID-13), and none stands in for another.
 */
export function tokenTypeOf({
  subject,
  kind,
}: Pick<SessionRecord, "subject" | "kind">): "session" | "anonymous" | "refresh" {
  if (kind === REFRESH_KIND) return "refresh";
  return subject === null ? "anonymous" : "session";
}

/** Challenges, authorizations and bound cookies of device-bound sessions. */
export interface Marks {
  make(kind: MarkKind, place: MarkPlace, mark: Mark): MaybePromise<string>;
  read(kind: MarkKind, place: MarkPlace, text: string): MaybePromise<Mark | undefined>;
}

/** Everything keyed of one tenant. */
export interface TokenDesk {
  /** True when the tenant has a key of its own: its data is then always encrypted. */
  readonly own: boolean;
  /** Data that was decrypted here, for as long as what was read is kept. */
  readonly opened: WeakMap<StoredData, EncodedData>;
  readonly successors: Successors;
  readonly tickets: TicketDesk;
  readonly marks: Marks;
  mint(place: TokenPlace): MaybePromise<MintedToken>;
  /** True when one of the secrets has this key id. */
  hasKey(kid: number): boolean;
  /** No I/O: forged, truncated and foreign-tenant tokens end here. */
  verifyMac(token: ParsedToken, tenant: string): MaybePromise<boolean>;
  verifierOf(token: ParsedToken, owner: TokenOwner): MaybePromise<string>;
  /** The token that stands for another system's credential; see `tokens/outside-token.ts`. */
  outsideToken(holder: OutsideHolder, verifier?: string): Promise<MintedToken | undefined>;
  cipher(ref: SessionRef): SessionCipher;
  csrfValue(ref: SessionRef): MaybePromise<Uint8Array>;
  verifyCsrfValue(ref: SessionRef, presented: Uint8Array): MaybePromise<boolean>;
  /** Keyed hash of a text that describes the client, in the spelling that `known` has of it. */
  fingerprint(text: string, known: readonly (string | undefined)[]): MaybePromise<string>;
}

/** Everything keyed of an installation, for tenants that have no key of their own. */
export interface InstallationDesk extends TokenDesk {
  readonly serviceKeys: ServiceKeys;
  /** What logs carry instead of a session id. */
  sidRef(id: string): MaybePromise<string>;
  inventory(): readonly KeyFacts[];
  /** @param key At least 32 random bytes that nothing else is derived from. */
  forTenant(tenant: string, key: Uint8Array): Promise<TokenDesk>;
}

/** @throws {ConfigError} for secrets that cannot be keys. */
export async function createTokenDesk(
  secrets: readonly Uint8Array[],
  digest: Digest,
  entropy: Entropy,
): Promise<InstallationDesk> {
  const ring = await createKeyRing({ secrets, digest });
  return {
    ...deskOver(ring, entropy, false),
    serviceKeys: serviceKeys({ ring, entropy }),
    sidRef: (id) => sidRef(ring, id),
    inventory: () => ring.inventory(),
    forTenant: async (tenant, key) => deskOver(await ring.forTenant(tenant, key), entropy, true),
  };
}

function deskOver(ring: KeyRing, entropy: Entropy, own: boolean): TokenDesk {
  const tools = { ring, entropy };
  const tokens = sessionTokens(tools);
  return {
    own,
    opened: new WeakMap(),
    successors: successors(tools),
    tickets: ticketDesk(tools),
    marks: {
      make: (kind, place, mark) => makeMark(ring, kind, place, mark),
      read: (kind, place, text) => readMark(ring, kind, place, text),
    },
    mint: ({ tenant, id, subject, kind, generation }) =>
      tokens.mint({ tenant, id, subject, generation, type: tokenTypeOf({ subject, kind }) }),
    hasKey: (kid) => ring.kids.includes(kid),
    verifyMac: (token, tenant) => tokens.verify(token, tenant),
    verifierOf: (token, owner) => tokens.verifierOf(token, owner),
    outsideToken: (holder, verifier) => outsideToken(ring, holder, verifier),
    cipher: (ref) => sessionCipher(tools, ref),
    csrfValue: (ref) => csrfValue(ring, ref),
    verifyCsrfValue: (ref, presented) => verifyCsrfValue(ring, ref, presented),
    fingerprint: (text, known) => fingerprintLike(ring, text, known),
  };
}

/** Sessions and anonymous sessions come in one cookie; nothing else is accepted there (ID-02). */
export function parsePresented(text: string): ParsedToken | undefined {
  return parseToken(text, "session") ?? parseToken(text, "anonymous");
}
