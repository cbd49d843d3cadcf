/**
 * The seam for sessions of other systems: what a format has to say of a request, so that who is
 * signed in there stays signed in here. `conversion.ts` does the rest, the same for every format.
 */
import type { ConfigProblem } from "../engine/errors.ts";
import type { LoginOptions } from "./login-options.ts";
import type { RequestView } from "./request-view.ts";

/** What of a request a format may look at. */
export type ForeignRequest = Pick<RequestView, "header">;

type CarriedFacts = Pick<
  LoginOptions,
  "acr" | "amr" | "client" | "device" | "kind" | "remember" | "roles"
>;

/** A live session of the other system, as it is to become ours. */
export interface ForeignSession extends CarriedFacts {
  /** `null`: nobody had signed in. */
  readonly subject: string | null;
  /** What becomes the session's data: a plain object. */
  readonly data: object;
  /** When a factor was last given. Absent: the session counts as never freshly authenticated. */
  readonly authenticatedAt?: number;
  /** The session ends no later than this, besides the policy's own limits. */
  readonly expiresAt?: number;
}

/**
 * What a request's credential is worth in the other system. `key` is the credential without what
 * differs between its spellings, a text of any length; it is hashed and kept nowhere.
 */
export type ForeignFinding =
  | { readonly state: "live"; readonly key: string; readonly session: ForeignSession }
  /** Genuine, and there is no such session any more, or one of nobody with nothing in it. */
  | { readonly state: "expired" | "unknown" | "empty"; readonly key: string }
  /** Not one that the other system made. Nothing was read. */
  | { readonly state: "forged" };

/**
 * What became of a credential that was presented. `again`: converted before; `refused`: its subject
 * was revoked, or the policy allows no session that old; `failed`: it could not be judged;
 * `end-failed`: the old session could not be ended yet.
 */
export type ForeignOutcome =
  | "converted"
  | "again"
  | "expired"
  | "unknown"
  | "empty"
  | "forged"
  | "refused"
  | "failed"
  | "end-failed";

/** One format of another system. Give it to `createSessions` as `convert: [format]`. */
export interface ForeignSessions {
  /** Part of every id that comes of it: changing the name converts nobody a second time. */
  readonly name: string;
  /** True when the request carries such a credential, genuine or not. No I/O. */
  present(request: ForeignRequest): boolean;
  /** @throws {StoreUnavailableError} for trouble: that is never `unknown`. Invariant I7. */
  find(request: ForeignRequest, now: number): Promise<ForeignFinding>;
  /** End the old session; idempotent. What it throws is told, and it is tried again. */
  end(key: string): Promise<void>;
  /** `Set-Cookie` lines that delete the old credential. */
  readonly expire: readonly string[];
  /** Hear what became of each credential. */
  note?(outcome: ForeignOutcome, at: number): void;
}

/** Objects of other realms count, too; lists, promises, maps and instances of classes do not. */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

const NAME_LENGTH_MAX = 200;
const METHODS = ["present", "find", "end"] as const;

/** @returns what is wrong with the option `convert`, which may come from plain JavaScript. */
export function convertProblems(given: unknown): ConfigProblem[] {
  if (given === undefined) return [];
  if (!Array.isArray(given)) {
    return [{ path: "convert", message: "takes a list, such as [fromExpressSession({ … })]" }];
  }
  const names = new Set<unknown>();
  return (given as unknown[]).flatMap((one, index) => {
    const problem = formatProblem(one, names);
    return problem === undefined ? [] : [{ path: `convert[${index}]`, message: problem }];
  });
}

function formatProblem(given: unknown, names: Set<unknown>): string | undefined {
  if (typeof given !== "object" || given === null) {
    return "takes what fromExpressSession(…) returns, or another format";
  }
  const format = given as Partial<ForeignSessions>;
  for (const method of METHODS) {
    if (typeof format[method] !== "function") return `has no method ${method}()`;
  }
  if (!Array.isArray(format.expire)) return "has no list `expire`";
  const { name } = format;
  if (typeof name !== "string" || name.length === 0 || name.length > NAME_LENGTH_MAX) {
    return `has no \`name\` of 1 to ${NAME_LENGTH_MAX} characters`;
  }
  if (names.has(name)) return `has the name "${name}" of another one; names are part of ids`;
  names.add(name);
  return undefined;
}
