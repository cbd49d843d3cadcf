/**
 * Judges DPoP proofs (RFC 9449) on resource and token endpoints: reading costs one signature and
 * leaves nothing behind; a proof is remembered only when all else is right, so that the cache of
 * replays cannot be filled by whoever has nothing but keys of their own.
 */
import { hostTime, sha256 } from "#platform";
import { ConfigError } from "../../engine/errors.ts";
import type { ConfigProblem } from "../../engine/errors.ts";
import { rangeProblems, unknownOptions } from "../../engine/given.ts";
import type { WholeRange } from "../../engine/given.ts";
import type { ReplayCache } from "../../engine/replays.ts";
import { encodeBase64Url } from "../base64url.ts";
import { encodeFields } from "../fields.ts";
import type { Confirmation } from "../jwt/access-claims.ts";
import type { Nonces } from "./nonces.ts";
import { Memo } from "../jwt/memo.ts";
import { readProof } from "./proof.ts";
import type { HeaderValue, KnownHead, Proof, ProofFlaw } from "./proof.ts";
import { DPOP_ALGORITHMS } from "./proof-key.ts";
import type { DpopAlgorithm } from "./proof-key.ts";
import { externalUrlProblem, targetOf } from "./target.ts";

export interface DpopOptions {
  /** What clients put before a request's path: scheme, host, port, and a path where one is cut. */
  readonly externalUrl: string;
  /** Shared by every process that answers under this address. */
  readonly replays: ReplayCache;
  /** Ask for a nonce in each proof. Then its age counts, not what the client's clock says. */
  readonly nonces?: Nonces;
  /** Of clients' keys; default: all there are. */
  readonly algorithms?: readonly DpopAlgorithm[];
  /** How old a proof may be; 1000 to 600 000, default a minute. */
  readonly proofAgeMs?: number;
  /** How far clocks may differ; 0 to 60 000, default 10 seconds. */
  readonly leewayMs?: number;
  /** Milliseconds since the epoch; default: the wall clock. */
  readonly now?: () => number;
}

export interface ProofRequest {
  /** Every value of the `DPoP` header. */
  readonly proof: HeaderValue;
  readonly method: string;
  /** As the request line has it; a query is left out. */
  readonly path: string;
  /** The access token that is presented beside the proof. */
  readonly token?: string;
  /** The thumbprint that is expected, e.g. that of a refresh token's key. */
  readonly boundTo?: string;
}

/** What a response has to say besides: a fresh nonce, in a header `DPoP-Nonce`. */
interface WithNonce {
  readonly nonce?: string;
}

/** `why` is for logs; `error` is what the outside is told. */
export interface ProofRefusal extends WithNonce {
  readonly state: "refused";
  readonly error: "invalid_dpop_proof" | "use_dpop_nonce";
  readonly why: ProofFlaw;
}

export interface ProvedKey extends WithNonce {
  readonly state: "proved";
  /** For `cnf` of tokens that are issued now, and for a verifier of tokens that are presented. */
  readonly confirmation: Confirmation & { readonly jkt: string };
}

export type ProofStanding =
  | ProvedKey
  | ProofRefusal
  /** 503: nobody can tell whether it came before. Invariant I7. */
  | { readonly state: "unavailable" };

/** Everything is right but for what {@link Dpop.accept} finds out. */
export interface ExaminedProof extends ProvedKey {
  readonly replayKey: string;
  /** No node takes the proof any more. */
  readonly overAt: number;
}

const PROOF_AGE_MS = 60_000;
const LEEWAY_MS = 10_000;
/** Keys of clients that are remembered, some kB each. */
const HEADS_MAX = 2_000;
const RANGES: readonly WholeRange<DpopOptions>[] = [
  ["proofAgeMs", 1_000, 600_000],
  ["leewayMs", 0, 60_000],
];
const KNOWN: readonly (keyof DpopOptions)[] = [
  "externalUrl",
  "replays",
  "nonces",
  "algorithms",
  "proofAgeMs",
  "leewayMs",
  "now",
];

export class Dpop {
  readonly algorithms: readonly DpopAlgorithm[];
  readonly #externalUrl: string;
  readonly #replays: ReplayCache;
  readonly #nonces: Nonces | undefined;
  readonly #ageMs: number;
  readonly #leewayMs: number;
  readonly #now: () => number;
  readonly #heads: Memo<KnownHead> = new Memo(HEADS_MAX);

  /** Use {@link createDpop}. */
  constructor(options: DpopOptions) {
    this.algorithms = options.algorithms ?? DPOP_ALGORITHMS;
    this.#externalUrl = options.externalUrl;
    this.#replays = options.replays;
    this.#nonces = options.nonces;
    this.#ageMs = options.nonces?.lifeMs ?? options.proofAgeMs ?? PROOF_AGE_MS;
    this.#leewayMs = options.leewayMs ?? LEEWAY_MS;
    this.#now = options.now ?? hostTime.wall;
  }

