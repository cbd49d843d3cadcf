/** Everything that was revoked lately, and what it means for one token. Pure: no clock, no I/O. */
import type { RevocationEntry } from "./revocations.ts";

/** What of a token can be revoked. */
export interface Revocable {
  readonly issuer: string;
  readonly jti: string;
  readonly kid: string | undefined;
  readonly tenant: string;
  readonly subject: string;
  readonly session: string | undefined;
  /** The family of refresh tokens that it was issued by: ends are told of it as of a session. */
  readonly grant?: string | undefined;
  /** Whose it is: the OAuth client. */
  readonly client?: string | undefined;
  readonly device?: string | undefined;
  readonly epoch: number;
  readonly issuedAt: number;
}

/** Which entry ended it; `"live"`: none. */
export type Verdict =
  | "live"
  | "key"
  | "all"
  | "session"
  | "subject"
  | "token"
  | "locked"
  | "lockout";

type LockoutEntry = RevocationEntry & { readonly kind: "lockout" };

interface SubjectEnd {
  readonly epoch: number;
  readonly except: string | undefined;
  /** Below it the excepted session has ended, too: an earlier entry did not except it. */
  readonly floor: number;
  readonly at: number;
}

export class RevocationSet {
  readonly #sessions: Map<string, number> = new Map();
  readonly #locks: Map<string, number> = new Map();
  readonly #subjects: Map<string, SubjectEnd> = new Map();
  readonly #tokens: Map<string, number> = new Map();
  /** By target; never dropped for its age. */
  readonly #lockouts: Map<string, LockoutEntry> = new Map();
  #allBefore = -Infinity;
  /** Never dropped: who holds a stolen key makes new tokens with it, whatever their age. */
  readonly #keys: Set<string> = new Set();

  get size(): number {
    const marks = this.#sessions.size + this.#locks.size + this.#lockouts.size;
    return marks + this.#subjects.size + this.#tokens.size + this.#keys.size;
  }

  /** Idempotent, and nothing but a lock is ever taken back (I2). */
  add(entry: RevocationEntry): void {
    switch (entry.kind) {
      case "session":
        this.#sessions.set(entry.session, entry.at);
        return;
      case "subject":
        this.#addSubject(entry);
        return;
      case "lock":
        if (entry.lifted) this.#locks.delete(entry.session);
        else this.#locks.set(entry.session, entry.at);
        return;
      case "lockout": {
        const key = lockoutKey(entry.target, entry.tenant, entry.value);
        if (!entry.lifted) this.#lockouts.set(key, entry);
        else if (this.#lockouts.get(key)?.id === entry.id) this.#lockouts.delete(key);
        return;
      }
      case "token":
        this.#tokens.set(tokenKey(entry.issuer, entry.jti), entry.at);
        return;
      case "all":
        this.#allBefore = Math.max(this.#allBefore, entry.at);
        return;
      case "key":
        this.#keys.add(entry.kid);
        return;
    }
  }

  /** Before a snapshot: a lock that it does not name was lifted meanwhile. */
  forgetLocks(): void {
    this.#locks.clear();
    this.#lockouts.clear();
  }

  /** Drop what happened before `horizon`: no token from before it is alive. */
  prune(horizon: number): void {
    for (const map of [this.#sessions, this.#tokens, this.#locks]) {
      for (const [key, at] of map) if (at < horizon) map.delete(key);
    }
    for (const [key, { at }] of this.#subjects) if (at < horizon) this.#subjects.delete(key);
  }

  /** @param now For lockouts that end by themselves. */
  judge(token: Revocable, now: number): Verdict {
    const { kid, session } = token;
    if (kid !== undefined && this.#keys.has(kid)) return "key";
    if (token.issuedAt < this.#allBefore) return "all";
    if (this.#sessionEnded(token)) return "session";
    if (this.#subjectEnded(token)) return "subject";
    if (this.#lockedOut(token, now)) return "lockout";
    if (this.#tokenEnded(token)) return "token";
    return session !== undefined && this.#locks.has(session) ? "locked" : "live";
  }

  #sessionEnded({ session, grant }: Revocable): boolean {
    if (session !== undefined && this.#sessions.has(session)) return true;
    return grant !== undefined && this.#sessions.has(grant);
  }

  #lockedOut({ tenant, subject, session, client, device }: Revocable, now: number): boolean {
    if (this.#lockouts.size === 0) return false;
    const holds = (target: string, value: string | undefined): boolean => {
      if (value === undefined) return false;
      const entry = this.#lockouts.get(lockoutKey(target, tenant, value));
      return entry !== undefined && now < (entry.expiresAt ?? Infinity);
    };
    const named = holds("subject", subject) || holds("session", session) || holds("tenant", "");
    return named || holds("client", client) || holds("device", device);
  }

  #tokenEnded({ issuer, jti }: Revocable): boolean {
    return this.#tokens.size > 0 && this.#tokens.has(tokenKey(issuer, jti));
  }

  #subjectEnded({ tenant, subject, session, grant, epoch }: Revocable): boolean {
    if (this.#subjects.size === 0) return false;
    const end = this.#subjects.get(subjectKey(tenant, subject));
    if (end === undefined || epoch >= end.epoch) return false;
    // The session that was excepted goes on; refresh tokens below it do not.
    if (grant !== undefined || session === undefined || session !== end.except) return true;
    return epoch < end.floor;
  }

  #addSubject(entry: RevocationEntry & { readonly kind: "subject" }): void {
    const { epoch, except, at } = entry;
    const key = subjectKey(entry.tenant, entry.subject);
    const before = this.#subjects.get(key);
    // An older entry that comes later is a delta read again: the newer one covers it.
    if (before !== undefined && epoch <= before.epoch) return;
    const same = before !== undefined && before.except === except;
    const floor = before === undefined ? 0 : same ? before.floor : before.epoch;
    this.#subjects.set(key, { epoch, except, floor, at });
  }
}

function subjectKey(tenant: string, subject: string): string {
  return `${tenant.length}:${tenant}${subject}`;
}

function lockoutKey(target: string, tenant: string, value = ""): string {
  return `${target} ${tenant.length}:${tenant}${value}`;
}

function tokenKey(issuer: string, jti: string): string {
  return `${issuer.length}:${issuer}${jti}`;
}
