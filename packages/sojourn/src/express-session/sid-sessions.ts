/**
 * Sessions of express-session kept as Sojourn sessions. The sid is a credential and is nowhere
 * stored: the session's id is derived from it (invariant I12). Top-level keys are data keys, so
 * that writes to different ones all survive (I4), `cookie` is one more, and nothing writes what has
 * ended (I1).
 */
import { decodeData } from "../engine/data.ts";
import { ArgumentError, SessionEndedError } from "../engine/errors.ts";
import type { Policy } from "../engine/policy/policy.ts";
import type { Page, SessionRef, StoredSession } from "../engine/ports.ts";
import { idleExpiresAt } from "../engine/record.ts";
import type { SessionRecord, SessionSummary } from "../engine/record.ts";
import { openSession, touchDue, touchUrgent } from "../engine/session.ts";
import type { Core } from "../sessions/core.ts";
import { decodeStored, toStored } from "../sessions/data-codec.ts";
import { patch } from "../sessions/data-writer.ts";
import { announceEnds } from "../sessions/events.ts";
import { TOUCH_LAG_MS } from "../sessions/touches.ts";
import { outsideSessionId } from "../tokens/outside-key.ts";
import { baseOf, changesBetween, markRefused, partsOf, rememberBase } from "./changes.ts";
import type { Change, Parts } from "./changes.ts";
import type { SessionData } from "./types.ts";

/** Of records. */
const KIND = "express-session";
const NOBODY = { subject: null, kind: KIND } as const;
/** Of derived ids: others than those of converted sessions, which come from sids as well. */
const PURPOSE = "express-session store";
const COOKIE = "cookie";
/** A touch may lag by this part of the idle span at most, however long the policy lets it wait. */
const TOUCHES_PER_IDLE = 10;
const MAX_AGE_DRIFT_MS = 100;
const PAGE = 200;

/** A cookie without its expiry, which follows from activity. */
interface StoredCookie {
  readonly json: string;
  readonly originalMaxAge: number | undefined;
  /** Everything else of it. */
  readonly attributes: string;
}

/** What a session object was loaded from, as its base's `life`. */
class Loading {
  /** Whose, and under which sid: data copied to another sid or store is new there. */
  readonly owner: SidSessions;
  readonly sid: string;
  readonly stored: StoredSession;
  readonly cookie: StoredCookie;

  constructor(owner: SidSessions, sid: string, stored: StoredSession, cookie: StoredCookie) {
    this.owner = owner;
    this.sid = sid;
    this.stored = stored;
    this.cookie = cookie;
  }
}

/** A session object as it is at the moment of the call. */
interface Draft {
  readonly session: SessionData;
  readonly parts: Parts;
  readonly cookie: StoredCookie;
}

export class SidSessions {
  readonly #core: Core;
  readonly #tenant: string;
  /** Saves of one session object follow one another. */
  readonly #saving: WeakMap<object, Promise<unknown>> = new WeakMap();

  constructor(core: Core, tenant: string) {
    this.#core = core;
    this.#tenant = tenant;
  }

  /** @returns `undefined` for a sid that is unknown or whose session has ended. */
  async load(sid: string): Promise<SessionData | undefined> {
    const loaded = await this.#core.inspect(await this.#refOf(sid));
    if (loaded === undefined || loaded.judgement.state === "ended") return undefined;
    const { stored, now } = loaded;
    const data = decodeData(await decodeStored(this.#core, stored)) as unknown as SessionData;
    const cookie = storedCookie(data.cookie);
    if (cookie.originalMaxAge !== undefined) {
      const leftMs = idleExpiresAt(stored.record) - now;
      const expires = new Date(Date.now() + leftMs).toISOString();
      Object.assign(data.cookie, { expires });
    }
    rememberBase(data, { life: new Loading(this, sid, stored, cookie), parts: partsOf(data) });
    return data;
  }

  /** Write what the session object changed. An ended session is left alone and marked refused. */
  async save(sid: string, session: SessionData): Promise<void> {
    // Before anything is awaited: what the application changes after its call is not part of it.
    const parts = partsOf(session);
    const draft: Draft = { session, parts, cookie: storedCookie(session.cookie) };
    const before = this.#saving.get(session) ?? Promise.resolve();
    const saved = before.catch(() => undefined).then(() => this.#save(sid, draft));
    this.#saving.set(session, saved);
    await saved;
  }

  async #save(sid: string, draft: Draft): Promise<void> {
    const { session, parts } = draft;
    try {
      const base = baseOf(session);
      const loading = this.#loadingOf(session, sid);
      const stored =
        loading === undefined || base === undefined
          ? await this.#create(sid, draft)
          : await this.#change(loading, {
              changes: changesBetween(base.parts, parts),
              cookie: draft.cookie,
            });
      rememberBase(session, { life: new Loading(this, sid, stored, draft.cookie), parts });
    } catch (error) {
      if (!(error instanceof SessionEndedError)) throw error;
      markRefused(session);
    }
  }

