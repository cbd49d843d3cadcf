/** DPoP proofs and encrypted tokens beside `jose` alone, which leaves out most of the checks. */
import { compactDecrypt, EmbeddedJWK, exportJWK, generateKeyPair, importJWK } from "jose";
import { jwtVerify, SignJWT } from "jose";
import { createHash } from "node:crypto";
import { createDpop, createEncryptedVerifier, createVerifier } from "sojourn/tokens";
import { memoryReplays, tokenEncrypter } from "sojourn/tokens";
import { sideBySide, TURN, WARM_UP } from "../harness.ts";
import type { Effort } from "../harness.ts";
import type { Section } from "../report.ts";
import { AUDIENCE, ISSUER, staged } from "./access-tokens.ts";

export async function boundAndEncrypted(effort: Effort): Promise<Section> {
  const rounds = effort.samples * 2;
  const proofs = await provedBeside(rounds);
  const opened = [];
  for (const alg of ["A256KW", "ECDH-ES+A256KW"] as const) {
    opened.push(await openedBeside(rounds, alg));
  }
  const all = [...proofs, ...opened];
  return {
    title: "DPoP proofs and encrypted tokens, beside jose alone",
    figures: all.flatMap(({ figures }) => figures),
    goals: [],
    notes: all.map(({ figures, percent }) => {
      const names = figures.map(({ name }) => name).join(" ÷ ");
      return `${names}: ${(percent / 100).toFixed(2)} × CPU`;
    }),
  };
}

/** Each proof once, as they come: a proof that came before is refused. */
async function provedBeside(rounds: number) {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = await exportJWK(publicKey);
  const url = `${AUDIENCE}/notes`;
  const token = "a token of this client";
  const ath = createHash("sha256").update(token).digest("base64url");
  const made = async (jti: number): Promise<string> =>
    new SignJWT({ htm: "GET", htu: url, ath, jti: `proof-${jti}` })
      .setProtectedHeader({ typ: "dpop+jwt", alg: "ES256", jwk })
      .setIssuedAt()
      .sign(privateKey);
  const proofs: string[] = [];
  for (let jti = 0; jti < 2 * (rounds + WARM_UP) * TURN; jti += 1) proofs.push(await made(jti));
  const same = await made(-1);
  const dpop = createDpop({
    externalUrl: AUDIENCE,
    replays: memoryReplays(),
    proofAgeMs: 600_000,
  });
  const ours = {
    name: "sojourn, a known client's DPoP proof",
    async run() {
      const request = { proof: proofs.pop(), method: "GET", path: "/notes", token };
      const { state } = await dpop.verify(request);
      if (state !== "proved") throw new Error(`a good proof is ${state}`);
    },
  };
  const rules = { typ: "dpop+jwt", algorithms: ["ES256"] };
  const theirs = [
    { name: "jose jwtVerify, key at hand", run: () => jwtVerify(same, publicKey, rules) },
    { name: "jose jwtVerify, EmbeddedJWK", run: () => jwtVerify(same, EmbeddedJWK, rules) },
  ];
  const all = [];
  for (const their of theirs) all.push(await sideBySide(rounds, ours, their));
  return all;
}

/** Opened and verified, nothing remembered. */
async function openedBeside(rounds: number, alg: "A256KW" | "ECDH-ES+A256KW") {
  const stage = await staged();
  const jwks = await stage.issuer.jwks();
  const { privateJwk, publicJwk } = await wrappingKeys(alg);
  const sealed = await tokenEncrypter({ key: publicJwk })(stage.token);
  const options = { issuer: ISSUER, audience: AUDIENCE, jwks, feed: stage.feed, remembered: 0 };
  const verifier = createVerifier(options);
  const opener = createEncryptedVerifier({ verifier, keys: [privateJwk], remembered: 0 });
  if ((await opener.verify(sealed)).state !== "active") throw new Error("a good token is refused");
  const [signer] = jwks.keys;
  const key = await importJWK({ ...signer, kty: "EC" }, "ES256");
  const opening = await importJWK(privateJwk, alg);
  const rules = { issuer: ISSUER, audience: AUDIENCE, typ: "at+jwt", algorithms: ["ES256"] };
  const allowed = { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: ["A256GCM"] };
  const decoder = new TextDecoder();
  return sideBySide(
    rounds,
    { name: `sojourn, ${alg} around ES256`, run: () => opener.verify(sealed) },
    {
      name: `jose compactDecrypt and jwtVerify, ${alg}`,
      async run() {
        const { plaintext } = await compactDecrypt(sealed, opening, allowed);
        return jwtVerify(decoder.decode(plaintext), key, rules);
      },
    },
  );
}

async function wrappingKeys(alg: "A256KW" | "ECDH-ES+A256KW") {
  const more = { kid: "enc-1", alg, use: "enc" };
  if (alg === "A256KW") {
    const k = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
    const jwk = { kty: "oct", k, ...more };
    return { privateJwk: jwk, publicJwk: jwk };
  }
  const pair = await generateKeyPair(alg, { crv: "P-256", extractable: true });
  return {
    privateJwk: { ...(await exportJWK(pair.privateKey)), ...more },
    publicJwk: { ...(await exportJWK(pair.publicKey)), ...more },
  };
}
