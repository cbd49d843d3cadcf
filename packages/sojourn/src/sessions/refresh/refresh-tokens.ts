/**
 * Refresh tokens: issued for a session, used for access tokens, ended with it. Rotation is the one
 * of session tokens (`engine/rotation.ts`) with a new token at every use: one write each.
 */
import { ArgumentError, SessionEndedError, SojournError } from "../../engine/errors.ts";
import { refreshPolicyOf } from "../../engine/policy/policy.ts";
import type { SessionRef, StoredSession } from "../../engine/ports.ts";
import { idleExpiresAt, REFRESH_KIND } from "../../engine/record.ts";
import type { SessionSummary } from "../../engine/record.ts";
import { summaryOf } from "../../engine/liveness.ts";
import { judgePresented } from "../../engine/rotation.ts";
import { touchDue } from "../../engine/session.ts";
import { handleOf } from "../../protocol/words.ts";
import { grantProblem, narrowed } from "../../tokens/refresh/grant.ts";
import type { Asked, RefreshGrant } from "../../tokens/refresh/grant.ts";
import { parseToken } from "../../tokens/token-format.ts";
import { contextOf, judge } from "../authenticate.ts";
import type { Core, Loaded } from "../core.ts";
import { revokeSession } from "../lifecycle.ts";
import { refuseLockedOut } from "../locked-out.ts";
import type { ProvedToken } from "../memo.ts";
import type { Session } from "../session.ts";
import { tokenTypeOf } from "../token-desk.ts";
import { checkStanding } from "../tickets.ts";
import { inspectBy, warrantOf } from "../warrant.ts";
import { createFamily, grantOf, parentOf } from "./family.ts";

export interface IssueRefresh extends RefreshGrant {
  /** Whose: the OAuth `client_id`. */
  readonly client: string;
  /** Text that describes the client's surroundings; kept as a keyed hash. */
  readonly fingerprint?: string;
}

export interface IssuedRefresh {
  /** `sj1r_…`, 85 characters: for the client alone, shown this once. */
  readonly token: string;
  /** Handle of the family: what lists show and `revoke` takes. */
  readonly family: string;
  /** Unless it is used before; exclusive. */
  readonly expiresAt: number;
}

export interface UseRefresh extends Asked {
  readonly tenant?: string;
  /** Who uses it, as authenticated by the caller. */
  readonly client: string;
  /** Thumbprint of the key whose proof came along, as verified by the caller. */
  readonly jkt?: string | undefined;
  readonly fingerprint?: string | undefined;
  /** Where the client is, an IP address, for lockouts. */
  readonly address?: string | undefined;
  /** Called when all else is right and nothing is written yet; its rejection is that of the use. */
  readonly admit?: (() => Promise<void>) | undefined;
}

/** What may be issued now: `session` and `subjectEpoch` are what an access token is about. */
export interface RefreshLeave {
  readonly state: "active";
  readonly session: SessionSummary;
  readonly subjectEpoch: number;
  readonly grant: RefreshGrant;
  readonly client: string;
  readonly family: string;
  /** Absent: the client keeps the token that it used. */
  readonly successor?: string;
  /** Of the family, unless it is used before; exclusive. */
  readonly expiresAt: number;
}

export type RefreshStanding =
  | RefreshLeave
  /** Nothing was rotated: the session waits for a factor, or the request asks for too much. */
  | { readonly state: "locked" | "scope" | "audience" | "proof" }
  /** Forged, ended, used before, another client's: which one is told to nobody outside. */
  | { readonly state: "refused"; readonly why: "forged" | "unknown" | "client" | "ended" };

interface Found {
  readonly ref: SessionRef;
  readonly proved: ProvedToken;
  readonly stored: StoredSession;
}

const PATH = "refreshTokens.issue";
const CLIENT_CHARS_MAX = 256;

export class RefreshTokens<Data extends object = Record<string, unknown>> {
  readonly #core: Core;
  readonly #tenant: string;

  constructor(core: Core, tenant: string) {
    this.#core = core;
    this.#tenant = tenant;
  }

