/** One application's sessions with time by hand, a store that can fail, and all they said. */
import { createSessions, MemoryStore } from "sojourn";
import type {
  EventName,
  Exchange,
  RequestView,
  Session,
  SessionEvent,
  Sessions,
  SessionsOptions,
  Standing,
} from "sojourn";
import { FaultyStore, ManualClock } from "sojourn/testing";

export const SECOND = 1_000;
export const MINUTE: number = 60 * SECOND;
export const HOUR: number = 60 * MINUTE;
export const COOKIE = "__Host-session";

export type Data = Record<string, unknown>;

/** A secret of 32 bytes that nobody could mistake for a real one. */
export function secretOf(seed: number): string {
  return Buffer.from(Array.from({ length: 32 }, (_, at) => (seed * 31 + at * 7) % 256)).toString(
    "base64url",
  );
}

export interface World {
  readonly sessions: Sessions<Data>;
  readonly clock: ManualClock;
  readonly store: FaultyStore;
  readonly events: SessionEvent[];
  /** What went to `onError`. */
  readonly errors: unknown[];
  readonly warnings: string[];
  /** Events of one name so far. */
  named<Name extends EventName>(name: Name): SessionEvent<Name>[];
}

export interface WorldOptions extends Partial<SessionsOptions> {
  readonly clock?: ManualClock;
  /** Another process on the same store. */
  readonly beside?: World;
}

export function world(given: WorldOptions = {}): World {
  const { beside, ...options } = given;
  const clock = given.clock ?? beside?.clock ?? new ManualClock();
  const inner = options.store ?? new MemoryStore();
  const store = beside?.store ?? (inner instanceof FaultyStore ? inner : new FaultyStore(inner));
  const errors: unknown[] = [];
  const warnings: string[] = [];
  const sessions = createSessions<Data>({
    secrets: [secretOf(1)],
    sweep: false,
    production: false,
    warn: (message) => warnings.push(message),
    onError: (error) => errors.push(error),
    ...options,
    clock,
    store,
  });
  const events: SessionEvent[] = [];
  sessions.events.on("*", (event) => events.push(event));
  const named = <Name extends EventName>(name: Name): SessionEvent<Name>[] =>
    events.filter((event) => event.name === name) as unknown as SessionEvent<Name>[];
  return { sessions, clock, store, events, errors, warnings, named };
}

export interface Visit {
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly view?: Partial<RequestView>;
}

/** One HTTPS request from 203.0.113.9, with the token in the session cookie. */
export function visit(place: World, how: Visit = {}): Promise<Exchange<Data>> {
  const cookie: Readonly<Record<string, string>> =
    how.token === undefined ? {} : { cookie: `${COOKIE}=${how.token}` };
  const headers: Readonly<Record<string, string>> = { ...cookie, ...how.headers };
  return place.sessions.exchange({
    method: "GET",
    path: "/",
    header: (name) => headers[name],
    remoteAddress: "203.0.113.9",
    encrypted: true,
    ...how.view,
  });
}

export interface Answer {
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: readonly string[];
  /** The token that the session cookie was set to. */
  readonly token: string | undefined;
}

/** Let the response's headers leave. */
export function leave(exchange: Exchange<Data>): Answer {
  const headers: Record<string, string> = {};
  const cookies: string[] = [];
  void exchange.commit({
    get: (name) => headers[name],
    set: (name, value) => void (headers[name] = value),
    addCookie: (value) => void cookies.push(value),
  });
  const [, token] = /^[^=]+=([^;]+)/.exec(cookies.at(-1) ?? "") ?? [];
  return { headers, cookies, token };
}

/** The session of a standing that has one. */
export function sessionIn(standing: Standing<Data>): Session<Data> {
  if (standing.state === "ended" || standing.state === "unknown") {
    throw new Error(`expected a session, got ${JSON.stringify(standing)}`);
  }
  return standing.session;
}

/** The new token that a standing carries. */
export function successorIn(standing: Standing<Data>): string {
  if (standing.state !== "active" || standing.successor === undefined) {
    throw new Error(`expected a successor, got state ${standing.state}`);
  }
  return standing.successor;
}

/** The handle of a session that has a row. */
export function idOf(session: Session<Data>): string {
  if (session.id === null) throw new Error("expected a session with a row");
  return session.id;
}

/** What a promise was rejected with. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("expected a rejection");
}

/** A door that stays shut until `open` is called. */
export function gate(): { readonly wait: () => Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => void (open = resolve));
  return { wait: () => opened, open: () => open() };
}

/** The 32 characters of a token that nobody else can know. */
export function secretPart(token: string): string {
  return token.slice(37, 69);
}
