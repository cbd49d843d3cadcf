/**
 * Service keys (`sj1k_…`): the credential of a backend, in the shape of a token and under keys of
 * its own, so that it is never taken for a session (and no session for it). The tenant follows from
 * the key, so the MAC covers none; the verifier that the record holds does.
 */
import { equalText } from "../engine/equal.ts";
import type { MaybePromise } from "../engine/ports.ts";
import { chain } from "./maybe-promise.ts";
import { newSessionId } from "./session-id.ts";
import { type MintedToken, mintToken, type TokenTools, verifierOfToken } from "./session-token.ts";
import { type ParsedToken, parseToken } from "./token-format.ts";
import { macIsRight } from "./token-proof.ts";

const TYPE = "service-key";

export interface MintedServiceKey extends MintedToken {
  /** Finds the record; not a secret. 24 base64url characters. */
  readonly id: string;
}

export interface ServiceKeys {
  /** A fresh key of a tenant. The text is shown once; the record keeps id and verifier. */
  mint(tenant: string): MaybePromise<MintedServiceKey>;
  /** @returns the key when we made it, without I/O; `undefined` for anything else. */
  prove(text: string): MaybePromise<ParsedToken | undefined>;
  /** True when the record that was found by the proved key's id is this key's. */
  matches(key: ParsedToken, record: ServiceKeyRecord): MaybePromise<boolean>;
}

export interface ServiceKeyRecord {
  readonly tenant: string;
  readonly verifier: string;
}

export function serviceKeys(tools: TokenTools): ServiceKeys {
  const { ring } = tools;
  return {
    mint(tenant) {
      const id = newSessionId(tools.entropy);
      const request = { type: TYPE, tenant, id, generation: 0, subject: null } as const;
      return chain(mintToken(tools, request, null), (minted) => ({ ...minted, id }));
    },
    prove(text) {
      const key = parseToken(text, TYPE);
      if (key === undefined) return undefined;
      return chain(macIsRight(ring, key, null), (ours) => (ours ? key : undefined));
    },
    matches(key, record) {
      const owner = { tenant: record.tenant, subject: null };
      const verifier = verifierOfToken(ring, key, owner);
      return chain(verifier, (text) => equalText(text, record.verifier));
    },
  };
}