  /** Record activity, and what changed in the cookie. An ended session is left alone. */
  async touch(sid: string, session: SessionData): Promise<void> {
    const cookie = storedCookie(session.cookie);
    try {
      const loading = this.#loadingOf(session, sid) ?? (await this.#loading(sid));
      if (isSameCookie(cookie, loading.cookie)) await this.#active(loading.stored);
      else await this.#change(loading, { changes: [], cookie });
    } catch (error) {
      if (!(error instanceof SessionEndedError)) throw error;
    }
  }

  /** End the session: durable when it returns. A sid that was never stored leaves nothing. */
  async end(sid: string): Promise<void> {
    const core = this.#core;
    const ref = await this.#refOf(sid);
    const now = core.now();
    const end = { reason: "logout", at: now } as const;
    const result = await core.attempt("revoke", () => core.store.revoke(ref, end, { now }));
    const { outcome, record } = result;
    if (outcome === "ended" && record !== undefined) announceEnds(core, [{ record, end }]);
  }

  /** Live sessions of this kind. Reads through all of the tenant. */
  async count(): Promise<number> {
    let count = 0;
    for await (const page of this.#pages()) count += page.length;
    return count;
  }

  /** End every live session of this kind. */
  async endAll(): Promise<void> {
    const core = this.#core;
    for await (const page of this.#pages()) {
      const now = core.now();
      const end = { reason: "revoked", at: now, cause: "clear" } as const;
      for (const { tenant, id } of page) {
        const result = await core.attempt("revoke", () =>
          core.store.revoke({ tenant, id }, end, { now }),
        );
        const { outcome, record } = result;
        if (outcome === "ended" && record !== undefined) announceEnds(core, [{ record, end }]);
      }
    }
  }

  /** Errors that no callback wants. */
  report(error: unknown): void {
    this.#core.reportError(error);
  }

  async #refOf(sid: string): Promise<SessionRef> {
    const core = this.#core;
    const tenant = this.#tenant;
    const key = await core.bucketKey();
    const outside = { purpose: PURPOSE, tenant, key: sid };
    return { tenant, id: await outsideSessionId(core.digest, key, outside) };
  }

  /** What is stored now. @throws {SessionEndedError} when it is not live. */
  async #loading(sid: string): Promise<Loading> {
    const { stored } = await this.#core.inspectLive(await this.#refOf(sid));
    const data = decodeData(await decodeStored(this.#core, stored));
    return new Loading(this, sid, stored, storedCookie(data[COOKIE]));
  }

  #loadingOf(session: object, sid: string): Loading | undefined {
    const life = baseOf(session)?.life;
    if (!(life instanceof Loading) || life.owner !== this || life.sid !== sid) return undefined;
    return life;
  }