  /**
   * Judge a proof and remember it. On a token endpoint: after the grant was looked up, and with the
   * key it is bound to. No proof makes it throw; a missing `jose` does (`ConfigError`).
   */
  async verify(request: ProofRequest): Promise<ProofStanding> {
    const examined = await this.examine(request);
    return examined.state === "proved" ? this.accept(examined) : examined;
  }

  /** As {@link Dpop.verify} without remembering; go on with {@link Dpop.accept}. */
  async examine(request: ProofRequest): Promise<ExaminedProof | ProofRefusal> {
    const { method, path } = request;
    const target = targetOf(this.#externalUrl, path);
    if (target === undefined) return this.#refuse("target");
    const rules = { algorithms: this.algorithms, method, target, heads: this.#heads };
    const proof = await readProof(request.proof, rules);
    if (typeof proof === "string") return this.#refuse(proof);
    const misfit = await misfitOf(proof, request);
    return misfit === undefined ? this.#judgeAge(proof) : this.#refuse(misfit);
  }

  async #judgeAge(proof: Proof): Promise<ExaminedProof | ProofRefusal> {
    const now = this.#now();
    const bornAt = await this.#bornAt(proof);
    if (bornAt === undefined) return this.#refuse("nonce");
    const overAt = bornAt + this.#ageMs;
    if (bornAt > now + this.#leewayMs || now >= overAt) {
      return this.#refuse(this.#nonces === undefined ? "time" : "nonce");
    }
    const renew = this.#nonces !== undefined && now >= bornAt + this.#ageMs / 2;
    return {
      state: "proved",
      confirmation: { jkt: proof.jkt },
      replayKey: await replayKeyOf(proof),
      // For nodes whose clocks are behind.
      overAt: overAt + this.#leewayMs,
      ...(renew ? await this.freshNonce() : {}),
    };
  }

  /** Remember a proof. Once, for all who share the cache. */
  async accept(examined: ExaminedProof): Promise<ProofStanding> {
    const { replayKey, overAt, ...proved } = examined;
    let first: boolean;
    try {
      first = await this.#replays.claim(replayKey, overAt, this.#now());
    } catch {
      return { state: "unavailable" };
    }
    return first ? proved : this.#refuse("replayed");
  }

  /** For a response: nothing where nonces are not asked for. */
  async freshNonce(): Promise<WithNonce> {
    const nonce = await this.#nonces?.make(this.#now());
    return nonce === undefined ? {} : { nonce };
  }

  /** When the proof was made at the earliest. @returns `undefined` without a nonce of ours. */
  async #bornAt({ nonce, issuedAt }: Proof): Promise<number | undefined> {
    if (this.#nonces === undefined) return issuedAt;
    return nonce === undefined ? undefined : this.#nonces.madeAt(nonce);
  }

  async #refuse(why: ProofFlaw): Promise<ProofRefusal> {
    const error = why === "nonce" ? "use_dpop_nonce" : "invalid_dpop_proof";
    return { state: "refused", error, why, ...(await this.freshNonce()) };
  }
}

/** @throws {ConfigError} listing every problem. */
export function createDpop(options: DpopOptions): Dpop {
  const problems = problemsOf(options);
  if (problems.length > 0) throw new ConfigError(problems);
  return new Dpop(options);
}

function problemsOf(options: DpopOptions): ConfigProblem[] {
  const problems = unknownOptions(options, KNOWN);
  const add = (path: keyof DpopOptions, message: string) => problems.push({ path, message });
  const address = externalUrlProblem(options.externalUrl);
  if (address !== undefined) add("externalUrl", address);
  if (typeof (options.replays as ReplayCache | undefined)?.claim !== "function") {
    add("replays", "takes a cache of replays: RedisReplays, or memoryReplays for one process");
  }
  const { algorithms = DPOP_ALGORITHMS } = options;
  if (algorithms.length === 0 || !algorithms.every((one) => DPOP_ALGORITHMS.includes(one))) {
    add("algorithms", `takes ${DPOP_ALGORITHMS.join(", ")}`);
  }
  problems.push(...rangeProblems(options, RANGES));
  if (options.nonces !== undefined && options.proofAgeMs !== undefined) {
    add("proofAgeMs", "means nothing with nonces: their lifeMs counts");
  }
  return problems;
}

/** What the proof is not for besides method and address. */
async function misfitOf(
  proof: Proof,
  { token, boundTo }: ProofRequest,
): Promise<ProofFlaw | undefined> {
  // RFC 9449 section 4.2: of the token as it is presented.
  const ath = token === undefined ? proof.ath : encodeBase64Url(await sha256(token));
  if (proof.ath !== ath) return "token_hash";
  return boundTo === undefined || proof.jkt === boundTo ? undefined : "other_key";
}

/** By key, too: nobody can use up the names of another's proofs. */
async function replayKeyOf({ target, jkt, jti }: Proof): Promise<string> {
  return encodeBase64Url(await sha256(encodeFields([target, jkt, jti])));
}
