/** Access tokens away from the store: ours beside `jose` alone and a library that caches. */
import { createSigner, createVerifier as fastVerifier } from "fast-jwt";
import { importJWK, jwtVerify } from "jose";
import { generateKeyPairSync } from "node:crypto";
import { createIssuer, createSigningKeys, createVerifier, environmentKeys } from "sojourn/tokens";
import { rotateKeys } from "sojourn/tokens";
import type { RevocationFeed } from "sojourn/tokens";
import { compare, sideBySide } from "../harness.ts";
import type { Effort } from "../harness.ts";
import { atLeast, atMost } from "../report.ts";
import type { Section } from "../report.ts";

export const ISSUER = "https://auth.example";
export const AUDIENCE = "https://api.example";
/** Revocations that the verifier holds meanwhile. */
const REVOKED = 10_000;
const HELD = 512;

export async function accessTokens(effort: Effort): Promise<Section> {
  const stage = await staged();
  const { issuer, token, session } = stage;
  const jwks = await issuer.jwks();
  const options = { issuer: ISSUER, audience: AUDIENCE, jwks, feed: stage.feed };
  const cached = createVerifier(options);
  const uncached = createVerifier({ ...options, remembered: 0 });
  const [jwk] = jwks.keys;
  const key = await importJWK({ ...jwk, kty: "EC" }, "ES256");
  const check = { issuer: ISSUER, audience: AUDIENCE, typ: "at+jwt", algorithms: ["ES256"] };
  const copies = spelledAnew(token);
  const fast = fastPeer();
  if ((await cached.verify(token)).state !== "active") throw new Error("a good token is refused");

  const figures = await compare(
    [
      { name: "sojourn verifier, token proved before", run: () => cached.verify(copies()) },
      { name: "fast-jwt with its cache, ES256", run: fast },
      {
        name: "sojourn issue, ES256",
        run: () => issuer.issue({ session, audience: AUDIENCE, clientId: "app" }),
      },
    ],
    effort,
  );
  const pair = await sideBySide(
    effort.samples * 8,
    { name: "sojourn verifier, ES256 each time", run: () => uncached.verify(token) },
    { name: "jose jwtVerify, ES256", run: () => jwtVerify(token, key, check) },
  );
  const [hit] = figures;
  const refused = await refusedAfter(stage, cached);
  return {
    title: `Access tokens, ${REVOKED} revocations held, a feed of 5 s`,
    figures: [...figures, ...pair.figures],
    goals: [
      atLeast("proved before, per core", 1e6 / (hit?.cpuUs ?? Number.NaN), 500_000, "/s"),
      atMost("ES256 each time ÷ jose alone, CPU", pair.percent / 100, 1.1, "×"),
      atMost("still active after its session was revoked", refused ? 0 : 1, 0, "tokens"),
    ],
    notes: ["texts of proved tokens are made anew, as they come from requests"],
  };
}

type Stage = Awaited<ReturnType<typeof staged>>;

export async function staged() {
  const now = Date.now();
  const rotation = { purpose: "access-token", now, leadMs: 0, overlapMs: 0 } as const;
  const { document } = await rotateKeys(rotation);
  const keys = createSigningKeys({ provider: await environmentKeys({ keys: [document] }) });
  const templates = { [AUDIENCE]: { accessTtlMs: 900_000 } };
  const issuer = createIssuer({ issuer: ISSUER, keys, templates });
  const session = {
    id: "A".repeat(24),
    tenant: "default",
    subject: "alice",
    kind: "user",
    version: 1,
    state: "active",
    epoch: 1,
    createdAt: now,
    authenticatedAt: now,
    seenAt: now,
    idleMs: 3_600_000,
    idleLockFactors: 0,
    absoluteExpiresAt: now + 36_000_000,
    assurance: { acr: "aal1", amr: ["pwd"], authTime: now, factors: [] },
  } as const;
  const request = { session, audience: AUDIENCE, clientId: "app", scope: "cart:read" };
  const { token } = await issuer.issue(request);
  const ended = (session: string) => ({ kind: "session", session, at: Date.now() }) as const;
  const entries = Array.from({ length: REVOKED }, (_, index) => ended(`ses_${index}`));
  const feed: RevocationFeed = {
    read: (since) =>
      Promise.resolve({
        position: String(entries.length),
        entries: entries.slice(Number(since ?? 0)),
        complete: true,
        at: Date.now(),
        ageMs: 0,
        keepMs: 900_000,
      }),
  };
  return { issuer, token, session, feed, end: () => entries.push(ended(`ses_${session.id}`)) };
}

/** Texts with the same characters that are not the same string: nothing about them is known. */
function spelledAnew(token: string): () => string {
  const bytes = Buffer.from(token);
  let texts: string[] = [];
  return () => {
    if (texts.length === 0) texts = Array.from({ length: HELD }, () => bytes.toString("latin1"));
    return texts.pop() ?? token;
  };
}

async function refusedAfter(stage: Stage, verifier: ReturnType<typeof createVerifier>) {
  stage.end();
  await new Promise((resolve) => setTimeout(resolve, 5_100));
  return (await verifier.verify(stage.token)).state === "ended";
}

function fastPeer(): () => unknown {
  const pair = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const sign = createSigner({ algorithm: "ES256", key: pair.privateKey, expiresIn: 3_600_000 });
  const token = sign({ sub: "alice", sid: "ses_x", aud: AUDIENCE, iss: ISSUER });
  const verify = fastVerifier({ algorithms: ["ES256"], key: pair.publicKey, cache: true });
  return () => verify(token) as unknown;
}