  /**
   * Open a family of refresh tokens for a client of this session. Two round trips.
   *
   * @throws {SessionEndedError | SessionLockedError | LockedOutError}
   * @throws {ArgumentError} for a grant that cannot be meant, and without `jkt` where the policy
   * wants refresh tokens bound to a key.
   */
  async issue(session: Session<Data>, options: IssueRefresh): Promise<IssuedRefresh> {
    const core = this.#core;
    const { client, audience, scope, jkt, fingerprint } = options;
    const grant: RefreshGrant = {
      audience,
      ...(scope === undefined ? {} : { scope }),
      ...(jkt === undefined ? {} : { jkt }),
    };
    if (typeof client !== "string" || client === "" || client.length > CLIENT_CHARS_MAX) {
      throw new ArgumentError(`${PATH}.client`, `a text of 1 to ${CLIENT_CHARS_MAX} characters`);
    }
    const [name, takes] = grantProblem(grant) ?? [];
    if (name !== undefined) throw new ArgumentError(`${PATH}.${name}`, takes ?? "");
    checkStanding(session);
    const parent = await this.#parentFor(session);
    const { tenant, roles, subject } = parent.stored.record;
    if (subject === null) throw new ArgumentError(`${PATH}.session`, "is anonymous: log in first");
    const { device } = parent.stored.record;
    refuseLockedOut(core, { tenant, subject, client, device }, undefined);
    const policy = refreshPolicyOf(core.policies.policyFor({ tenant, client, roles }));
    if (policy.refresh.keyBound === "required" && jkt === undefined) {
      const message = "the policy wants refresh tokens bound to a key of the client (keyBound)";
      throw new ArgumentError(`${PATH}.jkt`, message);
    }
    const made = await createFamily(core, { parent, subject, client, grant, policy, fingerprint });
    const expiresAt = idleExpiresAt(made.record);
    return { token: made.token, family: handleOf(made.record.id), expiresAt };
  }

  async #parentFor(session: Session<Data>): Promise<Loaded> {
    const warrant = warrantOf(session);
    const parent = warrant === undefined ? undefined : await inspectBy(this.#core, warrant);
    if (parent === undefined) throw new SessionEndedError(session.endedReason);
    const { judgement } = parent;
    if (judgement.state === "ended") throw new SessionEndedError(judgement.end.reason);
    if (parent.stored.record.kind === REFRESH_KIND) {
      throw new ArgumentError(`${PATH}.session`, "is a refresh token's; take the session above it");
    }
    return parent;
  }

  /**
   * Use a token: what may be issued for it now, and its successor. Two reads and one write; forged
   * ones cost neither. Parallel uses of one token, in whatever processes, get the same successor.
   * A genuine token that comes back after its time ends the family (`token-fork`).
   *
   * @throws {StoreUnavailableError | ContentionError | ClockJumpedError} Trouble, never a standing.
   */
  async use(token: string, how: UseRefresh): Promise<RefreshStanding> {
    const core = this.#core;
    const found = await this.#find(token, how.tenant);
    if (typeof found === "string") return { state: "refused", why: found };
    const { record } = found.stored;
    const given = await this.#grantFor(found.stored, how);
    if ("state" in given) return given;
    const parent = await core.inspect(parentOf(record));
    if (parent === undefined || parent.judgement.state === "ended") {
      await this.#endWith(found.ref, parent);
      return { state: "refused", why: "ended" };
    }
    if (parent.judgement.state !== "active") return { state: "locked" };
    await how.admit?.();
    const { fingerprint, address } = how;
    const { tenant } = record;
    const shown = { tenant, activity: true, canSetToken: true, fingerprint, address };
    const verdict = await judge(core, { ...found, how: shown }, found.stored);
    if (verdict.state !== "live" || verdict.judgement.state !== "active") {
      return { state: "refused", why: "ended" };
    }
    this.#touch(parent);
    const { successor, stored } = verdict;
    return {
      state: "active",
      session: summaryOf(parent.stored.record),
      subjectEpoch: parent.stored.subjectEpoch,
      grant: given,
      client: how.client,
      family: handleOf(record.id),
      expiresAt: idleExpiresAt(stored.record),
      ...(successor === undefined ? {} : { successor }),
    };
  }

