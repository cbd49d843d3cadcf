import { inspect } from "node:util";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digest, entropy } from "../platform/node.ts";
import { describeToken } from "./describe-token.ts";
import { createKeyRing, formatKid } from "./key-ring.ts";
import { generateSecret } from "./secrets.ts";
import { serviceKeys } from "./service-key.ts";
import { newSessionId } from "./session-id.ts";
import { type MintedToken, sessionTokens } from "./session-token.ts";
import { buildBody, claimedId, parseToken, TOKEN_TYPES, type TokenType } from "./token-format.ts";

const ring = await createKeyRing({ secrets: [generateSecret()], digest });
const id = newSessionId(entropy);

function mint(type: TokenType, generation = 7): string {
  const tools = { ring, entropy };
  const minted =
    type === "service-key"
      ? serviceKeys(tools).mint("t")
      : sessionTokens(tools).mint({ type, tenant: "t", id, generation, subject: "s" });
  return (minted as MintedToken).text;
}

const letters = { session: "s", access: "a", refresh: "r", handoff: "h", anonymous: "n" };

describe("a token's layout", () => {
  it("has a prefix, 80 characters, and fields that are cut out without decoding", () => {
    const text = mint("session", 0x01_02_03);
    expect(text).toMatch(/^sj1s_[\w-]{80}$/);
    const bytes = Buffer.from(text.slice(5), "base64url");
    expect(bytes).toHaveLength(60);
    expect(bytes[0]).toBe(0x11);
    expect(bytes.readUInt16BE(1)).toBe(ring.primary);
    expect(text.slice(9, 33)).toBe(id);
    expect(bytes.subarray(21, 24).toString("hex")).toBe("010203");
    expect(claimedId(text)).toBe(id);
    expect(claimedId(`${text}A`)).toBeUndefined();
  });

  it.each(Object.entries(letters))("prints the type %s as %s", (type, letter) => {
    expect(mint(type as TokenType).slice(0, 5)).toBe(`sj1${letter}_`);
  });

  it("refuses an id, generation or secret that does not fit", () => {
    const fields = {
      type: "session",
      kid: 1,
      id,
      generation: 2 ** 24 - 1,
      secret: new Uint8Array(24),
    } as const;
    expect(buildBody(fields)).toHaveLength(48);
    const wrong = [
      { ...fields, generation: 2 ** 24 },
      { ...fields, generation: -1 },
      { ...fields, generation: 0.5 },
      { ...fields, id: id.slice(1) },
      { ...fields, id: `${id.slice(1)}=` },
      { ...fields, secret: new Uint8Array(23) },
    ];
    for (const bad of wrong) {
      expect(() => buildBody(bad)).toThrow(expect.objectContaining({ code: "ERR_INVARIANT" }));
    }
  });
});

describe("parseToken", () => {
  it("reads what was minted", () => {
    const token = parseToken(mint("session", 2 ** 24 - 1), "session");
    expect(token).toMatchObject({
      type: "session",
      kid: ring.primary,
      id,
      generation: 2 ** 24 - 1,
    });
  });

  it("[ID-13] lets no type stand in for another, service keys and anonymous ones included", () => {
    for (const minted of TOKEN_TYPES) {
      for (const wanted of TOKEN_TYPES) {
        const token = parseToken(mint(minted), wanted);
        expect(token?.type, `${minted} as ${wanted}`).toBe(minted === wanted ? wanted : undefined);
      }
    }
  });

  it("[ID-13] refuses a prefix and a first byte that disagree", () => {
    for (const from of TOKEN_TYPES) {
      for (const to of TOKEN_TYPES) {
        if (from === to) continue;
        const text = mint(to).slice(0, 5) + mint(from).slice(5);
        expect(parseToken(text, to)).toBeUndefined();
        expect(parseToken(text, from)).toBeUndefined();
      }
    }
  });

  it("refuses every version but its own, in the prefix and in the first byte", () => {
    const text = mint("session");
    const bytes = Buffer.from(text.slice(5), "base64url");
    for (let version = 0; version < 16; version += 1) {
      bytes[0] = (version << 4) | 1;
      const body = bytes.toString("base64url");
      expect(parseToken(`sj1s_${body}`, "session") !== undefined).toBe(version === 1);
      if (version !== 1) expect(parseToken(`sj${version}s_${body}`, "session")).toBeUndefined();
    }
  });

  it("[ID-08] parses any input without throwing and accepts only the exact form", () => {
    const valid = mint("session");
    const noise = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.string({
        unit: fc.constantFrom(..."AZaz09-_+/=.\0\r\n %'\";é€".split("")),
        minLength: 80,
        maxLength: 90,
      }),
      fc.nat(85).map((at) => valid.slice(0, at)),
      fc
        .tuple(fc.nat(84), fc.string({ unit: "binary", minLength: 1, maxLength: 1 }))
        .map(([at, unit]) => valid.slice(0, at) + unit + valid.slice(at + 1)),
      fc.constantFrom(
        "\0",
        "\r\nSet-Cookie: a=b",
        "' OR 1=1 --",
        ` ${valid}`,
        `${valid}\n`,
        `"${valid}"`,
      ),
    );
    fc.assert(
      fc.property(noise, (text) => {
        for (const type of ["session", "anonymous"] as const) {
          const token = parseToken(text, type);
          if (token !== undefined) expect(text).toMatch(/^sj1[sn]_[\w-]{80}$/);
        }
        const description = describeToken(text);
        if (description !== undefined) expect(text).toMatch(/^sj1[a-z]_[\w-]{80}$/);
      }),
      { numRuns: 100_000 },
    );
  }, 30_000);

  it("[ID-08] looks at nothing of a text of another length, 1 MB included", () => {
    const huge = mint("session") + "A".repeat(1_000_000);
    expect(parseToken(huge, "session")).toBeUndefined();
    for (const value of [undefined, null, 42, {}, [mint("session")]]) {
      expect(parseToken(value as string, "session")).toBeUndefined();
    }
  });

  it("gives a token that prints without its secret and its MAC. Invariant I12", () => {
    const text = mint("session");
    const token = parseToken(text, "session");
    const printed = inspect(token, { depth: 9, showHidden: true }) + JSON.stringify(token);
    expect(printed).toContain(id);
    expect(printed).not.toContain(text.slice(37, 69));
    expect(printed).not.toContain(text.slice(69));
  });
});

describe("describeToken", () => {
  it("says type, version, key id, handle and generation, and nothing that can be presented", () => {
    const text = mint("refresh");
    const description = describeToken(text);
    expect(description).toEqual({
      type: "refresh",
      version: 1,
      kid: formatKid(ring.primary),
      handle: `ses_${id}`,
      id,
      generation: 7,
    });
    expect(JSON.stringify(description)).not.toContain(text.slice(37, 45));
  });

  it("gives a service key no session handle", () => {
    expect(describeToken(mint("service-key"))).not.toHaveProperty("handle");
  });

  it("says nothing of a text that is no token", () => {
    expect(describeToken("sj1s_")).toBeUndefined();
    expect(describeToken(mint("session").replace("sj1s", "sj1x"))).toBeUndefined();
    expect(describeToken(mint("session").replace("sj1s", "sj1n"))).toBeUndefined();
  });
});
