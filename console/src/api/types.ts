/** Shapes of the service's answers, as far as pages show them. Instants are RFC 3339. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor?: string;
  readonly count?: { readonly value: number; readonly exact: boolean };
  readonly serverTime: string;
}

export type SessionState = "active" | "pending" | "locked" | "ended";

export interface Session {
  readonly id: string;
  readonly tenant: string;
  readonly subject: string | null;
  readonly kind: string;
  readonly state: SessionState;
  readonly createdAt: string;
  readonly authenticatedAt: string;
  readonly seenAt: string;
  readonly idleExpiresAt: string;
  readonly absoluteExpiresAt: string;
  readonly idleSeconds: number;
  readonly warnAt?: string;
  readonly assurance: {
    readonly acr?: string;
    readonly amr: readonly string[];
    readonly authTime: string;
    readonly factors: readonly { readonly method: string; readonly at: string }[];
    readonly elevatedUntil?: string;
  };
  readonly device?: { readonly id?: string; readonly label?: string; readonly address?: string };
  readonly roles?: readonly string[];
  readonly clientId?: string;
  readonly parent?: string;
  readonly actor?: string;
  readonly remember?: boolean;
  readonly required?: { readonly factors: number };
  readonly end?: {
    readonly reason: string;
    readonly at: string;
    readonly cause?: string;
    readonly actor?: string;
  };
  readonly version?: string;
}

export interface Me {
  readonly user: { readonly id: string; readonly name: string; readonly role: string };
  readonly scopes: readonly string[];
  readonly tenants: readonly string[];
  readonly session: {
    readonly id: string;
    readonly idleExpiresAt: string;
    readonly absoluteExpiresAt: string;
    readonly warnAt?: string;
  };
  readonly steppedUpUntil?: string;
  readonly mayRegisterUntil?: string;
  readonly hasPasskey: boolean;
  readonly fourEyes: boolean;
  readonly serverTime: string;
}

export interface AuditEntry {
  /** Absent on what a process tells at once, before the chain has it. */
  readonly seq?: number;
  readonly id: string;
  readonly at: string;
  readonly tenant: string;
  readonly name: string;
  readonly actor?: string;
  readonly subject?: string;
  readonly session?: string;
  readonly reason?: string;
  readonly cause?: string;
  readonly request?: string;
  readonly key?: string;
  readonly from?: { readonly address?: string; readonly agent?: string };
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly erased?: true;
  readonly tampered?: true;
}

export interface Hour {
  readonly at: string;
  readonly signIns: number;
  readonly ended: number;
  readonly endsByReason: Readonly<Record<string, number>>;
}

export interface Overview {
  readonly tenant: string;
  readonly live?: { readonly value: number; readonly exact: boolean };
  readonly last24h: {
    readonly from: string;
    readonly to: string;
    /** Entries of the trail that are not counted yet. */
    readonly behind: number;
    readonly signIns: number;
    readonly ended: number;
    readonly endsByReason: Readonly<Record<string, number>>;
    readonly rotated: number;
    readonly forks: number;
    readonly forged: number;
    readonly hours: readonly Hour[];
  };
  readonly serverTime: string;
}

export interface Health {
  readonly store: {
    readonly kind: string;
    readonly ok: boolean;
    readonly role?: string;
    readonly writable?: boolean;
    readonly incarnation?: string;
    readonly incarnationSince?: string;
    readonly lagSeconds?: number;
    readonly clockSkewSeconds?: number;
    readonly tookMs: number;
    readonly search?: string;
  };
  readonly control: { readonly kind: string; readonly ok: boolean; readonly tookMs: number };
  readonly audit: { readonly state: string; readonly head?: number; readonly headAt?: string };
  readonly node: {
    readonly startedAt: string;
    readonly phase: string;
    readonly streams: number;
    /** How long so many took at most; absent: longer than is measured. */
    readonly verify?: { readonly count: number; readonly p50Ms?: number; readonly p99Ms?: number };
    readonly near?: {
      readonly hits: number;
      readonly misses: number;
      readonly sessions: number;
      readonly bytes: number;
      readonly frontierAgeSeconds?: number;
      readonly invalidationLagSeconds?: number;
      readonly gaps: number;
    };
  };
  readonly frontier?: {
    readonly nodes: number;
    readonly confirmed: number;
    readonly missing: readonly string[];
    readonly tookMs: number;
  };
  readonly serverTime: string;
}

export interface Clock {
  readonly name: string;
  readonly at: string;
  readonly passed: boolean;
  readonly effect: string;
  readonly spanSeconds?: number;
  readonly limit?: string;
  readonly from?: string;
  readonly clause?: string;
  readonly next?: boolean;
}

export interface PolicyField {
  readonly field: string;
  readonly value: unknown;
  readonly human: string;
  readonly from?: string;
  readonly means?: string;
  readonly clause?: string;
  readonly cap?: string;
  readonly capSource?: string;
  readonly justification?: string;
  readonly note?: string;
  readonly before?: string;
}

export interface Explanation {
  readonly session: Session;
  readonly state: SessionState;
  readonly says: string;
  readonly fix?: string;
  readonly now: string;
  readonly clocks: readonly Clock[];
  readonly rules: readonly {
    readonly name: string;
    readonly holds: boolean;
    readonly says: string;
  }[];
  readonly tokens: {
    readonly confirmed: number;
    readonly confirmedAt?: string;
    readonly lastIssued: number;
    readonly pending?: {
      readonly generation: number;
      readonly issuedAt: string;
      readonly sentAt?: string;
    };
    readonly previous?: { readonly generation: number; readonly graceUntil: string };
    readonly replaced?: { readonly from: number; readonly to: number; readonly at: string };
    readonly forgiving?: number;
  };
  readonly binding?: {
    readonly tier: string;
    readonly thumbprint: string;
    readonly boundAt: string;
    readonly proofs: number;
    readonly lastProofAt?: string;
  };
  readonly data: {
    readonly version: number;
    readonly keys: readonly {
      readonly key: string;
      readonly bytes: number;
      readonly sealed: boolean;
    }[];
    readonly values?: Readonly<Record<string, unknown>>;
  };
  readonly policy: { readonly name: string; readonly fields: readonly PolicyField[] };
  readonly serverTime: string;
}
