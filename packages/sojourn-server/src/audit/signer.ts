/**
 * Signs where the chain stands, so that whoever can write the database and has no secret cannot
 * write another chain. Ed25519 (RFC 8032), from each secret by HKDF with a purpose of its own.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  sign as signBytes,
  verify as verifyBytes,
} from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { ChainEnd } from "./chain.ts";

/** The chain `chain` runs from after the anchor to `seq`, and `hash` is its last one. */
export interface Stand extends ChainEnd {
  readonly chain: string;
  /** What came before was removed when its time was over; 0: nothing was. */
  readonly anchorSeq: number;
  readonly anchorHash: string;
  /** When it was signed. */
  readonly at: number;
}

export interface SignedStand extends Stand {
  /** Id of the key. */
  readonly kid: string;
  readonly signature: string;
}

export type Proof = "proved" | "forged" | "unknown-key";

interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const PURPOSE = "sojourn-server/1/audit-checkpoint";
const SEED_BYTES = 32;
const KID_CHARS = 16;
/** What stands before the 32 bytes of an Ed25519 key in PKCS#8 (RFC 8410 section 7). */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

export class Signer {
  readonly #keys: readonly SigningKey[];

  /** @param secrets Of the installation: the first signs, all verify. */
  constructor(secrets: readonly string[]) {
    this.#keys = secrets.map(keyFrom);
  }

  sign(stand: Stand): SignedStand {
    const [key] = this.#keys;
    if (key === undefined) throw new Error("there is no secret to sign with");
    const signature = signBytes(null, textOf(stand), key.privateKey).toString("base64url");
    return { ...stand, kid: key.kid, signature };
  }

  prove(stand: SignedStand): Proof {
    const key = this.#keys.find(({ kid }) => kid === stand.kid);
    if (key === undefined) return "unknown-key";
    const signature = Buffer.from(stand.signature, "base64url");
    return verifyBytes(null, textOf(stand), key.publicKey, signature) ? "proved" : "forged";
  }

  /** Of any other text; it can never be taken for a checkpoint. */
  signText(text: string): { readonly kid: string; readonly signature: string } {
    const [key] = this.#keys;
    if (key === undefined) throw new Error("there is no secret to sign with");
    const message = Buffer.from(`sojourn text 1\n${text}`);
    return {
      kid: key.kid,
      signature: signBytes(null, message, key.privateKey).toString("base64url"),
    };
  }

  /** Not secret: others can verify checkpoints with it. SPKI as PEM, by key id. */
  publicKeys(): readonly { readonly kid: string; readonly pem: string }[] {
    return this.#keys.map(({ kid, publicKey }) => ({
      kid,
      pem: publicKey.export({ type: "spki", format: "pem" }).toString(),
    }));
  }
}

function keyFrom(secret: string): SigningKey {
  const material = Buffer.from(secret, "base64url");
  const seed = Buffer.from(hkdfSync("sha256", material, "", PURPOSE, SEED_BYTES));
  const der = Buffer.concat([PKCS8_HEAD, seed]);
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const publicKey = createPublicKey(privateKey);
  const spki = publicKey.export({ type: "spki", format: "der" });
  const kid = createHash("sha256").update(spki).digest("base64url").slice(0, KID_CHARS);
  return { kid, privateKey, publicKey };
}

/** What is signed. */
function textOf({ chain, anchorSeq, anchorHash, seq, hash, at }: Stand): Buffer {
  const members = ["sojourn audit checkpoint", 1, chain, anchorSeq, anchorHash, seq, hash, at];
  return Buffer.from(JSON.stringify(members));
}
