/** The cookies of a sealed session: found in `Cookie`, written into `Set-Cookie`. */
import { clearCookie, readCookie, serializeCookie } from "../../http/cookie.ts";
import { renamed } from "../../http/cookie-rules.ts";
import type { CookieRules } from "../../http/cookie-rules.ts";
import { CHUNKS_MAX, claimedCount } from "../../tokens/sealed/chunks.ts";
import { describeSessionToken } from "../../tokens/sealed/payload.ts";

/** Why a request has no session of ours. For logs. */
export type SealedFlaw = "absent" | "conflict" | "form" | "chunk" | "sealed" | "token";

export type FoundCookies = { readonly chunks: readonly string[] } | { readonly token: string };

export class SealedCookies {
  readonly name: string;
  readonly chunksMax: number;
  readonly warnings: readonly string[];
  readonly #first: CookieRules;
  /** The first one included. */
  readonly #all: readonly CookieRules[];

  /** @param all At least one. */
  constructor(all: readonly CookieRules[], chunksMax: number) {
    this.#all = all;
    this.#first = all[0] as CookieRules;
    this.name = this.#first.name;
    this.chunksMax = chunksMax;
    this.warnings = this.#first.warnings;
  }

  /** Of every cookie there may be, the first one first. */
  get rules(): readonly CookieRules[] {
    return this.#all;
  }

  /** Proves nothing. Chunks beyond those that the first one counts are left alone. */
  read(header: string | null | undefined): FoundCookies | SealedFlaw {
    const first = readCookie(header, this.name);
    if (first.kind !== "value") return first.kind;
    const count = claimedCount(first.value);
    if (count === undefined) {
      return describeSessionToken(first.value) === undefined ? "form" : { token: first.value };
    }
    const chunks = [first.value];
    for (const { name } of this.#all.slice(1, count)) {
      const chunk = readCookie(header, name);
      if (chunk.kind === "conflict") return "conflict";
      if (chunk.kind === "absent") return "chunk";
      chunks.push(chunk.value);
    }
    return { chunks };
  }

  /** @param header Of the request: what it has beyond these values is deleted. */
  write(
    values: readonly string[],
    header: string | null | undefined,
    maxAgeMs: number | undefined,
  ): readonly string[] {
    const age = maxAgeMs === undefined ? {} : { maxAgeMs };
    const written = values.map((value, index) =>
      serializeCookie(this.#all[index] as CookieRules, value, age),
    );
    return [...written, ...deletionsOf(this.#all.slice(values.length), header)];
  }

  /** @param header Absent: every cookie there may be. */
  clear(header: string | null | undefined): readonly string[] {
    if (header === undefined || header === null) return this.#all.map(clearCookie);
    return [clearCookie(this.#first), ...deletionsOf(this.#all.slice(1), header)];
  }
}

/** The first cookie and those of the further chunks. */
export function chunkRules(first: CookieRules): readonly CookieRules[] {
  return Array.from({ length: CHUNKS_MAX }, (_, index) =>
    index === 0 ? first : renamed(first, `${first.name}.${index}`),
  );
}

function deletionsOf(
  cookies: readonly CookieRules[],
  header: string | null | undefined,
): readonly string[] {
  return cookies
    .filter(({ name }) => readCookie(header, name).kind !== "absent")
    .map((rules) => clearCookie(rules));
}
