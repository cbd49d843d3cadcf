/**
 * What access tokens promise to whoever verifies them, signed and encrypted: the same cases on
 * Node, workerd, Deno and Bun. They need no test runner.
 */
import { exportJWK, generateKeyPair } from "jose";
import {
  createEncryptedVerifier,
  createVerifier,
  generateSecret,
  tokenEncrypter,
} from "sojourn/tokens";
import type {
  AccessStanding,
  RevocationEntry,
  RevocationPage,
  SigningAlgorithm,
  WrappingAlgorithm,
} from "sojourn/tokens";
import { same } from "./same.ts";
import { AUDIENCE, ISSUER, sessionOf, START, tokenWorld } from "./token-world.ts";
import type { TokenWorld } from "./token-world.ts";

interface TokenCase {
  readonly name: string;
  run(): Promise<void>;
}

const BOUND_MS = 5_000;
const KEEP_MS = 1_200_000;
/** After it a request that waits for another's question asks itself. */
const LOST_AFTER_MS = 450;
const SIGNING: readonly SigningAlgorithm[] = ["ES256", "EdDSA", "PS256"];
const WRAPPING: readonly WrappingAlgorithm[] = ["A256KW", "ECDH-ES+A256KW"];

const signed = SIGNING.map((alg) => ({
  name: `[JW-07] signs by ${alg}, and a verifier of the issuer's JWKS takes the token`,
  async run() {
    const { verifier, issue } = await tokenWorld({ alg });
    const { claims } = activeIn(await verifier.verify(await issue({ scope: "cart:read" })));
    same([claims.sub, claims.iss, claims.scope], ["alice", ISSUER, "cart:read"]);
  },
}));

const encrypted = WRAPPING.map((alg) => ({
  name: `[JW-11] opens a token that was signed and then encrypted by ${alg}, and no other`,
  async run() {
    const { publicJwk, privateJwk } = await wrappingKeys(alg);
    const encrypt = tokenEncrypter({ key: publicJwk });
    const world = await tokenWorld({ templates: { [AUDIENCE]: { encrypt } } });
    const { verifier } = world;
    const opener = createEncryptedVerifier({ verifier, keys: [privateJwk] });
    const token = await world.issue();
    same(activeIn(await opener.verify(token)).claims.sub, "alice");
    same((await verifier.verify(token)).state, "unknown");
    same(await opener.verify(changed(token)), { state: "unknown", why: "decryption" });
    world.feed.add(ended(world));
    world.time.pass(BOUND_MS);
    same(await opener.verify(token), { state: "ended", why: "session" });
  },
}));

