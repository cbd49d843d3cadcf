/** An authenticator in software: makes passkeys and answers challenges, as browsers tell it. */
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";

interface Options {
  readonly challenge: string;
  readonly rp?: { readonly id?: string };
  readonly rpId?: string;
}

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const HAS_CREDENTIAL = 0x40;

export class Authenticator {
  readonly id: Buffer = randomBytes(32);
  readonly #key: KeyObject;
  readonly #public: KeyObject;
  /** As of one that counts its uses. */
  counter = 1;
  /** The owner proved to be it: a finger, a PIN. */
  verifies = true;

  /** Of the page that asks. */
  origin: string;

  constructor(origin: string) {
    this.origin = origin;
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#key = privateKey;
    this.#public = publicKey;
  }

  get rpId(): string {
    return new URL(this.origin).hostname;
  }

  /** What `navigator.credentials.create` gives, as JSON. */
  create({ challenge }: Options): Record<string, unknown> {
    const { x, y } = this.#public.export({ format: "jwk" });
    const coordinate = (text: string | undefined): Buffer =>
      Buffer.concat([Buffer.from([0x58, 0x20]), Buffer.from(text ?? "", "base64url")]);
    const cose = Buffer.concat([
      Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21]),
      coordinate(x),
      Buffer.from([0x22]),
      coordinate(y),
    ]);
    const credential = Buffer.concat([Buffer.alloc(16), Buffer.from([0, 32]), this.id, cose]);
    const authData = Buffer.concat([this.#head(HAS_CREDENTIAL), credential]);
    const object = Buffer.concat([
      Buffer.from([0xa3]),
      ...["fmt", "none"].map(textOf),
      textOf("attStmt"),
      Buffer.from([0xa0]),
      textOf("authData"),
      Buffer.from([0x58, authData.length]),
      authData,
    ]);
    return this.#told({
      clientDataJSON: this.#client("webauthn.create", challenge).toString("base64url"),
      attestationObject: object.toString("base64url"),
      transports: ["internal"],
    });
  }

  /** What `navigator.credentials.get` gives, as JSON. */
  get({ challenge }: Options): Record<string, unknown> {
    this.counter += 1;
    const authData = this.#head(0);
    const client = this.#client("webauthn.get", challenge);
    const hash = createHash("sha256").update(client).digest();
    const signature = sign("sha256", Buffer.concat([authData, hash]), this.#key);
    return this.#told({
      clientDataJSON: client.toString("base64url"),
      authenticatorData: authData.toString("base64url"),
      signature: signature.toString("base64url"),
    });
  }

  #told(response: object): Record<string, unknown> {
    const id = this.id.toString("base64url");
    return { id, rawId: id, type: "public-key", response, clientExtensionResults: {} };
  }

  #client(type: string, challenge: string): Buffer {
    return Buffer.from(JSON.stringify({ type, challenge, origin: this.origin }));
  }

  #head(more: number): Buffer {
    const flags = USER_PRESENT | (this.verifies ? USER_VERIFIED : 0) | more;
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(this.counter);
    const rp = createHash("sha256").update(this.rpId).digest();
    return Buffer.concat([rp, Buffer.from([flags]), counter]);
  }
}

/** CBOR, for texts of less than 24 characters. */
function textOf(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x60 + text.length]), Buffer.from(text)]);
}
