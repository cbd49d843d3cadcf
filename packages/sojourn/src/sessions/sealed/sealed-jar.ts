/** The cookies of sealed sessions, opened and sealed: what an origin and an edge have in common. */
import { digest, entropy } from "#platform";
import type { Entropy, MaybePromise } from "../../engine/ports.ts";
import type { CookieRules } from "../../http/cookie-rules.ts";
import { createKeyRing } from "../../tokens/key-ring.ts";
import type { KeyRing } from "../../tokens/key-ring.ts";
import { chain } from "../../tokens/maybe-promise.ts";
import { Envelope } from "../../tokens/sealed/envelope.ts";
import { decodePayload, describeSessionToken, encodePayload } from "../../tokens/sealed/payload.ts";
import type { SealedFacts, SealedPayload } from "../../tokens/sealed/payload.ts";
import type { Secret } from "../../tokens/secrets.ts";
import { sessionTokens } from "../../tokens/session-token.ts";
import type { SessionTokens } from "../../tokens/session-token.ts";
import { parseToken } from "../../tokens/token-format.ts";
import { SealedCookies } from "./cookies.ts";
import type { SealedFlaw } from "./cookies.ts";

export interface SealedJarParts {
  readonly secrets: readonly Secret[];
  readonly tenant: string;
  /** The first cookie and those of the further chunks. */
  readonly rules: readonly CookieRules[];
  readonly chunksMax: number | undefined;
  readonly entropy: Entropy | undefined;
}

/** What a request has: a copy that opened, or a genuine token alone. */
export type FoundSealed = SealedPayload | { readonly token: string; readonly sealedAt?: undefined };

export interface SealedTools {
  readonly ring: KeyRing;
  readonly envelope: Envelope;
  readonly tokens: SessionTokens;
}

const CHUNKS = 2;
/** After so long a copy is made anew, or a quarter of the idle timeout where that is shorter. */
const RENEW_EVERY_MS: number = 5 * 60_000;
const RENEWALS_PER_IDLE = 4;

/** How old a copy of the session may become before it is made anew. */
export function renewEveryMs(idleMs: number, renewMs: number = RENEW_EVERY_MS): number {
  return Math.min(renewMs, idleMs / RENEWALS_PER_IDLE);
}

export class SealedJar {
  readonly cookies: SealedCookies;
  readonly #parts: SealedJarParts;
  #made: SealedTools | undefined;

  constructor(parts: SealedJarParts) {
    this.#parts = parts;
    this.cookies = new SealedCookies(parts.rules, parts.chunksMax ?? CHUNKS);
  }

  /** What follows is synchronous on Node. */
  ready(): MaybePromise<SealedTools> {
    return this.#tools();
  }

  /** No I/O. Synchronous on Node once the keys are made. */
  open(header: string | null | undefined): MaybePromise<FoundSealed | SealedFlaw> {
    const found = this.cookies.read(header);
    if (typeof found === "string") return found;
    if ("token" in found) return this.#openToken(found.token);
    return chain(this.#tools(), ({ envelope }) =>
      chain(envelope.open(found.chunks), (bytes) => {
        const payload = bytes === undefined ? undefined : decodePayload(bytes, this.#parts.tenant);
        return payload ?? "sealed";
      }),
    );
  }

  /** Nobody is asked about a token that we never made. */
  #openToken(text: string): MaybePromise<FoundSealed | SealedFlaw> {
    const { type = "session" } = describeSessionToken(text) ?? {};
    const parsed = parseToken(text, type);
    if (parsed === undefined) return "token";
    return chain(this.#tools(), ({ tokens }) =>
      chain(tokens.verify(parsed, this.#parts.tenant), (genuine) =>
        genuine ? { token: text } : "token",
      ),
    );
  }

  /** `Set-Cookie` values with the token alone: each read is to ask then. */
  alone(
    { session, token }: Pick<SealedFacts, "session" | "token">,
    now: number,
    header: string | null | undefined,
  ): readonly string[] {
    const { remember, absoluteExpiresAt } = session;
    const keepMs = remember === true ? absoluteExpiresAt - now : undefined;
    return this.cookies.write([token], header, keepMs);
  }

  /**
   * `Set-Cookie` values: the session sealed, or its token alone where it is too large.
   * @param header Of the request: chunks that are no longer needed are deleted.
   */
  seal(
    facts: SealedFacts,
    sealedAt: number,
    header: string | null | undefined,
  ): MaybePromise<readonly string[]> {
    const plain = encodePayload(facts, sealedAt, this.#parts.tenant);
    const { remember, absoluteExpiresAt } = facts.session;
    const keepMs = remember === true ? absoluteExpiresAt - sealedAt : undefined;
    return chain(this.#tools(), ({ envelope }) =>
      chain(envelope.seal(plain, this.cookies.chunksMax, sealedAt), (chunks) =>
        this.cookies.write(chunks ?? [facts.token], header, keepMs),
      ),
    );
  }

  #tools(): MaybePromise<SealedTools> {
    return this.#made ?? this.#make();
  }

  /**
   * At the first use, since some runtimes allow nothing random before. Made by each who comes
   * before the first is done: no promise is shared between requests.
   */
  async #make(): Promise<SealedTools> {
    const { secrets, tenant, entropy: random = entropy } = this.#parts;
    const ring = await createKeyRing({ secrets, digest });
    const envelope = new Envelope({ ring, entropy: random, tenant, name: this.cookies.name });
    this.#made ??= { ring, envelope, tokens: sessionTokens({ ring, entropy: random }) };
    return this.#made;
  }
}
