import { createSign, generateKeyPairSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import * as platform from "#platform";
import { beforeAll, describe, expect, it } from "vitest";
import { createKeyRing } from "../key-ring.ts";
import type { KeyRing } from "../key-ring.ts";
import { configurationOf, terminationOf } from "./configuration.ts";
import { challengeHeader, readSkipped, readText, registrationHeader } from "./headers.ts";
import { makeMark, readMark } from "./mark.ts";
import type { Mark, MarkKind } from "./mark.ts";
import { isSignedBy, proofKey, readProof } from "./proof.ts";
import type { UnprovedProof } from "./proof.ts";

const secret = (byte: number) => new Uint8Array(32).map((_, index) => byte + index);
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const small = generateKeyPairSync("rsa", { modulusLength: 1024 });
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const jwkOf = (key: KeyObject) => key.export({ format: "jwk" });
const PAYLOAD = { jti: "c0", authorization: "a0" };

function signed(header: object, payload: unknown, key: KeyObject = ec.privateKey): string {
  const text = `${encode(header)}.${typeof payload === "string" ? payload : encode(payload)}`;
  const signature =
    key.asymmetricKeyType === "rsa"
      ? createSign("SHA256").update(text).sign(key)
      : sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" });
  return `${text}.${signature.toString("base64url")}`;
}

const HEADER = { typ: "dbsc+jwt", alg: "ES256", jwk: jwkOf(ec.publicKey) };
const BARE = { typ: "dbsc+jwt", alg: "ES256" };

describe("marks", () => {
  let ring: KeyRing;
  const place = { tenant: "t", id: "A".repeat(24), thumbprint: "p" };
  const mark: Mark = { at: 1_800_000_000_123, count: 70_000, nonce: "bm9uY2Ux" };
  beforeAll(async () => {
    ring = await createKeyRing({ secrets: [secret(1), secret(2)], digest: platform.digest });
  });

  it("give back what they say, in 48 characters", async () => {
    const text = await makeMark(ring, "cookie", place, mark);
    expect(text).toMatch(/^[A-Za-z0-9_-]{48}$/);
    expect(await readMark(ring, "cookie", place, text)).toEqual(mark);
  });

  it("[DB-05] [ID-10] are worth nothing for another kind, session, tenant or key", async () => {
    const text = await makeMark(ring, "refresh", place, mark);
    const kinds: MarkKind[] = ["register", "authorization", "cookie"];
    for (const kind of kinds) expect(await readMark(ring, kind, place, text)).toBeUndefined();
    const others = [{ id: "B".repeat(24) }, { tenant: "u" }, { thumbprint: "q" }];
    for (const other of [...others, { thumbprint: undefined }]) {
      expect(await readMark(ring, "refresh", { ...place, ...other }, text)).toBeUndefined();
    }
  });

  it("are worth nothing when any character is changed, added or missing", async () => {
    const text = await makeMark(ring, "refresh", place, mark);
    for (let at = 0; at < text.length; at += 1) {
      const other = text[at] === "A" ? "B" : "A";
      const changed = text.slice(0, at) + other + text.slice(at + 1);
      expect(await readMark(ring, "refresh", place, changed)).toBeUndefined();
    }
    for (const bad of ["", text.slice(1), `${text}A`, "é".repeat(48)]) {
      expect(await readMark(ring, "refresh", place, bad)).toBeUndefined();
    }
  });

  it("hold while secrets are rolled over, and not after", async () => {
    const text = await makeMark(ring, "refresh", place, mark);
    const next = await createKeyRing({ secrets: [secret(2), secret(1)], digest: platform.digest });
    const last = await createKeyRing({ secrets: [secret(2)], digest: platform.digest });
    expect(await readMark(next, "refresh", place, text)).toEqual(mark);
    expect(await readMark(last, "refresh", place, text)).toBeUndefined();
  });
});

describe("headers", () => {
  it("[DB-01] offer both algorithms, a path, a challenge and an authorization", () => {
    const offer = { path: "/dbsc/register", challenge: "c0", authorization: "a0" };
    expect(registrationHeader(offer)).toBe(
      '(ES256 RS256);path="/dbsc/register";challenge="c0";authorization="a0"',
    );
    expect(challengeHeader("c1", "ses_1")).toBe('"c1";id="ses_1"');
  });

  it("[DB-04] are read bare and quoted alike", () => {
    expect([readText("ses_a.b-c"), readText(' "ses_a.b-c" ')]).toEqual(["ses_a.b-c", "ses_a.b-c"]);
    for (const bad of [
      undefined,
      "",
      '""',
      '"',
      '"a',
      'a"',
      "a b",
      'a";x',
      "é",
      "a".repeat(8193),
    ]) {
      expect(readText(bad)).toBeUndefined();
    }
  });

  it("[DB-08] tell why a refresh was skipped, for this session alone", () => {
    const read = (field: string | undefined) => readSkipped(field, "ses_1");
    expect(read('server_error;session_identifier="ses_1"')).toBe("server_error");
    expect(read("unreachable;session_identifier=ses_1")).toBe("unreachable");
    const two =
      'server_error;session_identifier="ses_2", quota_exceeded; session_identifier="ses_1"';
    expect(read(two)).toBe("quota_exceeded");
    for (const bad of [undefined, "server_error", 'server_error;session_identifier="ses_2"']) {
      expect(read(bad)).toBeUndefined();
    }
    expect(read('other;session_identifier="ses_1"')).toBeUndefined();
    expect(read('unreachable;id="ses_1"')).toBeUndefined();
    const long = 'unreachable;session_identifier="ses_1"'.padEnd(1_025);
    expect([read(long.slice(0, -1)), read(long)]).toEqual(["unreachable", undefined]);
  });
});

describe("proofs", () => {
  function read(text: string, stage: "register" | "refresh" = "register"): UnprovedProof {
    const proof = readProof(text, stage);
    if (typeof proof === "string") throw new Error(proof);
    return proof;
  }

  it("[DB-02] bring their key at registration: ES256 and RS256, and its thumbprint", async () => {
    const proof = read(signed(HEADER, PAYLOAD));
    expect(proof).toMatchObject({ challenge: "c0", authorization: "a0", audience: undefined });
    expect(await isSignedBy(proof, proof.key ?? "")).toBe(true);
    const { crv, kty, x, y } = jwkOf(ec.publicKey);
    expect(proof.key).toBe(JSON.stringify({ crv, kty, x, y }));
    const other = read(
      signed({ ...HEADER, alg: "RS256", jwk: jwkOf(rsa.publicKey) }, PAYLOAD, rsa.privateKey),
    );
    expect(await isSignedBy(other, other.key ?? "")).toBe(true);
    // The example of RFC 7638 section 3.1.
    const n =
      "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE" +
      "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q" +
      "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6" +
      "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    const { thumbprint } = await proofKey(JSON.stringify({ e: "AQAB", kty: "RSA", n }));
    expect(thumbprint).toBe("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
  });

  it("[DB-02] [DB-03] bring none at refresh, and are judged by the stored one", async () => {
    expect(readProof(signed(HEADER, PAYLOAD), "refresh")).toBe("key");
    expect(readProof(signed(BARE, PAYLOAD), "register")).toBe("key");
    const stored = read(signed(HEADER, PAYLOAD)).key ?? "";
    expect(await isSignedBy(read(signed(BARE, { jti: "c1" }), "refresh"), stored)).toBe(true);
    const attacker = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const forged = read(signed(BARE, { jti: "c1" }, attacker), "refresh");
    expect(await isSignedBy(forged, stored)).toBe(false);
    const mixed = read(signed({ ...BARE, alg: "RS256" }, { jti: "c1" }, rsa.privateKey), "refresh");
    expect(await isSignedBy(mixed, stored)).toBe(false);
    expect(await isSignedBy({ ...forged, text: `${forged.text}AA` }, stored)).toBe(false);
  });

  it.each([
    ["none", { ...HEADER, alg: "none" }],
    ["nOnE", { ...HEADER, alg: "nOnE" }],
    ["HS256", { ...HEADER, alg: "HS256" }],
    ["ES384", { ...HEADER, alg: "ES384" }],
    ["no alg", { typ: "dbsc+jwt", jwk: HEADER.jwk }],
    ["a DPoP proof", { ...HEADER, typ: "dpop+jwt" }],
    ["no typ", { alg: "ES256", jwk: HEADER.jwk }],
    ["crit", { ...HEADER, crit: ["b64"], b64: false }],
  ])("[DB-02] are refused for their header: %s", (_why, header) => {
    expect(readProof(signed(header, PAYLOAD), "register")).toBe("form");
  });

  it.each([
    ["a private key", jwkOf(ec.privateKey)],
    ["another curve", jwkOf(generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey)],
    ["RSA under ES256", jwkOf(rsa.publicKey)],
    ["a shared secret", { kty: "oct", k: "AAAA" }],
    ["a short coordinate", { ...jwkOf(ec.publicKey), x: "AAAA" }],
    ["padding", { ...jwkOf(ec.publicKey), x: `${jwkOf(ec.publicKey).x}=` }],
    ["a text", "key"],
    ["null", null],
  ])("[DB-02] are refused for their key: %s", (_why, jwk) => {
    expect(readProof(signed({ ...HEADER, jwk }, PAYLOAD), "register")).toBe("key");
  });

  it("[DB-02] are refused with RSA keys below 2048 bits, above 4096, or with another exponent", () => {
    const header = { ...HEADER, alg: "RS256" };
    const text = signed({ ...header, jwk: jwkOf(small.publicKey) }, PAYLOAD, small.privateKey);
    expect(readProof(text, "register")).toBe("key");
    const padded = Buffer.concat([
      Buffer.alloc(128),
      Buffer.from(jwkOf(small.publicKey).n ?? "", "base64url"),
    ]);
    const long = { ...jwkOf(small.publicKey), n: padded.toString("base64url") };
    const dressed = signed({ ...header, jwk: long }, PAYLOAD, small.privateKey);
    expect(readProof(dressed, "register")).toBe("key");
    const bytes = (length: number) => Buffer.alloc(length, 0x81).toString("base64url");
    const keyed = (n: string) => signed({ ...header, jwk: { kty: "RSA", e: "AQAB", n } }, PAYLOAD);
    expect(typeof readProof(keyed(bytes(512)), "register")).toBe("object");
    expect(readProof(keyed(bytes(513)), "register")).toBe("key");
    const odd = { ...jwkOf(rsa.publicKey), e: "Aw" };
    expect(readProof(signed({ ...header, jwk: odd }, PAYLOAD, rsa.privateKey), "register")).toBe(
      "key",
    );
  });

  it("are refused where the point is not on the curve", async () => {
    const jwk = { ...jwkOf(ec.publicKey), y: jwkOf(ec.publicKey).x };
    const proof = read(signed({ ...HEADER, jwk }, PAYLOAD));
    expect(await isSignedBy(proof, proof.key ?? "")).toBe(false);
  });

  it.each([
    ["no challenge", {}],
    ["a number", { jti: 1 }],
    ["an empty text", { jti: "" }],
    ["a long text", { jti: "a".repeat(1025) }],
    ["a list", [PAYLOAD]],
    ["a list of audiences", { ...PAYLOAD, aud: ["a"] }],
    ["an authorization that is no text", { ...PAYLOAD, authorization: 1 }],
    ["members twice", Buffer.from('{"jti":"a","jti":"b"}').toString("base64url")],
    ["no JSON", Buffer.from("jti").toString("base64url")],
  ])("are refused for their payload: %s", (_why, payload) => {
    expect(readProof(signed(HEADER, payload), "register")).toBe("form");
  });

  it("are refused when they are no compact JWS, or over 8 kB", () => {
    const whole = signed(HEADER, PAYLOAD);
    const parts = whole.split(".");
    const long = signed(HEADER, { ...PAYLOAD, more: "a".repeat(8192) });
    for (const bad of ["", "a.b", parts.slice(0, 2).join("."), `${whole}.x`, ` ${whole}`, long]) {
      expect(readProof(bad, "register")).toBe("form");
    }
  });
});

describe("the JSON for the browser", () => {
  it("[DB-09] always has identifier, scope without the site, and the credential", () => {
    const text = configurationOf({
      sessionIdentifier: "ses_1",
      refreshPath: "/dbsc/refresh",
      origin: "https://app.example",
      wholeSite: false,
      cookie: { name: "__Host-b", attributes: "Path=/; Secure; HttpOnly; SameSite=Lax" },
    });
    expect(JSON.parse(text)).toEqual({
      session_identifier: "ses_1",
      refresh_url: "/dbsc/refresh",
      scope: { origin: "https://app.example", include_site: false, scope_specification: [] },
      credentials: [
        {
          type: "cookie",
          name: "__Host-b",
          attributes: "Path=/; Secure; HttpOnly; SameSite=Lax",
        },
      ],
      allowed_refresh_initiators: [],
    });
  });

  it("[TE-11] ends a session with its identifier and continue:false", () => {
    expect(terminationOf("ses_1")).toBe('{"session_identifier":"ses_1","continue":false}');
  });
});
