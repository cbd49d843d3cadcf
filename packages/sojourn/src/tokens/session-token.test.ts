import { describe, expect, it } from "vitest";
import * as node from "../platform/node.ts";
import * as web from "../platform/web.ts";
import { createKeyRing } from "./key-ring.ts";
import { generateSecret, type Secret } from "./secrets.ts";
import { newSessionId } from "./session-id.ts";
import { type MintRequest, type SessionTokens, sessionTokens } from "./session-token.ts";
import { type ParsedToken, parseToken, type TokenType } from "./token-format.ts";

const platforms = [
  ["node", node],
  ["web", web],
] as const;
const { entropy } = node;
const request: MintRequest = {
  type: "session",
  tenant: "acme",
  id: newSessionId(entropy, { bucket: 4_711 }),
  generation: 3,
  subject: "alice",
};

async function tokensWith(
  secrets: readonly Secret[],
  platform: typeof node | typeof web = node,
): Promise<SessionTokens> {
  const ring = await createKeyRing({ secrets, digest: platform.digest });
  return sessionTokens({ ring, entropy });
}

function parsed(text: string, type: TokenType = "session"): ParsedToken {
  const token = parseToken(text, type);
  if (token === undefined) throw new Error("not a token");
  return token;
}

async function accepts(tokens: SessionTokens, text: string, tenant = "acme"): Promise<boolean> {
  const token = parseToken(text, "session");
  return token !== undefined && (await tokens.verify(token, tenant));
}

describe.each(platforms)("session tokens on %s", (name, platform) => {
  it("verify what they minted, and only for its tenant", async () => {
    const tokens = await tokensWith([generateSecret()], platform);
    const { text } = await tokens.mint(request);
    expect(await accepts(tokens, text)).toBe(true);
    for (const tenant of ["", "Acme", "acm", "acme ", "acme\0", "\ud800"]) {
      expect(await accepts(tokens, text, tenant), JSON.stringify(tenant)).toBe(false);
    }
  });

  it("keep tenants apart that differ in a lone surrogate only", async () => {
    const tokens = await tokensWith([generateSecret()], platform);
    const { text } = await tokens.mint({ ...request, tenant: "\ud800" });
    expect(await accepts(tokens, text, "\ud800")).toBe(true);
    expect(await accepts(tokens, text, "\ud801")).toBe(false);
    expect(await accepts(tokens, text, "\ufffd")).toBe(false);
  });

  it("[ID-16] refuse a token with any one bit flipped, before any store", async () => {
    const tokens = await tokensWith([generateSecret()], platform);
    const { text } = await tokens.mint(request);
    const bytes = Buffer.from(text.slice(5), "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      flip(bytes, bit);
      expect(await accepts(tokens, `sj1s_${bytes.toString("base64url")}`), `bit ${bit}`).toBe(
        false,
      );
      flip(bytes, bit);
    }
    for (let at = 0; at < text.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const flipped = String.fromCharCode(text.charCodeAt(at) ^ (1 << bit));
        expect(await accepts(tokens, text.slice(0, at) + flipped + text.slice(at + 1))).toBe(false);
      }
    }
    expect(await accepts(tokens, text)).toBe(true);
  });

  it("refuse a token of another installation and one of an unknown key id", async () => {
    const { text } = await (await tokensWith([generateSecret()], platform)).mint(request);
    expect(await accepts(await tokensWith([generateSecret()], platform), text)).toBe(false);
  });

  it("give one token one verifier, which its record can hold", async () => {
    const tokens = await tokensWith([generateSecret()], platform);
    const { text, verifier } = await tokens.mint(request);
    expect(verifier).toMatch(/^[\w-]{32}$/);
    expect(await tokens.verifierOf(parsed(text), request)).toBe(verifier);
  });

  it("bind the verifier to tenant, subject, id, generation, secret and type", async () => {
    const tokens = await tokensWith([generateSecret()], platform);
    const { text, verifier } = await tokens.mint(request);
    const token = parsed(text);
    const others = [
      tokens.verifierOf(token, { tenant: "other", subject: "alice" }),
      tokens.verifierOf(token, { tenant: "acme", subject: "bob" }),
      tokens.verifierOf(token, { tenant: "acme", subject: null }),
      tokens.verifierOf(token, { tenant: "acme", subject: "" }),
      tokens.verifierOf(token, { tenant: "acmea", subject: "lice" }),
    ];
    for (const [at, type] of [[9], [30], [36], [40], [4, "anonymous"]] as const) {
      const changed = type === undefined ? replaced(text, at) : retyped(text);
      others.push(tokens.verifierOf(parsed(changed, type), request));
    }
    const verifiers = await Promise.all(others.map(async (verifier) => verifier));
    expect(new Set([verifier, ...verifiers]).size).toBe(verifiers.length + 1);
  });

  it("[KY-02] verify without one failure while a fleet rolls a new secret out", async () => {
    const [old, fresh] = [generateSecret(), generateSecret()];
    const stages = [[old], [old, fresh], [fresh, old]];
    let fleet = await Promise.all([old, old, old].map((secret) => tokensWith([secret], platform)));
    const texts: string[] = [];
    for (const secrets of stages) {
      for (const [at] of fleet.entries()) {
        fleet = fleet.with(at, await tokensWith(secrets, platform));
        for (const member of fleet) texts.push((await member.mint(request)).text);
        for (const member of fleet) {
          for (const text of texts) expect(await accepts(member, text)).toBe(true);
        }
      }
    }
    const last = await tokensWith([fresh], platform);
    const byKey = await Promise.all(texts.map((text) => accepts(last, text)));
    expect(byKey.slice(0, 18).some(Boolean), "tokens of the old secret end with it").toBe(false);
    expect(byKey.slice(-3)).toEqual([true, true, true]);
  });

  it("agree with the other platform to the byte", async () => {
    const secret = generateSecret();
    const here = await tokensWith([secret], platform);
    const there = await tokensWith([secret], name === "node" ? web : node);
    const { text, verifier } = await here.mint(request);
    expect(await accepts(there, text)).toBe(true);
    expect(await there.verifierOf(parsed(text), request)).toBe(verifier);
  });
});

