/**
 * The event catalogue. CAEP names where one exists; `session-ended` is sent to others as
 * CAEP `session-revoked`. Every path that ends a session emits exactly one `session-ended`.
 */
import type { EndReason } from "./words.ts";

/** Fields that every event carries. Never a token; `sidRef` is a keyed hash for logs. */
export interface EventBase {
  /** Milliseconds since the epoch, by the clock that took the decision. */
  readonly at: number;
  readonly tenant: string;
  readonly subject?: string;
  /** Public handle (`ses_…`). */
  readonly session?: string;
  /** Keyed hash of the id: what logs carry instead of the handle. */
  readonly sidRef?: string;
  /** Who acted: a subject, an operator, a service key, `"system"`. */
  readonly actor?: string;
  /** Free text: why a person or program did it, e.g. `"credential_change"`. */
  readonly cause?: string;
}

/** Why, and where the documents say what mends it. */
export interface NoticeDetails {
  readonly why: string;
  readonly link: string;
  /** Outside production only: a place in the application's code, a peer's address. */
  readonly detail?: string | undefined;
}

/** What each event adds to {@link EventBase}. */
export interface EventDetails {
  "session-established": { readonly kind: string; readonly acr?: string; readonly amr: string[] };
  /** Besides `session-established`: it was another system's before. */
  "session-converted": { readonly from: string };
  /** Besides `session-established`: `actor` acts as the subject, for `cause`. */
  "impersonation-started": { readonly expiresAt: number };
  /** Besides `session-ended`. */
  "impersonation-ended": { readonly reason: EndReason };
  "session-extended": { readonly idleExpiresAt: number };
  "session-rotated": { readonly generation: number; readonly how: "sealed" | "hard" | "confirmed" };
  "session-locked": { readonly factors: number };
  "session-unlocked": { readonly amr: string[] };
  "assurance-level-change": { readonly acr?: string; readonly amr: string[] };
  /** Keys only, never values. */
  "session-data-changed": { readonly keys: string[]; readonly dataVersion: number };
  "token-claims-change": { readonly roles: string[] };
  "session-ended": {
    readonly reason: EndReason;
    readonly kind: string;
    /** From its creation to its end, which for a deadline is the deadline. */
    readonly lastedMs: number;
  };
  "subject-revoked": { readonly epoch: number; readonly ended: number };
  /** A genuine old token came back after its time: two holders, or one that lost its place. */
  "token-fork": {
    readonly generation: number;
    readonly confirmed: number;
    readonly reaction: "alert" | "step-up" | "revoke";
    readonly sameContext: boolean;
    /** Keyed hashes of both contexts: of who confirmed the present token, and of who came. */
    readonly heldContext?: string | undefined;
    readonly presentedContext?: string | undefined;
  };
  /** Counted by why the token was refused; nothing was read from the store. */
  "token-forged": { readonly why: string };
  /** Well-formed and ours, but no such session: purged, or made by a lost store. */
  "token-unknown": { readonly why: string };
  /** The store is behind what clients hold: a failover lost writes. */
  "generation-ahead": { readonly generation: number; readonly confirmed: number };
  "limit-reached": { readonly max: number; readonly onLimit: string };
  /** The client proved a key, and the session is bound to it from now on. */
  "session-bound": { readonly tier: string; readonly thumbprint: string };
  /** A request of a bound session came without the proof of its device. */
  "binding-unproven": {
    readonly why: string;
    readonly enforcement: string;
    /** What the browser says of it, which anyone can say. */
    readonly skipped?: string;
  };
  /** A proof that is worth nothing; the client is told none of it. */
  "proof-refused": { readonly why: string; readonly stage: "register" | "refresh" };
  "cookie-conflict": NoticeDetails & { readonly cookie: string };
  /** `sent`: it left, and the browser or a proxy will not keep it. */
  "cookie-not-set": NoticeDetails & { readonly sent: boolean };
  /** Besides `token-forged` and `token-unknown`, with what the request shows of the reason. */
  "credential-ignored": NoticeDetails & { readonly cookie: string };
  "store-unavailable": { readonly operation: string };
  "store-recovered": { readonly operation: string };
  /** After a failover: what this process knew to be acknowledged was written again. */
  "store-replayed": { readonly ended: number; readonly sessions: number; readonly tookMs: number };
}

export type EventName = keyof EventDetails;
export type SessionEvent<Name extends EventName = EventName> = {
  readonly [N in Name]: EventBase & { readonly name: N } & EventDetails[N];
}[Name];

export const EVENT_NAMES: readonly EventName[] = [
  "session-established",
  "session-converted",
  "impersonation-started",
  "impersonation-ended",
  "session-extended",
  "session-rotated",
  "session-locked",
  "session-unlocked",
  "assurance-level-change",
  "session-data-changed",
  "token-claims-change",
  "session-ended",
  "subject-revoked",
  "token-fork",
  "token-forged",
  "token-unknown",
  "generation-ahead",
  "limit-reached",
  "session-bound",
  "binding-unproven",
  "proof-refused",
  "cookie-conflict",
  "cookie-not-set",
  "credential-ignored",
  "store-unavailable",
  "store-recovered",
  "store-replayed",
];
