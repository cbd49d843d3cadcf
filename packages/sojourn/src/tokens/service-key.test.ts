import { describe, expect, it } from "vitest";
import * as node from "../platform/node.ts";
import * as web from "../platform/web.ts";
import { createKeyRing } from "./key-ring.ts";
import { generateSecret } from "./secrets.ts";
import { serviceKeys } from "./service-key.ts";
import { sessionTokens } from "./session-token.ts";
import { parseToken, TOKEN_TYPES, type TokenType } from "./token-format.ts";
import { macOver, verifierOver } from "./token-proof.ts";

const platforms = [
  ["node", node],
  ["web", web],
] as const;
const { entropy } = node;

describe.each(platforms)("service keys on %s", (_, { digest }) => {
  it("are proved without knowing the tenant, and match only their own record", async () => {
    const ring = await createKeyRing({ secrets: [generateSecret()], digest });
    const keys = serviceKeys({ ring, entropy });
    const minted = await keys.mint("acme");
    expect(minted.text).toMatch(/^sj1k_[\w-]{80}$/);
    const proved = await keys.prove(minted.text);
    expect(proved?.id).toBe(minted.id);
    if (proved === undefined) return;
    const record = { tenant: "acme", verifier: minted.verifier };
    expect(await keys.matches(proved, record)).toBe(true);
    expect(await keys.matches(proved, { ...record, tenant: "other" })).toBe(false);
    const { verifier } = await keys.mint("acme");
    expect(await keys.matches(proved, { ...record, verifier })).toBe(false);
    expect(await keys.matches(proved, { ...record, verifier: "" })).toBe(false);
  });

  it("are refused when forged, changed or made by another installation", async () => {
    const ring = await createKeyRing({ secrets: [generateSecret()], digest });
    const keys = serviceKeys({ ring, entropy });
    const { text } = await keys.mint("acme");
    const bytes = Buffer.from(text.slice(5), "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit += 5) {
      flip(bytes, bit);
      expect(await keys.prove(`sj1k_${bytes.toString("base64url")}`)).toBeUndefined();
      flip(bytes, bit);
    }
    for (const wrong of ["", text.slice(1), `${text}A`, text.replace("sj1k", "sj1s")]) {
      expect(await keys.prove(wrong)).toBeUndefined();
    }
    const stranger = await createKeyRing({ secrets: [generateSecret()], digest });
    expect(await serviceKeys({ ring: stranger, entropy }).prove(text)).toBeUndefined();
  });

  it("have keys of their own: the same bytes get another MAC and verifier as a session", async () => {
    const ring = await createKeyRing({ secrets: [generateSecret()], digest });
    const body = entropy.bytes(48);
    const as = (type: TokenType) => ({ type, kid: ring.primary, tenant: "acme", subject: null });
    const [key, session] = [as("service-key"), as("session")];
    expect(await macOver(ring, body, key)).not.toEqual(await macOver(ring, body, session));
    expect(await verifierOver(ring, body, key)).not.toBe(await verifierOver(ring, body, session));
  });

  it("are never a session token, not even when the type is rewritten, nor the other way", async () => {
    const ring = await createKeyRing({ secrets: [generateSecret()], digest });
    const keys = serviceKeys({ ring, entropy });
    const tokens = sessionTokens({ ring, entropy });
    const { text, id } = await keys.mint("acme");
    for (const type of TOKEN_TYPES) {
      if (type === "service-key") continue;
      expect(parseToken(text, type)).toBeUndefined();
      const session = await tokens.mint({ type, tenant: "acme", id, generation: 0, subject: null });
      expect(await keys.prove(session.text)).toBeUndefined();
      expect(await keys.prove(`${text.slice(0, 9)}${session.text.slice(9)}`)).toBeUndefined();
      const rewritten = parseToken(session.text.slice(0, 9) + text.slice(9), type);
      expect(rewritten && (await tokens.verify(rewritten, "acme"))).toBe(false);
    }
    const asKey = parseToken(text, "service-key");
    for (const tenant of ["acme", "", null as unknown as string]) {
      expect(asKey && (await tokens.verify(asKey, tenant))).toBe(false);
    }
  });
});

function flip(bytes: Uint8Array, bit: number): void {
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
}