describe("minted tokens", () => {
  it("are synchronous to make and to verify on Node", async () => {
    const tokens = await tokensWith([generateSecret()]);
    const minted = tokens.mint(request);
    if (minted instanceof Promise) throw new Error("a promise on Node");
    expect(tokens.verify(parsed(minted.text), "acme")).toBe(true);
    expect(tokens.verifierOf(parsed(minted.text), request)).toBe(minted.verifier);
  });

  it("[ID-01] hold 24 secret bytes without duplicates or biased bits in 10 000 tokens", async () => {
    const count = 10_000;
    const tokens = await tokensWith([generateSecret()]);
    const ones = new Uint32Array(24 * 8);
    const secrets = new Set<string>();
    for (let index = 0; index < count; index += 1) {
      const { text } = await tokens.mint(request);
      const secret = Buffer.from(text.slice(37, 69), "base64url");
      expect(secret).toHaveLength(24);
      secrets.add(secret.toString("hex"));
      for (let bit = 0; bit < ones.length; bit += 1) {
        ones[bit] = (ones[bit] ?? 0) + (((secret[bit >> 3] ?? 0) >> (bit & 7)) & 1);
      }
    }
    expect(secrets.size).toBe(count);
    // Six standard deviations: a fair source leaves them once in 2.6 million runs of 192 bits.
    const bound = 6 * Math.sqrt(count / 4);
    for (const seen of ones) expect(Math.abs(seen - count / 2)).toBeLessThan(bound);
  });

  it("[ID-01] draw no secret twice in a million", () => {
    const heads = new BigUint64Array(1_000_000);
    const perDraw = 2_500;
    for (let at = 0; at < heads.length; at += perDraw) {
      const bytes = entropy.bytes(perDraw * 24);
      const view = new DataView(bytes.buffer);
      for (let index = 0; index < perDraw; index += 1) {
        heads[at + index] = view.getBigUint64(index * 24);
      }
    }
    // The first 64 bits suffice: even of them two meet only once in 37 million such runs.
    heads.sort();
    expect(heads.some((head, index) => index > 0 && head === heads[index - 1])).toBe(false);
  });

  it("[ID-01] take their secret from entropy alone: what a caller adds is ignored", async () => {
    const tokens = await tokensWith([generateSecret()]);
    const withSecret = { ...request, secret: new Uint8Array(24), text: "mine" };
    const [one, two] = [await tokens.mint(withSecret), await tokens.mint(withSecret)];
    expect(one.text.slice(37, 69)).not.toBe(two.text.slice(37, 69));
    expect(one.text).not.toContain("AAAAAAAA");
  });

  it("[ID-06] carry no meaning: constant are version, type, key id and region, shared the bucket", async () => {
    const tokens = await tokensWith([generateSecret()]);
    const one: Uint8Array[] = [];
    const many: Uint8Array[] = [];
    for (let index = 0; index < 400; index += 1) {
      const alice = { ...request, id: newSessionId(entropy, { bucket: 4_711 }) };
      const other = { ...request, id: newSessionId(entropy), subject: `user-${index}` };
      one.push(bytesOf((await tokens.mint(alice)).text));
      many.push(bytesOf((await tokens.mint(other)).text));
    }
    // 0 version and type, 1–2 key id, 3 region, 4–5 bucket, 21–23 generation (equal here).
    expect(constantBytes(many)).toEqual([0, 1, 2, 3, 21, 22, 23]);
    expect(constantBytes(one)).toEqual([0, 1, 2, 3, 4, 5, 21, 22, 23]);
    for (const bytes of [...one, ...many]) {
      const raw = Buffer.from(bytes).toString("latin1");
      for (const field of ["alice", "user-", "acme"]) expect(raw).not.toContain(field);
    }
  });

  it("refuse to be verified or minted as service keys", async () => {
    const tokens = await tokensWith([generateSecret()]);
    const asKey = { ...request, type: "service-key" } as unknown as MintRequest;
    expect(() => tokens.mint(asKey)).toThrow(expect.objectContaining({ code: "ERR_INVARIANT" }));
  });

  it("have no verifier under a key that is gone, and say so as a bug", async () => {
    const { text } = await (await tokensWith([generateSecret()])).mint(request);
    const others = await tokensWith([generateSecret()]);
    expect(() => others.verifierOf(parsed(text), request)).toThrow(
      expect.objectContaining({ code: "ERR_INVARIANT" }),
    );
  });
});

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text.slice(5), "base64url");
}

function constantBytes(tokens: readonly Uint8Array[]): number[] {
  const [first, ...others] = tokens as [Uint8Array, ...Uint8Array[]];
  return [...first.keys()].filter((at) => others.every((bytes) => bytes[at] === first[at]));
}

function replaced(text: string, at: number): string {
  return text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
}

/** The same token as an anonymous one, prefix and first byte alike. */
function retyped(text: string): string {
  const bytes = Buffer.from(text.slice(5), "base64url");
  bytes[0] = 0x16;
  return `sj1n_${bytes.toString("base64url")}`;
}

function flip(bytes: Uint8Array, bit: number): void {
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
}
