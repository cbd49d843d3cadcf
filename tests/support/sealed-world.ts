/**
 * Sessions with a store, and a place without one that reads their sealed copies. Runs wherever Web
 * Crypto does: cases over it are run on every runtime.
 */
import { createSessions, MemoryStore } from "sojourn";
import type { HostTime, Session, Sessions } from "sojourn";
import { createSealedSessions, sessionsAuthority } from "sojourn/sealed";
import type {
  AuthorityQuestion,
  SealedSessions,
  SealedSessionsOptions,
  SealedStanding,
} from "sojourn/sealed";
import { ManualClock } from "sojourn/testing";
import type { RevocationEntry, RevocationFeed } from "sojourn/tokens";

export const MINUTE_MS = 60_000;
export const BOUND_MS = 5_000;
/** How long the feed tells of a revocation. */
export const KEEP_MS: number = 20 * MINUTE_MS;
export const NAME = "__Host-session";

/** 43 characters of no meaning, different for each seed. */
export function secretText(seed: number): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const letters = Array.from({ length: 42 }, (_, at) => alphabet[(at * 7 + seed * 13) % 64] ?? "A");
  return `${letters.join("")}A`;
}

/** Everything that ended, in order; silent or in trouble when told to be. */
export class WrittenFeed implements RevocationFeed {
  readonly entries: RevocationEntry[] = [];
  trouble: Error | undefined;
  /** Whom it tells of; absent: everybody. */
  tenant: string | undefined;
  reads = 0;
  keepMs: number = KEEP_MS;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  async read(since?: string): Promise<Awaited<ReturnType<RevocationFeed["read"]>>> {
    this.reads += 1;
    if (this.trouble !== undefined) throw this.trouble;
    const entries = this.entries.slice(Number(since ?? 0));
    const position = String(this.entries.length);
    const { keepMs } = this;
    const page = { position, entries, complete: true, at: this.#now(), ageMs: 0, keepMs };
    return this.tenant === undefined ? page : { ...page, tenant: this.tenant };
  }
}

/** A browser's cookies. */
export class CookieBox {
  readonly cookies: Map<string, string> = new Map();

  get header(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  take(setCookies: readonly string[]): void {
    for (const line of setCookies) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (line.includes("Max-Age=0")) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
  }
}

export interface SealedWorld {
  readonly clock: ManualClock;
  /** The authority cannot be reached while true. */
  away: boolean;
  readonly sessions: Sessions;
  readonly feed: WrittenFeed;
  readonly edge: SealedSessions;
  /** Happens once the authority has read and before it answers. */
  whileAsked: (() => void) | undefined;
  /** Questions that reached the authority, and their tokens. */
  readonly questions: AuthorityQuestion[];
  readonly asked: string[];
  readonly errors: unknown[];
  edgeWith(options: Partial<SealedSessionsOptions>): SealedSessions;
  /** Sign somebody in; the cookies are in the box. */
  signIn(data?: Record<string, unknown>, subject?: string): Promise<SignedIn>;
}

export interface SignedIn {
  readonly session: Session;
  readonly token: string;
  readonly box: CookieBox;
}

export function sealedWorld(
  given: Partial<SealedSessionsOptions> = {},
  startAt?: number,
): SealedWorld {
  const clock = new ManualClock(startAt);
  const secrets = [secretText(1)];
  const sessions = createSessions({
    store: new MemoryStore(),
    secrets,
    clock,
    sweep: false,
    production: false,
    warn: () => undefined,
  });
  const feed = new WrittenFeed(() => clock.now());
  sessions.events.on("session-ended", ({ session = "", at }) => {
    feed.entries.push({ kind: "session", session, at });
  });
  const questions: AuthorityQuestion[] = [];
  const asked: string[] = [];
  const errors: unknown[] = [];
  const house = sessionsAuthority(sessions);
  const time: HostTime = { wall: () => clock.now(), monotonic: () => clock.now() };
  const edgeWith = (options: Partial<SealedSessionsOptions>): SealedSessions =>
    createSealedSessions({
      secrets,
      feed,
      authority: {
        check: async (question) => {
          questions.push(question);
          asked.push(question.token);
          if (world.away) throw new Error("unreachable");
          const answer = await house.check(question);
          world.whileAsked?.();
          return answer;
        },
      },
      onError: (error) => errors.push(error),
      boundMs: BOUND_MS,
      time,
      ...given,
      ...options,
    });
  const edge = edgeWith({});
  const world: SealedWorld = {
    away: false,
    whileAsked: undefined,
    clock,
    sessions,
    feed,
    edge,
    questions,
    asked,
    errors,
    edgeWith,
    async signIn(data = { cart: ["tea"] }, subject = "alice") {
      const { session, token } = await sessions.open({ subject, amr: ["pwd"], data });
      const box = new CookieBox();
      box.take(await edge.seal(factsOf(session, token)));
      return { session, token, box };
    },
  };
  return world;
}

export function factsOf(session: Session, token: string) {
  const summary = session.describe();
  if (summary === undefined) throw new Error("a session with a row describes itself");
  return { session: summary, data: session.data, token };
}

/** The active standing, or an error that says what it was instead. */
export function activeIn(standing: SealedStanding) {
  if (standing.state === "active") return standing;
  throw new Error(`expected active, got ${JSON.stringify(standing)}`);
}