export const tokenCases: readonly TokenCase[] = [
  ...signed,
  ...encrypted,
  {
    name: "answers a token that was proved before without a promise, as revocable as any (I3)",
    async run() {
      const world = await tokenWorld();
      const { verifier, feed, time } = world;
      const token = await world.issue();
      activeIn(await verifier.verify(token));
      const again = verifier.verify(token);
      same(again instanceof Promise, false);
      feed.add(ended(world));
      time.pass(BOUND_MS);
      same(await verifier.verify(token), { state: "ended", why: "session" });
      same(await world.verifierWith({}).verify(token), { state: "ended", why: "session" });
    },
  },
  {
    name: "[TE-02] ends with its subject, its own name and its key, as the feed tells (I3)",
    async run() {
      const at = START;
      const subject = {
        kind: "subject",
        tenant: "default",
        subject: "alice",
        epoch: 1,
        at,
      } as const;
      await endsBy(() => subject, { state: "ended", why: "subject" });
      const named = (claims: { readonly jti: string }): RevocationEntry => ({
        kind: "token",
        issuer: ISSUER,
        jti: claims.jti,
        at,
      });
      await endsBy(named, { state: "ended", why: "token" });
      const key = (_: unknown, kid: string): RevocationEntry => ({ kind: "key", kid, at });
      await endsBy(key, { state: "unknown", why: "key_revoked" });
    },
  },
  {
    name: "is neither good nor bad once the feed is silent past the bound (I7)",
    async run() {
      const { verifier, feed, time, issue } = await tokenWorld();
      const token = await issue();
      activeIn(await verifier.verify(token));
      feed.trouble = new Error("unreachable");
      time.pass(BOUND_MS - 1);
      activeIn(await verifier.verify(token));
      time.pass(1);
      same(await verifier.verify(token), { state: "unavailable", why: "feed" });
    },
  },
  {
    name: "believes no page of the feed that a newer one overtook",
    async run() {
      const { time, issue, verifierWith } = await tokenWorld();
      const answers: ((...locked: boolean[]) => void)[] = [];
      const read = (): Promise<RevocationPage> =>
        new Promise((resolve) => {
          const page = { position: "1", complete: true, ageMs: 0, keepMs: KEEP_MS };
          answers.push((...locked) => {
            const entries = locked.map((one) => lock(time.wall(), one));
            resolve({ ...page, entries, at: time.wall() });
          });
        });
      const verifier = verifierWith({ feed: { read } });
      const token = await issue();
      const first = verifier.verify(token);
      while (answers.length === 0) await pause(5);
      time.pass(1);
      await pause(LOST_AFTER_MS);
      const second = verifier.verify(token);
      while (answers.length === 1) await pause(5);
      answers[1]?.(true, false);
      activeIn(await second);
      answers[0]?.(true);
      activeIn(await first);
      activeIn(await verifier.verify(token));
    },
  },
  {
    name: "[JW-01, JW-02, JW-05, JW-10] is refused unsigned, changed, of another kind, respelt",
    async run() {
      const { verifier, issue } = await tokenWorld();
      const token = await issue();
      const [head = "", claims = "", signature = ""] = token.split(".");
      const headed = (header: object): string =>
        [textOf(JSON.stringify(header)), claims, signature].join(".");
      const why = async (text: string): Promise<unknown> => {
        const standing = await verifier.verify(text);
        return standing.state === "unknown" ? standing.why : standing.state;
      };
      same(await why(headed({ alg: "none", typ: "at+jwt" })), "algorithm");
      same(await why(headed({ alg: "ES256", typ: "dpop+jwt" })), "kind");
      same(await why(changed(token)), "signature");
      same(await why(`${head}.${claims}=.${signature}`), "form");
      same(await why(`${token.slice(0, -1)}${token.endsWith("A") ? "B" : "R"}`), "form");
    },
  },
  {
    name: "[JW-03] never asks what the token names",
    async run() {
      const world = await tokenWorld();
      const asked: unknown[] = [];
      const jwks = { read: () => Promise.resolve(asked.push(1)).then(() => world.issuer.jwks()) };
      const verifier = createVerifier({ issuer: ISSUER, audience: AUDIENCE, jwks, feed: "none" });
      const [, claims = "", signature = ""] = (await world.issue()).split(".");
      const header = { alg: "ES256", typ: "at+jwt", jku: "http://127.0.0.1:9/", kid: "theirs" };
      const standing = await verifier.verify(
        [textOf(JSON.stringify(header)), claims, signature].join("."),
      );
      same([standing, asked], [{ state: "unknown", why: "key" }, [1]]);
    },
  },
];

function lock(at: number, locked: boolean): RevocationEntry {
  return { kind: "lock", session: `ses_${sessionOf().id}`, lifted: !locked, at };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function activeIn(standing: AccessStanding) {
  if (standing.state === "active") return standing;
  throw new Error(`expected active, got ${JSON.stringify(standing)}`);
}

function ended({ time }: TokenWorld): RevocationEntry {
  return { kind: "session", session: `ses_${sessionOf().id}`, at: time.wall() };
}

/** A token in use, and what it is worth once that entry was told. */
async function endsBy(
  entry: (claims: { readonly jti: string }, kid: string) => RevocationEntry,
  expected: AccessStanding,
): Promise<void> {
  const { verifier, feed, time, issue, issuer } = await tokenWorld();
  const token = await issue();
  const { claims } = activeIn(await verifier.verify(token));
  const [jwk] = (await issuer.jwks()).keys;
  feed.add(entry(claims, jwk?.kid ?? ""));
  time.pass(BOUND_MS);
  same(await verifier.verify(token), expected);
}

async function wrappingKeys(alg: WrappingAlgorithm) {
  const named = (jwk: object) => ({ ...jwk, kid: "enc-1", alg, use: "enc" });
  if (alg === "A256KW") {
    const jwk = named({ kty: "oct", k: generateSecret() });
    return { privateJwk: jwk, publicJwk: jwk };
  }
  const pair = await generateKeyPair(alg, { crv: "P-256", extractable: true });
  return {
    privateJwk: named(await exportJWK(pair.privateKey)),
    publicJwk: named(await exportJWK(pair.publicKey)),
  };
}

/** One character of the middle of its last part made another. */
function changed(token: string): string {
  const at = token.lastIndexOf(".") + 5;
  return `${token.slice(0, at)}${token[at] === "A" ? "B" : "A"}${token.slice(at + 1)}`;
}

function textOf(text: string): string {
  return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
