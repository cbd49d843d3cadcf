/**
 * Tokens that stand for credentials of other systems. Whoever presents such a credential is taken
 * through the rotation protocol as the holder of this token, generation 0, which nobody is ever
 * sent: the successor it is answered with is the first token that leaves.
 *
 * The secret is derived from a root secret and from the credential: a reader of the store can
 * derive nothing, and neither can who holds one of the two.
 */
import { equalText } from "../engine/equal.ts";
import { invariant } from "../engine/invariant.ts";
import { encodeFields } from "./fields.ts";
import type { KeyRing } from "./key-ring.ts";
import type { OutsideKey } from "./outside-key.ts";
import type { MintedToken } from "./session-token.ts";
import { buildBody, SECRET_BYTES, tokenText } from "./token-format.ts";
import { macOver, verifierOver } from "./token-proof.ts";

/** The generation of every such token; those that are sent begin at 1. */
export const OUTSIDE_GENERATION = 0;

export interface OutsideHolder extends OutsideKey {
  readonly id: string;
  readonly subject: string | null;
}

/**
 * The token of a credential, the same in every process. 10 µs for each secret that is tried.
 *
 * @param verifier What the record holds: the token is made under the secret that gives this one,
 * which need not be the first any more. Absent: under the first.
 * @returns `undefined` when no secret gives `verifier`.
 */
export async function outsideToken(
  ring: KeyRing,
  holder: OutsideHolder,
  verifier?: string,
): Promise<MintedToken | undefined> {
  const kids = verifier === undefined ? [ring.primary] : ring.kids;
  for (const kid of kids) {
    const made = await tokenUnder(ring, kid, holder);
    if (verifier === undefined || equalText(made.verifier, verifier)) return made;
  }
  return undefined;
}

async function tokenUnder(ring: KeyRing, kid: number, holder: OutsideHolder): Promise<MintedToken> {
  const { purpose, tenant, key, id, subject } = holder;
  const type = subject === null ? "anonymous" : "session";
  const secret = await ring.hmac("outside", kid, encodeFields([purpose, tenant, key, id, subject]));
  invariant(secret !== undefined, "a ring has the keys it lists");
  const body = buildBody({
    type,
    kid,
    id,
    generation: OUTSIDE_GENERATION,
    secret: secret.subarray(0, SECRET_BYTES),
  });
  const mac = await macOver(ring, body, { type, kid, tenant });
  const verifier = await verifierOver(ring, body, { type, kid, tenant, subject });
  invariant(mac !== undefined && verifier !== undefined, "a ring has the keys it lists");
  return { text: tokenText(type, body, mac), verifier };
}