  /** What was granted, as far as it is asked for; or why it is not for whoever asks. */
  async #grantFor(stored: StoredSession, how: UseRefresh): Promise<RefreshGrant | RefreshStanding> {
    if (stored.record.client !== how.client) return { state: "refused", why: "client" };
    const grant = await grantOf(this.#core, stored);
    if (grant.jkt !== undefined && grant.jkt !== how.jkt) return { state: "proof" };
    const given = narrowed(grant, how);
    return typeof given === "string" ? { state: given } : given;
  }

  /** What a token would be worth, without using it: never rotates, counts or ends anything. */
  async look(
    token: string,
    where: { readonly tenant?: string } = {},
  ): Promise<RefreshLeave | undefined> {
    const core = this.#core;
    const found = await this.#find(token, where.tenant);
    if (typeof found === "string") return undefined;
    const loaded = core.judge(found.stored);
    const { record } = found.stored;
    if (loaded.judgement.state !== "active") return undefined;
    const how = { tenant: record.tenant, activity: false, canSetToken: false };
    const context = await contextOf(core, { how }, loaded, undefined);
    const { act } = judgePresented(record, found.proved, context);
    if (act === "fork" || act === "replaced") return undefined;
    const parent = await core.inspect(parentOf(record));
    if (parent?.judgement.state !== "active") return undefined;
    return {
      state: "active",
      session: summaryOf(parent.stored.record),
      subjectEpoch: parent.stored.subjectEpoch,
      grant: await grantOf(core, found.stored),
      client: record.client ?? "",
      family: handleOf(record.id),
      expiresAt: idleExpiresAt(record),
    };
  }

  /**
   * End the family of a token, by its client. Every genuine token of it will do, also one that was
   * used before. Idempotent. @returns false for what is no token of that client.
   */
  async revoke(
    token: string,
    who: { readonly client: string; readonly tenant?: string },
  ): Promise<boolean> {
    const found = await this.#find(token, who.tenant);
    if (typeof found === "string" || found.stored.record.client !== who.client) return false;
    const cause = "token_revocation";
    const actor = `client:${who.client}`;
    await revokeSession(this.#core, found.ref, "revoked", { cause, actor });
    return true;
  }

  /** Forged, truncated and foreign-tenant tokens end here, without I/O and without effect. */
  async #find(token: string, tenant: string = this.#tenant): Promise<Found | "forged" | "unknown"> {
    const core = this.#core;
    const parsed = typeof token === "string" ? parseToken(token, "refresh") : undefined;
    const keys = await core.keys(tenant);
    if (parsed === undefined || !(await keys.verifyMac(parsed, tenant))) {
      core.emit("token-forged", { tenant, why: "refresh" });
      return "forged";
    }
    const { id, generation } = parsed;
    const ref: SessionRef = { tenant, id };
    const stored = await core.load(ref);
    if (stored === undefined || tokenTypeOf(stored.record) !== "refresh") {
      core.emit("token-unknown", { tenant, session: id, why: "no such refresh token" });
      return "unknown";
    }
    const { subject } = stored.record;
    const verifier = await keys.verifierOf(parsed, { tenant, subject });
    return { ref, stored, proved: { text: token, id, tenant, subject, verifier, generation } };
  }

  /** The session has ended: so has what is below it, and lists need not wait for a sweep. */
  async #endWith(ref: SessionRef, parent: Loaded | undefined): Promise<void> {
    const ended = parent?.judgement.state === "ended" ? parent.judgement.end.reason : "revoked";
    try {
      const words = { cause: "session_ended", actor: "system" };
      await revokeSession(this.#core, ref, ended, words);
    } catch (error) {
      // It is refused all the same: every use asks for the session first.
      if (!(error instanceof SojournError)) throw error;
      this.#core.noteTrouble("revoke", error);
    }
  }

  /** What its clients do keeps a session from idling. Coalesced with all its other activity. */
  #touch({ stored, policy, now }: Loaded): void {
    const { tenant, id } = stored.record;
    if (touchDue(stored.record, policy, now)) this.#core.touches.add({ tenant, id }, now);
  }
}
