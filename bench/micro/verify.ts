/** What a verify costs: ours beside a JWT library, a caching one, and a signed cookie. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { createSigner, createVerifier } from "fast-jwt";
import { generateKeyPair, jwtVerify, SignJWT } from "jose";
import { createSessions, MemoryStore } from "sojourn";
import type { SessionStore } from "sojourn";
import { compare } from "../harness.ts";
import type { Effort } from "../harness.ts";
import { atLeast, atMost, round } from "../report.ts";
import type { Section } from "../report.ts";

const COLD_SESSIONS = 4_000;

export async function verify(effort: Effort): Promise<Section> {
  const store = new MemoryStore();
  const finds = countFinds(store);
  const secrets = [randomBytes(32).toString("base64url")];
  const sessions = createSessions({ secrets, store, sweep: false });
  const { token } = await sessions.open({ subject: "alice", data: { cart: ["book"] } });
  const last = token.at(-1) === "A" ? "B" : "A";
  const forged = token.slice(0, -1) + last;
  const cold = await coldTokens(store, secrets);
  const jwt = await jwtPeers();
  const signed = cookieSignature();

  const figures = await compare(
    [
      { name: "sojourn authenticate, warm", run: () => sessions.authenticate(token) },
      { name: "sojourn authenticate, cold (MAC, verifier)", run: cold },
      { name: "sojourn authenticate, forged", run: () => sessions.authenticate(forged) },
      { name: "jose, JWT ES256", run: jwt.jose },
      { name: "fast-jwt with its cache, ES256", run: jwt.fast },
      { name: "cookie signature as express-session checks it", run: signed },
    ],
    effort,
  );
  const before = finds.count;
  for (let time = 0; time < 1_000; time += 1) await sessions.authenticate(forged);
  const reads = finds.count - before;
  await sessions.close();

  const [warm, , bad, jose, fast, cookie] = figures.map((figure) => figure.wallUs);
  const times = (peer: number | undefined): string => round((peer ?? 0) / (warm ?? 1));
  return {
    title: "Verify, through the public API, memory store, default options",
    figures,
    goals: [
      atMost("authenticate, warm", warm ?? Number.NaN, 1.5, "µs"),
      atLeast("jose ES256 ÷ authenticate, warm", (jose ?? 0) / (warm ?? 1), 50, "×"),
      atMost("forged token rejected", bad ?? Number.NaN, 4, "µs"),
      atMost("store reads for 1000 forged tokens", reads, 0, "reads"),
    ],
    notes: [
      `a warm authenticate, revocable at once: jose takes ${times(jose)} ×, fast-jwt with its cache ` +
        `${times(fast)} ×, the cookie signature alone ${times(cookie)} ×`,
    ],
  };
}

function countFinds(store: SessionStore): { count: number } {
  const counter = { count: 0 };
  const find = store.find.bind(store);
  store.find = (ref) => {
    counter.count += 1;
    return find(ref);
  };
  return counter;
}

/**
 * Tokens that are never the one last proved: two sessions' worth of generations would be cheating.
 */
async function coldTokens(store: SessionStore, secrets: string[]): Promise<() => Promise<unknown>> {
  const opener = createSessions({ secrets, store, sweep: false, policy: "owasp-asvs-l1" });
  const tokens: string[] = [];
  for (let index = 0; index < COLD_SESSIONS; index += 1) {
    tokens.push((await opener.open({ subject: `user-${index}` })).token);
  }
  let sessions = createSessions({ secrets, store, sweep: false });
  let next = 0;
  return () => {
    if (next === tokens.length) {
      // Every token has been proved once: a fresh instance knows none of them.
      sessions = createSessions({ secrets, store, sweep: false });
      next = 0;
    }
    next += 1;
    return sessions.authenticate(tokens[next - 1] ?? "");
  };
}

/** One JWT, verified as a resource server does for every request. */
export async function joseVerify(): Promise<() => Promise<unknown>> {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwt = await new SignJWT({ sid: "ses_x", acr: "aal1" })
    .setProtectedHeader({ alg: "ES256" })
    .setIssuedAt()
    .setSubject("alice")
    .setAudience("api")
    .setExpirationTime("1h")
    .sign(privateKey);
  return () => jwtVerify(jwt, publicKey, { audience: "api" });
}

async function jwtPeers(): Promise<{ jose(): Promise<unknown>; fast(): unknown }> {
  const { generateKeyPairSync } = await import("node:crypto");
  const pair = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const sign = createSigner({ algorithm: "ES256", key: pair.privateKey, expiresIn: 3_600_000 });
  const fastToken = sign({ sub: "alice", sid: "ses_x" });
  const fast = createVerifier({ algorithms: ["ES256"], key: pair.publicKey, cache: true });
  return {
    jose: await joseVerify(),
    fast: () => fast(fastToken) as unknown,
  };
}

/** The steps of `cookie-signature`, which express-session takes for every request. */
function cookieSignature(): () => boolean {
  const secret = randomBytes(32).toString("base64url");
  const id = randomBytes(24).toString("base64url");
  const mac = (): string => createHmac("sha256", secret).update(id).digest("base64");
  const signed = `${id}.${mac().replace(/=+$/, "")}`;
  return () => {
    const expected = Buffer.from(`${id}.${mac().replace(/=+$/, "")}`);
    const given = Buffer.from(signed);
    return expected.length === given.length && timingSafeEqual(expected, given);
  };
}
