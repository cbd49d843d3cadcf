/** A resource that takes DPoP tokens, clients with keys, and time by hand. */
import * as client from "dpop";
import { CompactSign, exportJWK } from "jose";
import { vi } from "vitest";
import type { ReplayCache } from "sojourn";
import {
  createAccessGuard,
  createDpop,
  generateSecret,
  memoryReplays,
  Nonces,
} from "sojourn/tokens";
import type { AccessAnswer, AccessGuard, AccessRequest, Dpop, DpopOptions } from "sojourn/tokens";
import { tokenWorld } from "./token-world.ts";
import type { TokenWorld } from "./token-world.ts";

export const API = "https://api.example";

/** One client: a key of its own, and proofs by the package `dpop`. */
export interface DpopClient {
  readonly keys: client.KeyPair;
  readonly jkt: string;
  /** A token that is bound to its key. */
  readonly token: string;
  proof(of?: ProofOf): Promise<string>;
  /** What no honest client sends: these members over those of an honest proof. */
  odd(header: object, claims?: object): Promise<string>;
}

interface ProofOf {
  readonly url?: string;
  readonly method?: string;
  readonly nonce?: string;
  /** Default: the client's own; `null`: none. */
  readonly token?: string | null;
  readonly claims?: Record<string, client.JsonValue>;
}

export interface DpopWorld {
  readonly tokens: TokenWorld;
  readonly dpop: Dpop;
  readonly guard: AccessGuard;
  readonly replays: ReplayCache;
  readonly nonces: Nonces;
  readonly alice: DpopClient;
  readonly mallory: DpopClient;
  /** `GET /notes` by DPoP unless it says otherwise. */
  ask(token: string, proof: AccessRequest["proof"], more?: Partial<AccessRequest>): Answer;
  /** Another node of the same service. */
  node(options?: Partial<DpopOptions>): DpopWorld["ask"];
}

type Answer = Promise<AccessAnswer>;

export interface DpopWorldOptions extends Partial<DpopOptions> {
  readonly withNonces?: boolean;
  readonly bearer?: boolean;
}

export async function dpopWorld(options: DpopWorldOptions = {}): Promise<DpopWorld> {
  const { withNonces = false, bearer = true, ...given } = options;
  const tokens = await tokenWorld();
  const nonces = new Nonces({ secrets: [generateSecret()], lifeMs: 60_000 });
  const replays = given.replays ?? memoryReplays();
  const dpopWith = (more: Partial<DpopOptions>): Dpop =>
    createDpop({
      externalUrl: API,
      replays,
      now: tokens.time.wall,
      ...(withNonces ? { nonces } : {}),
      ...given,
      ...more,
    });
  const askWith = (guard: AccessGuard): DpopWorld["ask"] => {
    return (token, proof, more) =>
      guard.check({
        method: "GET",
        path: "/notes",
        authorization: `DPoP ${token}`,
        proof,
        ...more,
      });
  };
  const guardWith = (dpop: Dpop): AccessGuard =>
    createAccessGuard({ verifier: tokens.verifier, dpop, bearer });
  const dpop = dpopWith({});
  const guard = guardWith(dpop);
  return {
    tokens,
    dpop,
    guard,
    replays,
    nonces,
    alice: await clientOf(tokens),
    mallory: await clientOf(tokens),
    ask: askWith(guard),
    node: (more = {}) => askWith(guardWith(dpopWith(more))),
  };
}

export async function clientOf(
  tokens: TokenWorld,
  alg: client.JWSAlgorithm = "ES256",
): Promise<DpopClient> {
  const keys = await client.generateKeyPair(alg, { extractable: true });
  const jkt = await client.calculateThumbprint(keys.publicKey);
  const token = await tokens.issue({ cnf: { jkt } });
  const made: DpopClient = {
    keys,
    jkt,
    token,
    async proof({ url = `${API}/notes`, method = "GET", nonce, token: hashed, claims } = {}) {
      const shown = hashed === null ? undefined : (hashed ?? token);
      // The package takes the time from nowhere else.
      vi.setSystemTime(tokens.time.wall());
      try {
        return await client.generateProof(keys, url, method, nonce, shown, claims);
      } finally {
        vi.useRealTimers();
      }
    },
    async odd(header, claims = {}) {
      const honest = readParts(await made.proof());
      const jwk = await exportJWK(keys.publicKey);
      const head = { alg: "", ...honest.header, jwk, ...header };
      const body = new TextEncoder().encode(JSON.stringify({ ...honest.claims, ...claims }));
      return new CompactSign(body).setProtectedHeader(head).sign(keys.privateKey);
    },
  };
  return made;
}

/** Header and claims of a signed text, unproved. */
export function readParts(text: string): { readonly header: object; readonly claims: object } {
  const [header = "", claims = ""] = text.split(".");
  const read = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString()) as object;
  return { header: read(header), claims: read(claims) };
}

/** The inner answer for logs. */
export async function whyOf(answer: Promise<AccessAnswer>): Promise<string> {
  const settled = await answer;
  return settled.state === "active" ? "active" : settled.why;
}
