import { describe, expect, it } from "vitest";
import * as node from "../platform/node.ts";
import * as web from "../platform/web.ts";
import { createKeyRing } from "./key-ring.ts";
import type { KeyRing } from "./key-ring.ts";
import { outsideToken } from "./outside-token.ts";
import { newSessionId } from "./session-id.ts";
import { sessionTokens } from "./session-token.ts";
import { parseToken } from "./token-format.ts";

const { digest, entropy } = node;
const [first, second] = [entropy.bytes(32), entropy.bytes(32)];
const id = newSessionId(entropy);
const holder = {
  purpose: "express-session",
  tenant: "default",
  key: "sid",
  id,
  subject: "alice" as string | null,
};

const ringOf = (...secrets: Uint8Array[]): Promise<KeyRing> => createKeyRing({ secrets, digest });

describe("the token of an outside credential", () => {
  it("is the same in every process, and on every platform", async () => {
    const made = await outsideToken(await ringOf(first), holder);
    expect(await outsideToken(await ringOf(first), { ...holder })).toEqual(made);
    const elsewhere = await createKeyRing({ secrets: [first], digest: web.digest });
    expect(await outsideToken(elsewhere, holder)).toEqual(made);
  });

  it("is a genuine token of generation 0 with the verifier that a record holds", async () => {
    const ring = await ringOf(first);
    const made = await outsideToken(ring, holder);
    const parsed = parseToken(made?.text ?? "", "session");
    if (parsed === undefined) throw new Error("it does not parse");
    const tokens = sessionTokens({ ring, entropy });
    expect(parsed).toMatchObject({ id, generation: 0 });
    expect(await tokens.verify(parsed, "default")).toBe(true);
    expect(await tokens.verifierOf(parsed, { tenant: "default", subject: "alice" })).toBe(
      made?.verifier,
    );
    const anonymous = await outsideToken(ring, { ...holder, subject: null });
    expect(parseToken(anonymous?.text ?? "", "anonymous")).toMatchObject({ id });
  });

  it("differs for every field and every secret", async () => {
    const ring = await ringOf(first);
    const variants = [
      holder,
      { ...holder, key: "sie" },
      { ...holder, purpose: "other" },
      { ...holder, tenant: "other" },
      { ...holder, id: newSessionId(entropy) },
      { ...holder, subject: "bob" },
      { ...holder, subject: null },
    ];
    const secrets = new Set<string>();
    for (const one of variants) {
      const made = await outsideToken(ring, one);
      secrets.add(made?.text.slice(37, 69) ?? "");
    }
    const other = await outsideToken(await ringOf(second), holder);
    secrets.add(other?.text.slice(37, 69) ?? "");
    expect(secrets.size).toBe(variants.length + 1);
  });

  it("is found again under the secret it was made with, wherever that stands by now", async () => {
    const made = await outsideToken(await ringOf(first), holder);
    const rotated = await ringOf(second, first);
    expect(await outsideToken(rotated, holder, made?.verifier)).toEqual(made);
    expect(await outsideToken(rotated, holder)).not.toEqual(made);
    expect(await outsideToken(await ringOf(second), holder, made?.verifier)).toBeUndefined();
  });
});
