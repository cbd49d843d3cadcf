import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SojournError } from "../engine/errors.ts";
import type { Digest } from "../engine/ports.ts";
import * as node from "../platform/node.ts";
import * as web from "../platform/web.ts";
import { type SessionCipher, sessionCipher } from "./data-cipher.ts";
import { createKeyRing, formatKid } from "./key-ring.ts";
import { generateSecret, type Secret } from "./secrets.ts";
import { newSessionId } from "./session-id.ts";

const platforms = [
  ["node", node],
  ["web", web],
] as const;
const { entropy } = node;
const ref = { tenant: "acme", id: newSessionId(entropy) };
const secret = generateSecret();

async function cipherWith(
  secrets: readonly Secret[],
  options: { platform?: typeof node | typeof web; place?: typeof ref } = {},
): Promise<SessionCipher> {
  const { digest } = options.platform ?? node;
  const ring = await createKeyRing({ secrets, digest });
  return sessionCipher({ ring, entropy }, options.place ?? ref);
}

async function failure(open: () => unknown): Promise<SojournError> {
  try {
    await open();
  } catch (error) {
    if (error instanceof SojournError) return error;
    throw error;
  }
  throw new Error("it opened");
}

describe.each(platforms)("session data at rest on %s", (name, platform) => {
  it("opens to the same JSON on either platform, whatever the value", async () => {
    const here = await cipherWith([secret], { platform });
    const there = await cipherWith([secret], { platform: name === "node" ? web : node });
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.json(), async (key, json) => {
        const stored = await here.seal(key, json);
        expect(stored).toMatch(/^e1\.[0-9a-f]{4}[\w-]+$/);
        expect(await there.open(key, stored)).toBe(json);
      }),
    );
  });

  it("opens for no other tenant, session or data key", async () => {
    const stored = await (await cipherWith([secret], { platform })).seal("cart", '"secret"');
    const places = [
      { ...ref, tenant: "other" },
      { ...ref, id: newSessionId(entropy) },
    ];
    for (const place of places) {
      const cipher = await cipherWith([secret], { platform, place });
      const error = await failure(() => cipher.open("cart", stored));
      expect(error.code).toBe("ERR_DATA_UNREADABLE");
    }
    const own = await cipherWith([secret], { platform });
    expect((await failure(() => own.open("prefs", stored))).code).toBe("ERR_DATA_UNREADABLE");
  });

  it("opens no changed text, and tells nothing of its content", async () => {
    const cipher = await cipherWith([secret], { platform });
    const stored = await cipher.seal("cart", '"classified"');
    const wrong = ["e1.", "e1.zzzz", "e1.12", stored.slice(0, 30), `${stored}=`, `${stored}A`];
    for (let at = 3; at < stored.length; at += 1) {
      wrong.push(stored.slice(0, at) + (stored[at] === "0" ? "1" : "0") + stored.slice(at + 1));
    }
    for (const text of wrong) {
      const error = await failure(() => cipher.open("cart", text));
      expect(error).toMatchObject({ code: "ERR_DATA_UNREADABLE", retryable: false });
      expect(error.message).not.toContain("classified");
      expect(error.message).not.toContain(text.slice(7, 20) || "e1.");
    }
  });

  it("reads what an old secret wrote, writes with the new one, and names the key that is gone", async () => {
    const fresh = generateSecret();
    const stored = await (await cipherWith([secret], { platform })).seal("cart", "1");
    const rotated = await cipherWith([fresh, secret], { platform });
    expect(await rotated.open("cart", stored)).toBe("1");
    const kid = stored.slice(3, 7);
    expect((await rotated.seal("cart", "1")).slice(3, 7)).not.toBe(kid);
    const dropped = await cipherWith([fresh], { platform });
    const error = await failure(() => dropped.open("cart", stored));
    expect(error.code).toBe("ERR_DATA_UNREADABLE");
    expect(error.message).toContain(kid);
  });
});

describe("session data", () => {
  it("stays readable when encryption is switched on later: no JSON begins with e1.", async () => {
    const cipher = await cipherWith([secret]);
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(cipher.open("cart", json)).toBe(json);
      }),
    );
  });

  it("has a key per session", async () => {
    const keys: Uint8Array[] = [];
    const digest: Digest = {
      ...node.digest,
      seal(key, nonce, plain, aad) {
        keys.push(key);
        return node.digest.seal(key, nonce, plain, aad);
      },
    };
    const ring = await createKeyRing({ secrets: [secret], digest });
    const places = [ref, { ...ref, id: newSessionId(entropy) }, { ...ref, tenant: "other" }];
    for (const place of places) await sessionCipher({ ring, entropy }, place).seal("a", "1");
    expect(new Set(keys.map((key) => key.join(","))).size).toBe(3);
  });

  it("is sealed with a new nonce each time, under the primary key", async () => {
    const ring = await createKeyRing({ secrets: [secret], digest: node.digest });
    const cipher = await cipherWith([secret]);
    const [one, two] = [cipher.seal("a", "1"), cipher.seal("a", "1")] as [string, string];
    expect(one.slice(7, 23)).not.toBe(two.slice(7, 23));
    expect(one.slice(3, 7)).toBe(formatKid(ring.primary));
  });
});
