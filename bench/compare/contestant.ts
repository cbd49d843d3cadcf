/**
 * What every contestant runs: one small application, written against the least that a session
 * library offers. The libraries are used as their own documentation shows.
 */

/** One request's session in the words all libraries share. */
export interface Visit {
  get(key: string): unknown;
  set(key: string, value: string): unknown;
  /** Sign in with a fresh identifier where the library has one. */
  login(user: string): unknown;
  logout(): unknown;
  /** End every other session of the same user; absent where the library has no such call. */
  readonly endOthers?: () => Promise<unknown>;
}

export interface StartOptions {
  /** Ask for a `Secure` cookie although the application is served over plain HTTP, as deployed. */
  readonly secure?: boolean;
}

/** What the server side holds; `undefined` where there is no such thing. */
export interface Accounts {
  /** Full writes of a session so far; touches that only move a deadline do not count. */
  readonly writes?: () => number;
  readonly stored?: () => number | Promise<number>;
  /** True when the library has said, in an event or a warning, that a cookie was not set. */
  readonly told?: () => boolean;
}

export interface Running extends Accounts {
  readonly url: string;
  close(): Promise<void>;
}

export interface Contestant {
  readonly name: string;
  /** The package and how it is set up, for the page. */
  readonly setUp: string;
  start(options: StartOptions): Promise<Running>;
}

/** Signed and encrypted by throw-away text: these applications live for seconds. */
export const SECRET = "of-these-applications-which-live-for-seconds-only";

const RUNNING_MS_MAX = 10_000;

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, Math.min(ms, RUNNING_MS_MAX)));
}

/**
 * The application. A handler's work lies between the moment the session was loaded and the moment
 * it is changed, as in every application that asks a database in between.
 */
export async function applicationOf(visit: Visit, target: string): Promise<string> {
  const { pathname, searchParams } = new URL(target, "http://localhost");
  const text = (name: string): string => searchParams.get(name) ?? "";
  const work = (): Promise<void> => wait(Number(text("work")));
  switch (pathname) {
    case "/login":
      await visit.login(text("user"));
      return "signed in";
    case "/set":
      await work();
      await visit.set(text("key"), text("value"));
      return "set";
    case "/get":
      return JSON.stringify(visit.get(text("key")) ?? null);
    case "/read": {
      const user = visit.get("user");
      await work();
      return JSON.stringify(user ?? null);
    }
    case "/logout":
      await visit.logout();
      return "signed out";
    case "/end-others":
      if (visit.endOthers === undefined) return "no such call";
      await visit.endOthers();
      return "ended";
    default:
      return "nothing here";
  }
}
