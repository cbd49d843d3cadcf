/**
 * The session record: what a store holds, as an immutable value. A decision is a new object with
 * `version + 1`. Instants (`...At`) are milliseconds since the epoch; spans (`...Ms`) milliseconds.
 */
import type { EndReason, SessionState } from "../protocol/words.ts";

/** One given factor and when. `method` is an RFC 8176 value (`pwd`, `otp`, `hwk`, …). */
export interface Factor {
  readonly method: string;
  readonly at: number;
}

/** How surely we know the subject. Raised by authentication only. NIST 63B-4 5.1; RFC 9470. */
export interface Assurance {
  readonly acr?: string;
  /** Every method given in this session, without repetition, in the order first given. */
  readonly amr: readonly string[];
  /** When a factor was last given. OpenID Connect `auth_time`. */
  readonly authTime: number;
  /** The latest time of each method. */
  readonly factors: readonly Factor[];
  /** Elevation ("sudo") ends here by itself; absent when never elevated. */
  readonly elevatedUntil?: number;
}

/** What the application says of the client instance. Shown in device lists; never trusted. */
export interface Device {
  readonly id?: string;
  readonly label?: string;
  /** As the application wants it kept; the adapters truncate addresses before they hand them on. */
  readonly address?: string;
}

export interface SessionEnd {
  readonly reason: EndReason;
  readonly at: number;
  readonly cause?: string;
  readonly actor?: string;
}

/** A generation and the keyed hash of its secret. The hash is not a credential. Invariant I12. */
export interface Holder {
  readonly generation: number;
  /** base64url of 24 bytes. */
  readonly verifier: string;
}

/** The successor that has been issued but not yet been presented. */
export interface PendingToken extends Holder {
  readonly issuedAt: number;
  /** Last time it left us; moves at most once a second, by max-merge. */
  readonly sentAt: number;
  /** The successor token sealed under the secret of the confirmed one (AES-256-GCM, base64url). */
  readonly sealed: string;
  readonly fingerprint?: string;
}

/** The generation before the confirmed one, kept until the next confirmation. */
export interface PreviousToken extends Holder {
  readonly graceUntil: number;
  readonly fingerprint?: string;
}

/** Tokens that a hard rotation replaced: judged before everything else, never an alarm. */
export interface ReplacedTokens {
  readonly from: number;
  readonly to: number;
  readonly at: number;
  readonly holders: readonly Holder[];
  /** What those tokens were worth: served at this assurance for the transit time. */
  readonly assurance: Assurance;
}

/** Where the session stands in the rotation protocol. See `engine/rotation.ts`. */
export interface Rotation extends Holder {
  readonly confirmedAt: number;
  /** Keyed hash of the client context that confirmed; absent when the caller gave none. */
  readonly fingerprint?: string;
  /** Highest generation ever issued. Only grows. */
  readonly lastIssued: number;
  readonly pending?: PendingToken;
  readonly previous?: PreviousToken;
  readonly replaced?: ReplacedTokens;
  /** Confirmations left in which a mismatch is at most a step-up (the store had lost writes). */
  readonly forgiving?: number;
}

/** What proves that a client holds its key, weakest first. A session without a binding has none. */
export type BindingTier = "webcrypto" | "dpop" | "dbsc";
/** Their numbers in stored rows, and their order. Add at the end, never renumber. */
export const BINDING_TIERS: readonly BindingTier[] = ["webcrypto", "dpop", "dbsc"];

/** The key that a session is bound to. Public: nothing in it can be presented. Invariant I12. */
export interface DeviceBinding {
  readonly tier: BindingTier;
  /** JSON text of the key's required members in the order of RFC 7638. */
  readonly key: string;
  /** SHA-256 of `key`, as base64url. */
  readonly thumbprint: string;
  readonly boundAt: number;
  /** Proofs accepted since; the registration is not counted. */
  readonly proofs: number;
  /** Which challenge the last of them answered, and when. */
  readonly lastProof?: { readonly challenge: string; readonly at: number };
}

/** One session as stored. Its data lies beside it, see `ports.ts`. */
export interface SessionRecord {
  /** 24 base64url characters: region 1, bucket 2, random 15 bytes. */
  readonly id: string;
  readonly tenant: string;
  /** `null` for an anonymous session, which is in no index and under no limit. */
  readonly subject: string | null;
  /** `"user"`, `"anonymous"`, or the application's own word. */
  readonly kind: string;
  /** Compared by `replace`; starts at 1. Touches and data writes leave it alone. */
  readonly version: number;
  readonly state: SessionState;
  /** The subject's epoch at creation. Below the subject's present epoch the session has ended. */
  readonly epoch: number;
  readonly createdAt: number;
  readonly authenticatedAt: number;
  /** Last activity as stored. Invariant I6 bounds how far it lags. */
  readonly seenAt: number;
  /** The idle deadline is `seenAt + idleMs`, never past `absoluteExpiresAt`. ASVS 5.0 7.3.1. */
  readonly idleMs: number;
  /** 0: idleness ends the session. n: it locks it until n factors are given again. */
  readonly idleLockFactors: number;
  /** Set by authentication and by nothing else. Invariant I11, ASVS 5.0 7.3.2. */
  readonly absoluteExpiresAt: number;
  /** Factors needed to leave `locked`; present iff `state` is `"locked"`. */
  readonly lockFactors?: number;
  readonly assurance: Assurance;
  readonly rotation: Rotation;
  readonly client?: string;
  readonly roles?: readonly string[];
  readonly device?: Device;
  /** Handle of the session that this one was handed over from. */
  readonly parent?: string;
  /** Who acts as the subject (impersonation). */
  readonly actor?: string;
  /** Opened with the longer "remember me" limits. */
  readonly remember?: boolean;
  readonly binding?: DeviceBinding;
  /** Present iff `state` is `"ended"`. */
  readonly end?: SessionEnd;
}

/**
 * `kind` of a family of refresh tokens: a record of its own below the session that is its `parent`,
 * with tokens of a type of their own. Ours alone; no application may open one.
 */
export const REFRESH_KIND = "refresh";

/** What lists show: everything but the rotation's verifiers and sealed token. */
export type SessionSummary = Omit<SessionRecord, "rotation">;

/** When the idle clock runs out: exclusive, never past the absolute end. */
export function idleExpiresAt(
  record: Pick<SessionRecord, "seenAt" | "idleMs" | "absoluteExpiresAt">,
): number {
  return Math.min(record.seenAt + record.idleMs, record.absoluteExpiresAt);
}

/** When the session ends by itself if nothing happens: the idle deadline unless idleness locks. */
export function endsAt(record: SessionSummary): number {
  const idleEnds = record.idleLockFactors === 0 || record.state === "pending";
  return idleEnds ? idleExpiresAt(record) : record.absoluteExpiresAt;
}
