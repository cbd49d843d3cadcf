import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { Digest } from "../engine/ports.ts";
import * as node from "../platform/node.ts";
import * as web from "../platform/web.ts";
import { encodeBase64Url } from "./base64url.ts";
import { createKeyRing, formatKid } from "./key-ring.ts";

const { digest } = node;
const oldSecret = Uint8Array.from({ length: 32 }, (_, index) => index);
const newSecret = Uint8Array.from({ length: 48 }, (_, index) => 255 - index);
const message = new Uint8Array(10);

describe("createKeyRing", () => {
  it("[KY-01] lists every key with purpose and algorithm, one purpose per key, no key bytes", async () => {
    const ring = await createKeyRing({ secrets: [newSecret, oldSecret], digest });
    const facts = ring.inventory().map((key) => Object.values(key).join(" "));
    expect(facts.slice(0, 12)).toMatchInlineSnapshot(`
      [
        "692e mac HMAC-SHA-256 true",
        "692e hash HMAC-SHA-256 true",
        "692e data HKDF-SHA-256 to AES-256-GCM true",
        "692e csrf HMAC-SHA-256 true",
        "692e log HMAC-SHA-256 true",
        "692e context HMAC-SHA-256 true",
        "692e challenge HMAC-SHA-256 true",
        "692e dpop-nonce HMAC-SHA-256 true",
        "692e seal HKDF-SHA-256 to AES-256-GCM true",
        "692e service-key HMAC-SHA-256 true",
        "692e service-key-hash HMAC-SHA-256 true",
        "692e outside HMAC-SHA-256 true",
      ]
    `);
    expect(facts.slice(12)).toEqual(
      facts.slice(0, 12).map((line) => line.replace("692e", "517f").replace("true", "false")),
    );
    expect(Object.keys(ring.inventory()[0] ?? {})).toEqual([
      "kid",
      "purpose",
      "algorithm",
      "primary",
    ]);
    const unique = new Set(ring.inventory().map(({ kid, purpose }) => kid + purpose));
    expect(unique.size).toBe(ring.inventory().length);
  });

  it("[KY-01] gives every secret and purpose a key of its own", async () => {
    const seen: string[] = [];
    await createKeyRing({ secrets: [newSecret, oldSecret], digest: recording(seen) });
    const keys = seen.filter((key) => key.length === 64);
    expect(keys).toHaveLength(24);
    expect(new Set(keys).size).toBe(24);
  });

  it("[KY-01] gives every tenant with a key keys of its own, under the same key ids", async () => {
    const ring = await createKeyRing({ secrets: [newSecret, oldSecret], digest });
    const key = new Uint8Array(32).fill(7);
    const other = new Uint8Array(32).fill(8);
    const rings = [
      ring,
      await ring.forTenant("acme", key),
      await ring.forTenant("acme", other),
      await ring.forTenant("beta", key),
    ];
    const macs: string[] = [];
    for (const one of rings) {
      expect(one.kids).toEqual(ring.kids);
      for (const kid of one.kids) {
        for (const purpose of ["mac", "hash", "csrf", "challenge"] as const) {
          macs.push(encodeBase64Url((await one.hmac(purpose, kid, message)) ?? message));
        }
      }
    }
    expect(new Set(macs).size).toBe(rings.length * 2 * 4);
    const again = await ring.forTenant("acme", key);
    expect(await again.primaryHmac("mac", message)).toEqual(
      await rings[1]?.primaryHmac("mac", message),
    );
  });

  it("[KY-04] derives 256-bit keys and uses only SHA-256 and AES-256", async () => {
    const seen: string[] = [];
    const ring = await createKeyRing({ secrets: [newSecret], digest: recording(seen) });
    const [kid, ...keys] = seen;
    expect(kid).toHaveLength(4);
    for (const key of keys) expect(key).toHaveLength(64);
    for (const { algorithm } of ring.inventory()) {
      expect(algorithm).toMatch(/^HMAC-SHA-256$|^HKDF-SHA-256 to AES-256-GCM$/);
    }
  });

  it("gives a secret the same key id at any place, and signs with the first", async () => {
    const before = await createKeyRing({ secrets: [oldSecret, newSecret], digest });
    const after = await createKeyRing({ secrets: [newSecret, oldSecret], digest });
    expect(after.kids).toEqual(before.kids.toReversed());
    expect(before.primary).toBe(before.kids[0]);
    for (const kid of before.kids) {
      expect(after.hmac("mac", kid, message)).toEqual(before.hmac("mac", kid, message));
    }
    expect(before.primaryHmac("log", message)).toEqual(before.hmac("log", before.primary, message));
  });

  it("takes base64url text and bytes alike, on either platform", async () => {
    const fromText = await createKeyRing({ secrets: [encodeBase64Url(oldSecret)], digest });
    const fromBytes = await createKeyRing({ secrets: [oldSecret], digest: web.digest });
    expect(fromText.kids).toEqual(fromBytes.kids);
    expect(fromText.primaryHmac("mac", message)).toEqual(
      await fromBytes.primaryHmac("mac", message),
    );
  });

  it("leaves the caller's bytes as they were", async () => {
    const secret = oldSecret.slice();
    await createKeyRing({ secrets: [secret], digest });
    expect(secret).toEqual(oldSecret);
  });

  it("answers nothing for a key id it has no secret for", async () => {
    const ring = await createKeyRing({ secrets: [oldSecret], digest });
    const unknown = (ring.primary + 1) % 65_536;
    expect(ring.hmac("mac", unknown, message)).toBeUndefined();
    expect(ring.derive("data", unknown, message)).toBeUndefined();
  });

  it("is synchronous on Node once it exists", async () => {
    const ring = await createKeyRing({ secrets: [oldSecret], digest });
    expect(ring.primaryHmac("mac", message)).toBeInstanceOf(Uint8Array);
    expect(ring.derive("seal", ring.primary, message)).toBeInstanceOf(Uint8Array);
  });

  it("shows its inventory and no key, however it is printed", async () => {
    const seen: string[] = [];
    const ring = await createKeyRing({ secrets: [oldSecret], digest: recording(seen) });
    const printed = inspect(ring, { depth: 9, showHidden: true }) + JSON.stringify(ring);
    expect(printed).toContain(formatKid(ring.primary));
    expect(printed).not.toContain(encodeBase64Url(oldSecret));
    for (const key of seen.slice(1)) {
      const bytes = Buffer.from(key, "hex");
      expect(printed).not.toContain(key);
      expect(printed.replaceAll(/\s/g, "")).not.toContain(bytes.subarray(0, 8).join(","));
      expect(printed).not.toContain(bytes.toString("base64url"));
    }
  });

  it("refuses two secrets that share a key id by chance, naming both", async () => {
    const sameKid: Digest = {
      ...digest,
      hkdf: (secret, info, length) =>
        length === 2 ? new Uint8Array([0x3f, 0xa9]) : digest.hkdf(secret, info, length),
    };
    await expect(
      createKeyRing({ secrets: [oldSecret, newSecret], digest: sameKid }),
    ).rejects.toMatchObject({
      code: "ERR_CONFIG",
      problems: [{ path: "secrets[1]", message: expect.stringContaining("3fa9") as string }],
    });
  });
});

/** Notes every derived key in hexadecimal. */
function recording(seen: string[]): Digest {
  return {
    ...digest,
    hkdf(secret, info, length) {
      const key = digest.hkdf(secret, info, length) as Uint8Array;
      seen.push(Buffer.from(key).toString("hex"));
      return key;
    },
  };
}
