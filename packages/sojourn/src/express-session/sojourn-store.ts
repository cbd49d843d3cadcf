/** A Sojourn store served to express-session, unchanged or ours, as a store of its own kind. */
import { nextTick } from "node:process";
import { ConfigError } from "../engine/errors.ts";
import { kindOf, sessionsProblem, unknownOptions } from "../engine/given.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { SidSessions } from "./sid-sessions.ts";
import { Store } from "./store.ts";
import type { Answer, Found } from "./store.ts";
import type { Callback, SessionData } from "./types.ts";

export interface ToExpressStoreOptions {
  /** Default: the tenant of `sessions`. */
  readonly tenant?: string;
}

/**
 * Serve Sojourn sessions to express-session. `all` is left out: it would have to name sids, which
 * are nowhere stored; use `sessions.query`. `length` and `clear` need a store that can search.
 *
 * @throws {ConfigError} for what are no sessions, and for options it does not know.
 * @throws {ArgumentError} for what is no tenant name.
 */
export function toExpressStore<Data extends object>(
  sessions: Sessions<Data>,
  options: ToExpressStoreOptions = {},
): Store {
  const problems = unknownOptions(options, ["tenant"]);
  if (kindOf(sessions) !== "sessions") problems.unshift(sessionsProblem(sessions));
  if (problems.length > 0) throw new ConfigError(problems);
  const { core, tenant } = sessions.inside(options);
  return new SojournStore(new SidSessions(core, tenant));
}

export class SojournStore extends Store {
  readonly #sessions: SidSessions;

  constructor(sessions: SidSessions) {
    super();
    this.#sessions = sessions;
  }

  get(sid: string, callback: Answer<SessionData>): void {
    this.#answer(this.#sessions.load(sid), callback);
  }

  set(sid: string, session: SessionData, callback?: Callback): void {
    this.#answer(this.#sessions.save(sid, session), callback);
  }

  override touch(sid: string, session: SessionData, callback?: Callback): void {
    this.#answer(this.#sessions.touch(sid, session), callback);
  }

  destroy(sid: string, callback?: Callback): void {
    this.#answer(this.#sessions.end(sid), callback);
  }

  /** Live sessions of express-session in this tenant. Reads through all of the tenant's. */
  override length(callback: Found<number>): void {
    this.#answer(this.#sessions.count(), callback);
  }

  override clear(callback?: Callback): void {
    this.#answer(this.#sessions.endAll(), callback);
  }

  /** In a turn of its own: what a callback throws is not ours to answer for, nor to repeat. */
  #answer(work: Promise<unknown>, callback: Found<never> | Callback | undefined): void {
    if (callback === undefined) {
      work.catch((error: unknown) => this.#sessions.report(error));
      return;
    }
    work.then(
      (value) => nextTick(callback, null, value),
      (error: unknown) => nextTick(callback, error),
    );
  }
}
