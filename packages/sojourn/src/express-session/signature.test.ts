import { createHmac, createSecretKey } from "node:crypto";
import { describe, expect, it } from "vitest";
import { signSid, unsignSid } from "./signature.ts";
import type { SigningSecret } from "./signature.ts";

const macOf = (sid: string, key: string | Uint8Array): string =>
  createHmac("sha256", key).update(sid).digest("base64").replace(/=+$/, "");

const bytes = Buffer.from("keyboard cat");
const kinds: [string, SigningSecret][] = [
  ["text", "keyboard cat"],
  ["a buffer", bytes],
  ["an array of bytes", new Uint8Array(bytes)],
  ["a view", new DataView(new Uint8Array(bytes).buffer)],
  ["a key object", createSecretKey(bytes)],
];

describe("the signature of a sid", () => {
  it.each(kinds)(
    "is HMAC-SHA-256 in base64 without padding, with %s as the secret",
    (_, secret) => {
      for (const sid of ["apple", "", "%", "ü.ö", "x".repeat(600)]) {
        const signed = `s:${sid}.${macOf(sid, bytes)}`;
        expect(signSid(sid, secret)).toBe(signed);
        // Once proved, and once more from memory.
        expect(unsignSid(signed, [secret])).toBe(sid);
        expect(unsignSid(signed, [secret])).toBe(sid);
        expect(signSid(sid, secret)).toBe(signed);
      }
    },
  );

  it("is that of a secret longer than a block, and of an empty one", () => {
    for (const secret of ["x".repeat(100), ""]) {
      expect(signSid("apple", secret)).toBe(`s:apple.${macOf("apple", secret)}`);
    }
  });

  it.each([
    ["without the mark", `apple.${macOf("apple", "one")}`],
    ["without a signature", "s:apple"],
    ["with an empty one", "s:apple."],
    ["cut short", `s:apple.${macOf("apple", "one").slice(0, -1)}`],
    ["with more behind it", `s:apple.${macOf("apple", "one")}=`],
    ["with one sign changed", `s:apple.${macOf("apple", "one").replace(/^./, "#")}`],
    ["of another sid", `s:pear.${macOf("apple", "one")}`],
    ["of another secret", `s:apple.${macOf("apple", "two")}`],
    ["empty", ""],
  ])("is refused %s", (_, value) => {
    expect(unsignSid(signSid("apple", "one"), ["one"])).toBe("apple");
    expect(unsignSid(value, ["one"])).toBeUndefined();
  });

  it("is good when any of the secrets made it, and for those secrets alone", () => {
    const signed = signSid("apple", "old");
    expect(unsignSid(signed, ["new", "old"])).toBe("apple");
    expect(unsignSid(signed, ["new"])).toBeUndefined();
    expect(unsignSid(signed, [])).toBeUndefined();
  });

  it("stays right when more sessions were seen than are remembered", () => {
    for (let n = 0; n < 5_000; n += 1) {
      expect(unsignSid(signSid(`s${n}`, "many"), ["many"])).toBe(`s${n}`);
    }
    expect(unsignSid(signSid("s0", "many").replace("s0", "s1"), ["many"])).toBeUndefined();
  });

  it("needs a secret, of a kind that signs", () => {
    expect(() => signSid("apple", undefined as never)).toThrow("Secret key must be provided.");
    expect(() => unsignSid("s:a.b", [null as never])).toThrow("Secret key must be provided.");
    expect(() => Reflect.apply(signSid, undefined, ["apple", 7])).toThrow(TypeError);
  });
});