  async #create(sid: string, draft: Draft): Promise<StoredSession> {
    const core = this.#core;
    const ref = await this.#refOf(sid);
    const { tenant, id } = ref;
    const policy = core.policies.policyFor({ tenant });
    // Nobody is given this token: the record needs a verifier, and the cookie is express-session's.
    const minted = await (await core.keys(tenant)).mint({ ...ref, generation: 1, ...NOBODY });
    const holder = { generation: 1, verifier: minted.verifier };
    const now = core.now();
    const opened = openSession({ tenant, id, ...NOBODY, holder }, policy, now);
    const record: SessionRecord = { ...opened, idleMs: idleMsOf(draft.cookie, policy) };
    const data = await toStored(core, ref, new Map([[COOKIE, draft.cookie.json], ...draft.parts]));
    const result = await core.attempt("create", () => core.store.create(record, { now, data }));
    // Seen before: saved by hand under this sid, or by another object of the same request.
    if (result.outcome !== "created") return this.#overwrite(sid, draft);
    core.emit("session-established", {
      tenant,
      subject: undefined,
      session: id,
      kind: KIND,
      amr: [],
    });
    return { record: result.record, data, dataVersion: 1, subjectEpoch: 0 };
  }

  /** The whole session object over what is stored, as a save without a load before it means. */
  async #overwrite(sid: string, { parts, cookie }: Draft): Promise<StoredSession> {
    const loading = await this.#loading(sid);
    const data = decodeData(await decodeStored(this.#core, loading.stored));
    return this.#change(loading, { changes: changesBetween(partsOf(data), parts), cookie });
  }

  /** @throws {SessionEndedError} */
  async #change(
    loading: Loading,
    { changes, cookie }: { readonly changes: readonly Change[]; readonly cookie: StoredCookie },
  ): Promise<StoredSession> {
    let stored = await this.#live(loading.stored, changes.length === 0);
    const all = [...changes];
    if (!isSameCookie(cookie, loading.cookie)) {
      stored = await this.#setIdle(stored, cookie);
      all.push({ key: COOKIE, json: cookie.json });
    }
    if (all.length > 0) stored = (await patch(this.#core, stored, { changes: all })) ?? stored;
    await this.#active(stored);
    return stored;
  }

  /** Read again where the deadlines of the former read have passed, or when asked to. */
  async #live(stored: StoredSession, anew: boolean): Promise<StoredSession> {
    const read = this.#core.judge(stored);
    if (!anew && read.judgement.state !== "ended") return stored;
    return (await this.#core.inspectLive(stored.record)).stored;
  }

  async #setIdle(stored: StoredSession, cookie: StoredCookie): Promise<StoredSession> {
    const idleMs = idleMsOf(cookie, this.#core.policyOf(stored.record));
    if (idleMs === stored.record.idleMs) return stored;
    return this.#core.decide(stored.record, "cookie", ({ stored: { record }, now }) => {
      if (idleMs === record.idleMs) return undefined;
      return { ...record, idleMs, seenAt: Math.max(record.seenAt, now) };
    });
  }

  /** Note activity: at once near the deadline, else with others (invariant I6). */
  async #active(stored: StoredSession): Promise<void> {
    const core = this.#core;
    const { record } = stored;
    const now = core.now();
    const policy = core.policyOf(record);
    const oftenEnough = Math.floor(record.idleMs / TOUCHES_PER_IDLE);
    const paced = { ...policy, touchEveryMs: Math.min(policy.touchEveryMs, oftenEnough) };
    if (!touchDue(record, paced, now)) return;
    const { tenant, id } = record;
    if (touchUrgent(record, paced, now, TOUCH_LAG_MS)) {
      const ref = { tenant, id };
      await core.attempt("touch", () => core.store.touch([{ ref, seenAt: now }]));
    } else core.touches.add({ tenant, id }, now);
  }

  async *#pages(): AsyncGenerator<readonly SessionSummary[], void, undefined> {
    const core = this.#core;
    if (core.store.capabilities.query !== "full") {
      const message = "this store cannot search: count and end sessions by other means";
      throw new ArgumentError("length and clear", message);
    }
    let cursor: string | undefined;
    do {
      const now = core.now();
      const options = { now, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) };
      const page: Page<SessionSummary> = await core.attempt("query", () =>
        core.store.query({ tenant: this.#tenant }, options),
      );
      yield page.items.filter((session) => session.kind === KIND);
      ({ cursor } = page);
    } while (cursor !== undefined);
  }
}

/** @param cookie A cookie of either package, or its form in JSON. */
function storedCookie(cookie: unknown): StoredCookie {
  const { toJSON } = (cookie ?? {}) as { toJSON?: unknown };
  const data: unknown = typeof toJSON === "function" ? Reflect.apply(toJSON, cookie, []) : cookie;
  const { originalMaxAge, expires, ...others } = (data ?? {}) as Record<string, unknown>;
  if (typeof originalMaxAge !== "number" || !Number.isFinite(originalMaxAge)) {
    const json = JSON.stringify({ originalMaxAge, expires, ...others });
    return { json, originalMaxAge: undefined, attributes: json };
  }
  const attributes = JSON.stringify(others);
  return { json: JSON.stringify({ originalMaxAge, ...others }), originalMaxAge, attributes };
}

/** express-session's cookies lose a millisecond now and then when their `maxAge` starts again. */
function isSameCookie(a: StoredCookie, b: StoredCookie): boolean {
  if (a.attributes !== b.attributes) return false;
  const [left, right] = [a.originalMaxAge ?? 0, b.originalMaxAge ?? 0];
  return Math.abs(left - right) <= Math.min(MAX_AGE_DRIFT_MS, Math.abs(left) / 100);
}

/** `cookie.maxAge` as the idle span; the policy's for a cookie that ends with the browser. */
function idleMsOf({ originalMaxAge }: StoredCookie, policy: Policy): number {
  return originalMaxAge === undefined ? policy.idleMs : Math.max(1, Math.ceil(originalMaxAge));
}
