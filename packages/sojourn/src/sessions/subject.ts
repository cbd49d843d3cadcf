/** All sessions of one subject: list, count, end. */
import { handleOf, idOfHandle } from "../protocol/words.ts";
import type { Durability, EndReason, SessionState } from "../protocol/words.ts";
import { ArgumentError } from "../engine/errors.ts";
import type { Page } from "../engine/ports.ts";
import type { SessionSummary } from "../engine/record.ts";
import { summaryOf } from "../engine/liveness.ts";
import type { Core } from "./core.ts";
import { decodeStored } from "./data-codec.ts";
import { revokeSession, revokeSubject } from "./lifecycle.ts";
import type { RevokeHow, RevokeWords } from "./lifecycle.ts";

export interface ListOptions {
  readonly cursor?: string;
  /** 1–200, default 50. */
  readonly limit?: number;
}

/** A session as it is kept. */
export interface KeptSession {
  readonly summary: SessionSummary;
  readonly state: SessionState | "ended";
  readonly reason?: EndReason;
  readonly data: Readonly<Record<string, unknown>>;
}

export class SubjectSessions {
  readonly #core: Core;
  readonly tenant: string;
  readonly subject: string;

  /** Made by `sessions.subject(id)`. */
  constructor(core: Core, tenant: string, subject: string) {
    this.#core = core;
    this.tenant = tenant;
    this.subject = subject;
  }

  /** Live sessions, newest first. Invariant I5: none is missing. */
  async list(options: ListOptions = {}): Promise<Page<SessionSummary>> {
    const { tenant, subject } = this;
    const now = this.#core.now();
    const page = {
      now,
      limit: checkLimit(options.limit),
      ...(options.cursor === undefined ? {} : { cursor: options.cursor }),
    };
    return this.#core.attempt("list", () => this.#core.store.listBySubject(tenant, subject, page));
  }

  /** How many are live now. */
  async count(): Promise<number> {
    const { tenant, subject } = this;
    const now = this.#core.now();
    const result = await this.#core.attempt("count", () =>
      this.#core.store.count({ tenant, subject }, now),
    );
    return result.count;
  }

  /** Read before checking a password, pass to `login`: a revoke-all in between then wins. */
  async epoch(): Promise<number> {
    return this.#core.attempt("epoch", () =>
      this.#core.store.subjectEpoch(this.tenant, this.subject),
    );
  }

  /**
   * End all sessions, at once and atomically; with `except` one handle stays. ASVS 5.0 7.4.3.
   *
   * @returns how many were ended, the subject's new epoch, and how surely it is kept.
   */
  async revokeAll(
    options: RevokeHow & { readonly except?: string | null | undefined } = {},
  ): Promise<{ epoch: number; ended: number; durability: Durability }> {
    const { except, ...words } = options;
    const id =
      except === undefined || except === null
        ? undefined
        : requireHandle("revokeAll.except", except);
    return revokeSubject(
      this.#core,
      { tenant: this.tenant, subject: this.subject },
      { ...words, except: id },
    );
  }

  /**
   * Forget the subject: end all sessions, then erase every row and the data in it. GDPR 17. What
   * stays is a keyed hash of the name with the raised epoch, so that no old token lives again.
   * Idempotent: after a failure call it again.
   *
   * @returns how many sessions were ended, and how many rows went, ended ones included.
   */
  async erase(
    words: RevokeHow = {},
  ): Promise<{ ended: number; erased: number; durability: Durability }> {
    const { ended, durability } = await this.revokeAll(words);
    const { tenant, subject } = this;
    const now = this.#core.now();
    const erased = await this.#core.attempt("erase", () =>
      this.#core.store.purgeSubject(tenant, subject, now),
    );
    return { ended, erased, durability };
  }

  /** One of them as it is kept, ended ones too, with its data; `undefined` when it is none. */
  async read(handle: string): Promise<KeptSession | undefined> {
    const ref = { tenant: this.tenant, id: requireHandle("read", handle) };
    const loaded = await this.#core.inspect(ref);
    if (loaded === undefined || loaded.stored.record.subject !== this.subject) return undefined;
    const { stored, judgement } = loaded;
    const data = await decodeStored(this.#core, stored);
    return {
      summary: summaryOf(stored.record),
      state: judgement.state,
      ...(judgement.state === "ended" ? { reason: judgement.end.reason } : {}),
      data: Object.fromEntries([...data].map(([key, json]) => [key, JSON.parse(json) as unknown])),
    };
  }

  /** End one, if it is this subject's. @returns false when it is not, or is not live. */
  async revoke(handle: string, words: RevokeWords = {}): Promise<boolean> {
    const id = requireHandle("revoke", handle);
    const ref = { tenant: this.tenant, id };
    const loaded = await this.#core.inspect(ref);
    if (loaded?.stored.record.subject !== this.subject) return false;
    if (loaded.judgement.state === "ended") return false;
    const result = await revokeSession(this.#core, ref, "revoked", words);
    return result.outcome === "ended";
  }
}

/** @throws {ArgumentError} when the text is no `ses_…` handle. */
export function requireHandle(path: string, handle: string): string {
  const id = typeof handle === "string" ? idOfHandle(handle) : undefined;
  if (id === undefined) {
    throw new ArgumentError(path, `expected a session handle like ${handleOf("…24 characters…")}`);
  }
  return id;
}

const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 200;

export function checkLimit(limit: number | undefined): number {
  const wanted = limit ?? LIMIT_DEFAULT;
  if (!Number.isSafeInteger(wanted) || wanted < 1 || wanted > LIMIT_MAX) {
    throw new ArgumentError("limit", `a whole number from 1 to ${LIMIT_MAX}`);
  }
  return wanted;
}
