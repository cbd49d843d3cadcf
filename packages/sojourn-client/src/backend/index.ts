/** The Backend API of the service, for servers: never for pages, a service key would be theirs. */
import { Operations } from "./operations.ts";
import type { BackendOptions, MatchOptions } from "./caller.ts";
import type { ChangeSessionBody, Session, Verdict, Verify } from "./types.ts";
import { SojournError } from "./problem.ts";

export type { BackendOptions, CallOptions, MatchOptions, OnceOptions, Version } from "./caller.ts";
export { SojournError } from "./problem.ts";
export type { ProblemBody } from "./problem.ts";
export type * from "./types.ts";

const TOKENS_MAX = 500;
const ATTEMPTS_MAX = 5;

interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor?: string | undefined;
}

export class Backend extends Operations {
  /**
   * Every item of a list, page by page.
   *
   * @example for await (const one of backend.each((page) => backend.listSessions({ ...page })))
   */
  async *each<Item>(
    list: (page: { readonly cursor?: string }) => Promise<Page<Item>>,
  ): AsyncGenerator<Item, void, undefined> {
    let cursor: string | undefined;
    do {
      const page: Page<Item> = await list(cursor === undefined ? {} : { cursor });
      yield* page.items;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }

  /** Verdicts of any number of tokens, in their order; 500 go with one request. */
  async verifyAll(
    tokens: readonly string[],
    more: Omit<Verify, "token" | "tokens" | "boundCookie" | "skipped"> = {},
  ): Promise<Verdict[]> {
    const verdicts: Verdict[] = [];
    for (let from = 0; from < tokens.length; from += TOKENS_MAX) {
      const some = tokens.slice(from, from + TOKENS_MAX);
      verdicts.push(...((await this.verify({ ...more, tokens: some })).results ?? []));
    }
    return verdicts;
  }

  /**
   * Read a session, change what `change` says of it, and begin again when somebody was faster.
   *
   * @returns the session as it is then.
   * @throws (rejects) {@link SojournError} `version_conflict` after five lost races.
   */
  async changeSessionWith(
    id: string,
    change: (session: Session) => ChangeSessionBody,
    options: Omit<MatchOptions, "ifMatch"> = {},
  ): Promise<Session> {
    for (let attempt = 1; ; attempt += 1) {
      const { session } = await this.getSession(id, options);
      const matching = { ...options, ifMatch: session };
      try {
        return (await this.changeSession(id, change(session), matching)).session;
      } catch (error) {
        const lost = error instanceof SojournError && error.code === "version_conflict";
        if (!lost || attempt >= ATTEMPTS_MAX) throw error;
      }
    }
  }
}

/** @throws {TypeError} for what is no address, or no service key. */
export function createBackend(options: BackendOptions): Backend {
  return new Backend(options);
}
