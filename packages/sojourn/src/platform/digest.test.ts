import { createHmac, hkdfSync } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as node from "./node.ts";
import * as web from "./web.ts";

const platforms = [
  ["node", node],
  ["web", web],
] as const;

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "hex"));
}

/** Every length is as likely; drawn by length and seed, so that a failure shrinks at once. */
function bytesBetween(min: number, max: number): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(fc.integer({ min, max }), fc.nat(255))
    .map(([length, seed]) => Uint8Array.from({ length }, (_, index) => seed + index * 31));
}

function flip(bytes: Uint8Array, bit: number): void {
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function toHex(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString("hex");
}

// RFC 4231 section 4; case 5 truncates its output and is left out.
const hmacVectors: [Uint8Array, Uint8Array, string][] = [
  [
    hex("0b".repeat(20)),
    text("Hi There"),
    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
  ],
  [
    text("Jefe"),
    text("what do ya want for nothing?"),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  ],
  [
    hex("aa".repeat(20)),
    hex("dd".repeat(50)),
    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
  ],
  [
    hex("0102030405060708090a0b0c0d0e0f10111213141516171819"),
    hex("cd".repeat(50)),
    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
  ],
  [
    hex("aa".repeat(131)),
    text("Test Using Larger Than Block-Size Key - Hash Key First"),
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  ],
  [
    hex("aa".repeat(131)),
    text(
      "This is a test using a larger than block-size key and a larger than block-size data. " +
        "The key needs to be hashed before being used by the HMAC algorithm.",
    ),
    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
  ],
];

interface GcmVector {
  readonly key: string;
  readonly nonce: string;
  readonly plain: string;
  readonly aad: string;
  /** Ciphertext and tag. */
  readonly sealed: string;
}

const zeros = { key: "00".repeat(32), nonce: "00".repeat(12), aad: "" };
const feff = {
  key: "feffe9928665731c6d6a8f9467308308".repeat(2),
  nonce: "cafebabefacedbaddecaf888",
};
const plain60 =
  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" +
  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
const cipher60 =
  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa" +
  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662";

const withAad: GcmVector = {
  ...feff,
  plain: plain60,
  aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
  sealed: `${cipher60}76fc6ece0f4e1768cddf8853bb2d551b`,
};

// The GCM specification submitted to NIST (McGrew, Viega), test cases 13 to 16: AES-256.
const gcmVectors: GcmVector[] = [
  { ...zeros, plain: "", sealed: "530f8afbc74536b9a963b4f1c4cb738b" },
  {
    ...zeros,
    plain: "00".repeat(16),
    sealed: "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
  },
  {
    ...feff,
    plain: `${plain60}1aafd255`,
    aad: "",
    sealed: `${cipher60}898015adb094dac5d93471bdec1a502270e3cc6c`,
  },
  withAad,
];

describe.each(platforms)("digest on %s", (name, { digest }) => {
  it.each(hmacVectors)("computes the HMAC of RFC 4231 (%#)", async (key, message, expected) => {
    expect(toHex(await digest.hmac(key, message))).toBe(expected);
    expect(toHex(await digest.hmac(key, message)), "with the remembered key").toBe(expected);
  });

  it("derives the key of RFC 5869, test case 3, whose salt is empty", async () => {
    const derived = await digest.hkdf(hex("0b".repeat(22)), new Uint8Array(0), 42);
    expect(toHex(derived)).toBe(
      "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    );
  });

  it.each(gcmVectors)("seals and opens as the GCM specification does (%#)", async (vector) => {
    const [key, nonce, aad] = [hex(vector.key), hex(vector.nonce), hex(vector.aad)];
    expect(toHex(await digest.seal(key, nonce, hex(vector.plain), aad))).toBe(vector.sealed);
    expect(toHex(await digest.open(key, nonce, hex(vector.sealed), aad))).toBe(vector.plain);
  });

  it("opens nothing after any one bit of key, nonce, text, tag or associated data changed", async () => {
    const parts = [withAad.key, withAad.nonce, withAad.sealed, withAad.aad].map(hex);
    for (const part of parts) {
      for (let bit = 0; bit < part.length * 8; bit += 7) {
        flip(part, bit);
        const [key, nonce, sealed, aad] = parts as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
        // A copy, since keys are remembered by identity.
        expect(await digest.open(key.slice(), nonce, sealed, aad)).toBeUndefined();
        flip(part, bit);
      }
    }
  });

  it("opens nothing that is shorter than a tag", async () => {
    for (let length = 0; length < 16; length += 1) {
      const sealed = new Uint8Array(length);
      expect(
        await digest.open(new Uint8Array(32), new Uint8Array(12), sealed, new Uint8Array(0)),
      ).toBeUndefined();
    }
  });

  it("refuses a key of a wrong length instead of saying that nothing opened", async () => {
    const open = async () =>
      digest.open(new Uint8Array(31), new Uint8Array(12), new Uint8Array(16), new Uint8Array(0));
    await expect(open()).rejects.toThrow(/key/i);
  });

  it("is synchronous exactly on Node", () => {
    const [key, message] = [new Uint8Array(32), new Uint8Array(1)];
    const results = [
      digest.hmac(key, message),
      digest.hkdf(key, message, 32),
      digest.seal(key, new Uint8Array(12), message, message),
      digest.open(key, new Uint8Array(12), new Uint8Array(17), message),
    ];
    for (const result of results) expect(result instanceof Promise).toBe(name === "web");
  });
});

describe("the two platforms", () => {
  const bytes = bytesBetween(1, 700);

  it("agree with createHmac for every key and message, short, block-sized and long", async () => {
    await fc.assert(
      fc.asyncProperty(bytes, bytesBetween(0, 700), async (key, message) => {
        const expected = createHmac("sha256", key).update(message).digest("hex");
        expect(toHex(node.digest.hmac(key, message) as Uint8Array)).toBe(expected);
        expect(toHex(await web.digest.hmac(key, message))).toBe(expected);
      }),
    );
  });

  it("compute each HMAC alone, whatever message the same key had before", () => {
    const key = node.entropy.bytes(32);
    const messages = fc.array(bytesBetween(0, 500), {
      minLength: 2,
      maxLength: 6,
    });
    fc.assert(
      fc.property(messages, (sequence) => {
        for (const message of sequence) {
          const expected = createHmac("sha256", key).update(message).digest("hex");
          expect(toHex(node.digest.hmac(key, message) as Uint8Array)).toBe(expected);
        }
      }),
    );
  });

  it("derive and seal the same bytes and open each other's", async () => {
    const nonce = fc.uint8Array({ minLength: 12, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(bytes, bytes, nonce, async (secret, info, nonce) => {
        const key = node.digest.hkdf(secret, info, 32) as Uint8Array;
        expect(key).toEqual(new Uint8Array(hkdfSync("sha256", secret, "", info, 32)));
        expect(await web.digest.hkdf(secret, info, 32)).toEqual(key);
        const sealed = node.digest.seal(key, nonce, info, secret) as Uint8Array;
        expect(await web.digest.seal(key, nonce, info, secret)).toEqual(sealed);
        expect(await web.digest.open(key, nonce, sealed, secret)).toEqual(info);
        expect(node.digest.open(key, nonce, sealed, secret)).toEqual(info);
      }),
    );
  });

  it("export the same names", () => {
    expect(Object.keys(web).sort()).toEqual(Object.keys(node).sort());
  });
});

describe("entropy", () => {
  it("gives as many bytes as asked for, different each time", () => {
    expect(node.entropy.bytes(0)).toHaveLength(0);
    expect(node.entropy.bytes(24)).toHaveLength(24);
    expect(node.entropy.bytes(24)).not.toEqual(node.entropy.bytes(24));
  });
});

describe("cipherOf", () => {
  const [key, nonce, aad] = [new Uint8Array(32).fill(7), new Uint8Array(12).fill(1), text("place")];

  it.each(platforms)(
    "seals and opens as the digest of %s does, any number of times",
    async (_, at) => {
      const cipher = at.cipherOf(key);
      for (const plain of [text(""), text("a"), text("b".repeat(5_000))]) {
        const sealed = await cipher.seal(nonce, plain, aad);
        expect(sealed).toEqual(await node.digest.seal(key, nonce, plain, aad));
        expect(await cipher.open(nonce, sealed, aad)).toEqual(plain);
        flip(sealed, 3);
        expect(await cipher.open(nonce, sealed, aad)).toBeUndefined();
        flip(sealed, 3);
        expect(await cipher.open(nonce, sealed, text("other"))).toBeUndefined();
        expect(await cipher.open(nonce, sealed.subarray(0, 15), aad)).toBeUndefined();
      }
    },
  );
});

describe("base64Url", () => {
  it("reads the one spelling of some bytes and writes it", () => {
    const { base64Url } = node;
    fc.assert(
      fc.property(bytesBetween(0, 70), (bytes) => {
        const spelt = base64Url?.encode(bytes) ?? "";
        expect(spelt).toBe(Buffer.from(bytes).toString("base64url"));
        expect(base64Url?.decode(spelt)).toEqual(bytes);
      }),
    );
    for (const wrong of ["A", "AA=", "AA==", "AB", "AAB", "A A", "+A", "/A", "AA\n", "AAAAé"]) {
      expect(base64Url?.decode(wrong), wrong).toBeUndefined();
    }
  });
});
