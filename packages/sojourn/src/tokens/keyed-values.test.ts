import { describe, expect, it } from "vitest";
import * as node from "../platform/node.ts";
import * as web from "../platform/web.ts";
import { fingerprintLike, fingerprintOf } from "./context.ts";
import { csrfValue, verifyCsrfValue } from "./csrf-value.ts";
import { createKeyRing, type KeyRing } from "./key-ring.ts";
import { sidRef } from "./log-ref.ts";
import { generateSecret, type Secret } from "./secrets.ts";
import { newSessionId } from "./session-id.ts";

const platforms = [
  ["node", node],
  ["web", web],
] as const;
const [old, fresh] = [generateSecret(), generateSecret()];
const id = newSessionId(node.entropy);
const ref = { tenant: "acme", id };

function ringOf(secrets: readonly Secret[], platform: typeof node | typeof web): Promise<KeyRing> {
  return createKeyRing({ secrets, digest: platform.digest });
}

describe.each(platforms)("keyed values on %s", (_, platform) => {
  it("name a session in logs without telling its id. Invariant I12", async () => {
    const ring = await ringOf([old], platform);
    const reference = await sidRef(ring, id);
    expect(reference).toMatch(/^[\w-]{16}$/);
    expect(await sidRef(ring, id)).toBe(reference);
    expect(await sidRef(ring, newSessionId(node.entropy))).not.toBe(reference);
    expect(await sidRef(await ringOf([fresh], platform), id)).not.toBe(reference);
    expect(id).not.toContain(reference);
  });

  it("give a client context the same fingerprint and another context another", async () => {
    const ring = await ringOf([old], platform);
    const print = await fingerprintOf(ring, "agent|10.0.0.0/24");
    expect(print).toMatch(/^[\w-]{16}$/);
    expect(await fingerprintOf(ring, "agent|10.0.0.0/24")).toBe(print);
    expect(await fingerprintOf(ring, "agent|10.0.1.0/24")).not.toBe(print);
    expect(await sidRef(ring, "agent|10.0.0.0/24"), "purposes differ").not.toBe(print);
  });

  it("know a context again that an old secret's fingerprint was kept of", async () => {
    const kept = await fingerprintOf(await ringOf([old], platform), "agent");
    const ring = await ringOf([fresh, generateSecret(), old], platform);
    const now = await fingerprintOf(ring, "agent");
    expect(now).not.toBe(kept);
    expect(await fingerprintLike(ring, "agent", [undefined, kept])).toBe(kept);
    expect(await fingerprintLike(ring, "agent", [now])).toBe(now);
    expect(await fingerprintLike(ring, "agent", [])).toBe(now);
    expect(await fingerprintLike(ring, "other", [kept])).toBe(await fingerprintOf(ring, "other"));
  });

  it("bind the anti-forgery value to tenant and session, under every secret of the ring", async () => {
    const value = await csrfValue(await ringOf([old], platform), ref);
    expect(value).toHaveLength(32);
    const ring = await ringOf([fresh, old], platform);
    expect(await verifyCsrfValue(ring, ref, value)).toBe(true);
    expect(await verifyCsrfValue(ring, ref, await csrfValue(ring, ref))).toBe(true);
    expect(await verifyCsrfValue(await ringOf([fresh], platform), ref, value)).toBe(false);
    expect(await verifyCsrfValue(ring, { ...ref, tenant: "other" }, value)).toBe(false);
    const other = { ...ref, id: newSessionId(node.entropy) };
    expect(await verifyCsrfValue(ring, other, value)).toBe(false);
    for (const wrong of [new Uint8Array(0), value.slice(1), new Uint8Array(32)]) {
      expect(await verifyCsrfValue(ring, ref, wrong)).toBe(false);
    }
  });
});

describe("keyed values on Node", () => {
  it("allocate no promise", async () => {
    const ring = await ringOf([old, fresh], node);
    expect(typeof sidRef(ring, id)).toBe("string");
    expect(typeof fingerprintLike(ring, "agent", ["x".repeat(16)])).toBe("string");
    expect(verifyCsrfValue(ring, ref, new Uint8Array(32))).toBe(false);
  });
});
