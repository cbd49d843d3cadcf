/* Written by npm run clients from the OpenAPI document of the service. */

export interface AccessVerdict {
  readonly state: "active" | "refused";
  readonly claims?:
    | {
        readonly sub: string;
        readonly [name: string]: unknown;
      }
    | undefined;
  /** Answer the client with it. */
  readonly status?: number | undefined;
  /** Send them with your answer, whatever it is. */
  readonly headers: Readonly<Record<string, string>>;
  /** For your log alone. */
  readonly why?: string | undefined;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface Analytics {
  readonly step: "hour" | "day";
  readonly items: readonly AnalyticsPeriod[];
  /** Entries of the audit trail that are not counted yet. */
  readonly behind: number;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface AnalyticsPeriod {
  /** Where it begins; hours and days of UTC. */
  readonly at: string;
  /** By the kind of the session. */
  readonly signIns: {
    readonly total: number;
    readonly by: Readonly<Record<string, number>>;
  };
  /** Sign-ins by the family of the browser or program. */
  readonly agents: Readonly<Record<string, number>>;
  /** Rotations that the client took (`confirmed`) or had to (`hard`); `extended`. */
  readonly renewals: {
    readonly total: number;
    readonly by: Readonly<Record<string, number>>;
  };
  /** By the reason. */
  readonly ends: {
    readonly total: number;
    readonly by: Readonly<Record<string, number>>;
  };
  /** How long sessions that ended had lasted; not cumulated. */
  readonly durations: {
    readonly count: number;
    readonly seconds: number;
    readonly buckets: readonly {
      readonly upTo?: number | undefined;
      readonly count: number;
    }[];
  };
  /** By the name of the event. */
  readonly incidents: Readonly<Record<string, number>>;
  /** Live sessions, as sampled; not `exact`: at least so many. */
  readonly active?:
    | {
        readonly last: number;
        readonly peak: number;
        readonly exact: boolean;
      }
    | undefined;
}

export interface Assurance {
  readonly acr?: string | undefined;
  readonly amr: readonly string[];
  /** RFC 3339 instant. */
  readonly authTime: string;
  readonly factors: readonly {
    readonly method: string;
    /** RFC 3339 instant. */
    readonly at: string;
  }[];
  /** RFC 3339 instant. */
  readonly elevatedUntil?: string | undefined;
}

export interface AuditEntry {
  /** Its place in the chain. */
  readonly seq: number;
  readonly id: string;
  /** RFC 3339 instant. */
  readonly at: string;
  readonly tenant: string;
  readonly name: string;
  readonly actor?: string | undefined;
  readonly subject?: string | undefined;
  readonly session?: string | undefined;
  readonly reason?: string | undefined;
  readonly cause?: string | undefined;
  /** The X-Request-Id. */
  readonly request?: string | undefined;
  /** Id of the service key that was proved. */
  readonly key?: string | undefined;
  /** Who called the service, as much as is kept of it. */
  readonly from?:
    | {
        /** A network: /24 or /48. */
        readonly address?: string | undefined;
        /** The same address on one day. */
        readonly ref?: string | undefined;
        /** While a whole address is kept. */
        readonly full?: string | undefined;
        readonly agent?: string | undefined;
      }
    | undefined;
  /** Of the person, as the back end told it. */
  readonly client?:
    | {
        readonly agent?: string | undefined;
      }
    | undefined;
  readonly detail?: Readonly<Record<string, unknown>> | undefined;
  /** What it told has been erased. */
  readonly erased?: true | undefined;
  /** Not what was written. */
  readonly tampered?: true | undefined;
}

export interface AuditPage {
  readonly items: readonly AuditEntry[];
  readonly nextCursor?: string | undefined;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

/** Answer the browser with exactly this. */
export interface BrowserAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface BrowserRequest {
  readonly token: string;
  /** The header fields as the browser sent them; few of them are looked at. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Bulk {
  readonly action: "revoke" | "lock";
  readonly filter: BulkFilter;
  /** Handles that are left alone, like that of one's own session. */
  readonly except?: readonly string[] | undefined;
  /** Kept with every end; default `bulk`. */
  readonly cause?: string | undefined;
  /** With `lock`: what unlocks; default as the policy says. */
  readonly factors?: number | undefined;
  /** Count, and change nothing. */
  readonly dryRun?: boolean | undefined;
  /** From the dry run of the same request. */
  readonly token?: string | undefined;
  /** The dry run's count, where it said `everything`. */
  readonly confirm?: number | undefined;
}

/** All that is given must hold. `{}`: every live session. */
export interface BulkFilter {
  readonly subject?: string | undefined;
  readonly device?: string | undefined;
  /** The network of the device's address: IPv4 by 24 bits, IPv6 by 48. */
  readonly address?: string | undefined;
  /** Family, as in the device's label: `Firefox`. */
  readonly agent?: string | undefined;
  /** `clientId`. */
  readonly client?: string | undefined;
  readonly acr?: string | undefined;
  readonly role?: string | undefined;
  readonly kind?: string | undefined;
  readonly state?: "live" | "active" | "pending" | "locked" | undefined;
  /** RFC 3339 instant. */
  readonly createdFrom?: string | undefined;
  /** RFC 3339 instant. */
  readonly createdBefore?: string | undefined;
}

export interface BulkReply {
  readonly dryRun: boolean;
  readonly count?:
    | {
        readonly value: number;
        readonly exact: boolean;
      }
    | undefined;
  /** Nothing in the tenant is left out: send `confirm` with the count. */
  readonly everything?: boolean | undefined;
  readonly sample?: readonly Session[] | undefined;
  /** For the same request, ten minutes. */
  readonly token?: string | undefined;
  /** RFC 3339 instant. */
  readonly expiresAt?: string | undefined;
  readonly index?: SearchIndex | undefined;
  readonly operation?: Operation | undefined;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface CancelOperationReply {
  readonly operation: Operation;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface ChangeSessionBody {
  /** Merged per key; null removes the key. */
  readonly data?: Readonly<Record<string, unknown>> | undefined;
  /** Replaces the whole list and rotates the token; needs If-Match. */
  readonly roles?: readonly string[] | undefined;
}

export interface ChangedSession {
  readonly session: Session;
  /** The new one, where you carry it. */
  readonly token?: string | undefined;
  /** Send them with the answer that sets the token: the browser may bind the device. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface CookieFacts {
  readonly name: string;
  readonly purpose: string;
  readonly category: "strictly-necessary";
  /** Absent: the host alone. */
  readonly domain?: string | undefined;
  readonly path: "/";
  readonly secure: boolean;
  readonly httpOnly: true;
  readonly sameSite: "Strict" | "Lax" | "None";
  readonly partitioned: boolean;
  /** `remember`: past the browser's end only when the person chose so. */
  readonly kept: "browser" | "remember" | "bound";
  readonly maxSeconds?: number | undefined;
}

export interface CreateServiceKeyBody {
  readonly name: string;
  readonly scopes: readonly (
    | "sessions:read"
    | "sessions:write"
    | "sessions:impersonate"
    | "audit:read"
    | "privacy:write"
    | "tenants:write"
    | "locks:write"
    | "bulk:write"
    | "webhooks:write"
    | "analytics:read"
    | "data:read"
    | "keys:read"
    | "keys:write"
    | "health:read"
    | "policy:read"
  )[];
}

export interface CreateServiceKeyReply {
  readonly key: ServiceKey;
  /** The key. The only time it is shown. */
  readonly secret: string;
  readonly replaces?: string | undefined;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

/** As you want it shown in device lists; never trusted. */
export interface Device {
  readonly id?: string | undefined;
  readonly label?: string | undefined;
  readonly address?: string | undefined;
}

export interface EndedSession {
  readonly id: string;
  /** RFC 3339 instant. */
  readonly endedAt: string;
  readonly reason:
    | "revoked"
    | "logout"
    | "idle_timeout"
    | "absolute_timeout"
    | "replaced"
    | "evicted"
    | "reuse_detected"
    | "subject_revoked"
    | "locked_out";
  /** Where the end was kept when this was answered; never claims more. */
  readonly durability: "memory" | "local" | "replicated" | "quorum" | "unknown";
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface EraseSubjectBody {
  /** The subject again: it cannot be undone. */
  readonly confirm: string;
  /** Why, for the record, like gdpr_17; names nobody. */
  readonly cause?: string | undefined;
}

export interface EraseSubjectReply {
  /** How much went, by place: rows of sessions; 1 for a trail. */
  readonly erased: Readonly<Record<string, number>>;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface ExplainPolicyQuery {
  readonly client?: string | undefined;
  readonly role?: string | readonly string[] | undefined;
}

export interface ExplainSessionQuery {
  /** Show the values of its data: needs the scope data:read, and is audited. */
  readonly reveal?: "true" | "false" | undefined;
}

export interface ExportAuditQuery {
  readonly subject?: string | undefined;
  readonly session?: string | undefined;
  readonly name?: string | undefined;
  readonly actor?: string | undefined;
  /** Inclusive. */
  readonly from?: string | undefined;
  /** Exclusive. */
  readonly to?: string | undefined;
  readonly format?: "ndjson" | "cef" | undefined;
}

export type ExportSubjectReply = Readonly<Record<string, unknown>>;

export interface GetAnalyticsQuery {
  /** Default: a day, or 30 days, before `to`. */
  readonly from?: string | undefined;
  /** Exclusive; default: now. */
  readonly to?: string | undefined;
  readonly step?: "hour" | "day" | undefined;
}

export interface GetLockReply {
  readonly lock: Lock;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface GetOperationReply {
  readonly operation: Operation;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface GetSessionReply {
  readonly session: Session;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface GetSubjectReply {
  readonly subject: string;
  readonly epoch: number;
  readonly sessions: number;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface IssueAccessTokenBody {
  readonly audience: string;
  readonly clientId: string;
  readonly scope?: string | undefined;
  /** The key that whoever presents the token must prove (RFC 7800). */
  readonly cnf?:
    | {
        readonly jkt?: string | undefined;
        readonly "x5t#S256"?: string | undefined;
      }
    | undefined;
}

export interface IssueAccessTokenReply {
  readonly token: string;
  readonly tokenType: "Bearer" | "DPoP";
  /** RFC 3339 instant. */
  readonly expiresAt: string;
  readonly jti: string;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface IssueRefreshTokenBody {
  readonly clientId: string;
  readonly audience: string;
  readonly scope?: string | undefined;
  /** The client's key: every use needs a proof by it (RFC 9449). */
  readonly cnf?:
    | {
        readonly jkt: string;
      }
    | undefined;
}

export interface IssueRefreshTokenReply {
  readonly refreshToken: string;
  /** Handle of its family, which is listed and revoked by it. */
  readonly id: string;
  /** RFC 3339 instant. */
  readonly expiresAt: string;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface LiftLockReply {
  readonly id: string;
  /** RFC 3339 instant. */
  readonly liftedAt: string;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface ListAuditQuery {
  readonly subject?: string | undefined;
  readonly session?: string | undefined;
  readonly name?: string | undefined;
  readonly actor?: string | undefined;
  /** Inclusive. */
  readonly from?: string | undefined;
  /** Exclusive. */
  readonly to?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
}

export interface ListCookiesQuery {
  readonly https?: "true" | "false" | undefined;
}

export interface ListCookiesReply {
  readonly cookies: readonly CookieFacts[];
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface ListLocksQuery {
  readonly kind?: "session" | "subject" | "device" | "client" | "network" | "tenant" | undefined;
  readonly value?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
}

export interface ListOperationsQuery {
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
}

export interface ListOperationsReply {
  readonly items: readonly Operation[];
  readonly nextCursor?: string | undefined;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface ListServiceKeysReply {
  readonly items: readonly ServiceKey[];
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface ListSessionsQuery {
  /** Whom the session is about: your own string. */
  readonly subject?: string | undefined;
  readonly state?: "pending" | "active" | "locked" | "ended" | "live" | "any" | undefined;
  readonly device?: string | undefined;
  /** The network of the device's address: IPv4 by 24 bits, IPv6 by 48. */
  readonly address?: string | undefined;
  /** Family, as in the device's label: `Firefox`. */
  readonly agent?: string | undefined;
  /** `clientId`. */
  readonly client?: string | undefined;
  readonly acr?: string | undefined;
  readonly role?: string | undefined;
  readonly kind?: string | undefined;
  /** RFC 3339 instant. */
  readonly createdFrom?: string | undefined;
  /** RFC 3339 instant. */
  readonly createdBefore?: string | undefined;
  readonly count?: "none" | "estimate" | "exact" | undefined;
  /** Why it ended; `state` is then `ended` unless it says `any`. */
  readonly reason?:
    | "revoked"
    | "logout"
    | "idle_timeout"
    | "absolute_timeout"
    | "replaced"
    | "evicted"
    | "reuse_detected"
    | "subject_revoked"
    | "locked_out"
    | undefined;
  /** Newest first, or oldest first. */
  readonly sort?: "-createdAt" | "createdAt" | undefined;
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
}

export interface ListSigningKeysReply {
  readonly items: readonly {
    readonly kid: string;
    readonly purpose: string;
    readonly algorithm: string;
    readonly state: string;
    /** RFC 3339 instant. */
    readonly createdAt?: string | undefined;
    /** RFC 3339 instant. */
    readonly activatesAt?: string | undefined;
    /** RFC 3339 instant. */
    readonly retiresAt?: string | undefined;
    /** RFC 3339 instant. */
    readonly revokedAt?: string | undefined;
  }[];
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface ListSubjectSessionsQuery {
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
}

export interface ListTenantsQuery {
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
  /** With what each of them uses now; counting takes its time. */
  readonly use?: "true" | undefined;
}

export interface ListWebhookDeliveriesQuery {
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
  readonly state?: "waiting" | "held" | "done" | "dead" | undefined;
}

export interface Lock {
  readonly id: string;
  readonly tenant: string;
  readonly kind: "session" | "subject" | "device" | "client" | "network" | "tenant";
  readonly value?: string | undefined;
  readonly message: string;
  readonly reason?: string | undefined;
  readonly setBy: string;
  /** RFC 3339 instant. */
  readonly setAt: string;
  /** RFC 3339 instant. */
  readonly updatedAt: string;
  /** RFC 3339 instant. */
  readonly expiresAt?: string | undefined;
}

export interface LockPage {
  readonly items: readonly Lock[];
  readonly nextCursor?: string | undefined;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface LockSessionBody {
  readonly factors?: number | undefined;
}

export interface NewLock {
  readonly kind: "session" | "subject" | "device" | "client" | "network" | "tenant";
  /**
   * The session's id, the subject, the device's id, the client's id, or the network: an IPv4
   * or IPv6 address, or a range in CIDR notation. None for the tenant.
   */
  readonly value?: string | undefined;
  /** Shown to whoever is kept out. */
  readonly message: string;
  /** For the record: the cause of the ends it makes. */
  readonly reason?: string | undefined;
  /** Exclusive; in the future. */
  readonly expiresAt?: string | undefined;
  /** Needed for the whole tenant, and networks below 8 (IPv6: 16) bits. */
  readonly confirm?: boolean | undefined;
}

export interface NewSession {
  /** Whom the session is about: your own string. */
  readonly subject: string;
  readonly kind?: string | undefined;
  /** RFC 8176 methods, like `pwd`, `otp`. */
  readonly amr?: readonly string[] | undefined;
  readonly acr?: string | undefined;
  readonly device?: Device | undefined;
  readonly remember?: boolean | undefined;
  /** A factor is still missing. */
  readonly pending?: boolean | undefined;
  /** JSON values by key; in a change, null removes the key. */
  readonly data?: Readonly<Record<string, unknown>> | undefined;
  readonly parent?: string | undefined;
  /** Who acts as the subject; wants `cause` and the scope `sessions:impersonate`. */
  readonly actor?: string | undefined;
  /** With `actor` alone: why it acts as the subject. */
  readonly cause?: string | undefined;
  readonly clientId?: string | undefined;
  readonly roles?: readonly string[] | undefined;
  /** From `GET /v1/subjects/{subject}`, read before the password was checked. */
  readonly subjectEpoch?: number | undefined;
  /** The person's client, kept as a hash. */
  readonly client?:
    | {
        readonly userAgent?: string | undefined;
        /** Where the client is: locks of networks ask for it. Never stored. */
        readonly address?: string | undefined;
      }
    | undefined;
}

export interface NewTenant {
  /**
   * 1 to 63 letters, digits, dots, dashes or underscores, starting with a letter or digit;
   * never used again.
   */
  readonly id: string;
  /** For people. */
  readonly name?: string | undefined;
  /** A preset, or fields of a policy; it may only tighten. Spans like `15m`. */
  readonly policy?: string | Readonly<Record<string, unknown>> | undefined;
  readonly quotas?: TenantQuotaWish | undefined;
}

export interface NewWebhook {
  /** https://; its host must lead to public addresses alone. */
  readonly url: string;
  /** Names of audit entries, like `session-ended`; none: all. */
  readonly events?: readonly string[] | undefined;
  readonly description?: string | undefined;
}

export interface NodesHealth {
  readonly store: {
    readonly kind: string;
    readonly ok: boolean;
    readonly role?: "primary" | "replica" | undefined;
    readonly writable?: boolean | undefined;
    /** Another after a failover or restore. */
    readonly incarnation?: string | undefined;
    /** RFC 3339 instant. */
    readonly incarnationSince?: string | undefined;
    readonly lagSeconds?: number | undefined;
    /** The store's clock less ours. */
    readonly clockSkewSeconds?: number | undefined;
    /** Milliseconds. */
    readonly tookMs: number;
    readonly search: "subject" | "full";
  };
  readonly control: {
    readonly kind: string;
    readonly ok: boolean;
    /** Milliseconds. */
    readonly tookMs: number;
  };
  readonly audit: {
    readonly state: "ok" | "delayed" | "in-memory" | "dropping";
    readonly head?: number | undefined;
    /** RFC 3339 instant. */
    readonly headAt?: string | undefined;
  };
  readonly node: {
    /** RFC 3339 instant. */
    readonly startedAt: string;
    readonly phase: "serving" | "draining" | "stopping";
    readonly streams: number;
    /** Absent: none was answered yet. */
    readonly verify?:
      | {
          /** Verifications since this process started. */
          readonly count: number;
          /** Half took no longer; absent: beyond all measures. */
          readonly p50Ms?: number | undefined;
          /** 99 of 100 took no longer. */
          readonly p99Ms?: number | undefined;
        }
      | undefined;
    readonly near?:
      | {
          readonly hits: number;
          readonly misses: number;
          readonly sessions: number;
          readonly bytes: number;
          readonly gaps: number;
          readonly frontierAgeSeconds?: number | undefined;
          readonly invalidationLagSeconds?: number | undefined;
        }
      | undefined;
  };
  readonly frontier?:
    | {
        /** Processes that may answer from memory. */
        readonly nodes: number;
        readonly confirmed: number;
        readonly missing: readonly string[];
        /** Milliseconds. */
        readonly tookMs: number;
      }
    | undefined;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface OpenedSession {
  readonly session: Session;
  /** The session token. The only time it is shown. */
  readonly token: string;
  /** Send them with the answer that sets the token: the browser may bind the device. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly evicted: readonly Session[];
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface Operation {
  readonly id: string;
  readonly state: "running" | "done" | "cancelled";
  readonly action: "revoke" | "lock";
  readonly filter: Readonly<Record<string, string>>;
  readonly except?: readonly string[] | undefined;
  readonly cause?: string | undefined;
  readonly startedBy: string;
  /** RFC 3339 instant. */
  readonly startedAt: string;
  /** RFC 3339 instant. */
  readonly finishedAt?: string | undefined;
  /** As counted at the beginning. */
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly failures: readonly {
    readonly session: string;
    readonly why: string;
  }[];
  /** What holds it up just now. */
  readonly trouble?: string | undefined;
}

export interface Overview {
  readonly tenant: string;
  /** Absent where the store cannot count. */
  readonly live?:
    | {
        readonly value: number;
        readonly exact: boolean;
      }
    | undefined;
  readonly last24h: {
    /** RFC 3339 instant. */
    readonly from: string;
    /** RFC 3339 instant. */
    readonly to: string;
    /** Entries of the audit trail that are not counted yet. */
    readonly behind: number;
    readonly signIns: number;
    readonly ended: number;
    readonly endsByReason: Readonly<Record<string, number>>;
    readonly rotated: number;
    readonly forks: number;
    /** Those that a flood left out, too. */
    readonly forged: number;
    readonly hours: readonly {
      /** RFC 3339 instant. */
      readonly at: string;
      readonly signIns: number;
      readonly ended: number;
      readonly endsByReason: Readonly<Record<string, number>>;
    }[];
  };
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface PolicyExplained {
  readonly policy: {
    readonly name: string;
    readonly justification: string | null;
    readonly fields: readonly PolicyField[];
    readonly sources: readonly {
      readonly preset: string;
      readonly source: string;
    }[];
  };
  readonly presets: readonly {
    readonly name: string;
    readonly source: string;
    readonly fields: Readonly<Record<string, unknown>>;
  }[];
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface PolicyField {
  readonly field: string;
  readonly value: unknown;
  readonly human: string;
  /** What set it: `preset saas`, `override`, `tenant acme`. */
  readonly from: string;
  readonly means: string;
  readonly clause: string;
  readonly cap?: string | undefined;
  readonly capSource?: string | undefined;
  readonly justification?: string | undefined;
  readonly note?: string | undefined;
}

export interface PolicySimulated {
  /** RFC 3339 instant. */
  readonly from: string;
  /** RFC 3339 instant. */
  readonly to: string;
  readonly policy: {
    readonly name: string;
    readonly fields: readonly {
      readonly field: string;
      readonly value: unknown;
      readonly human: string;
      /** What set it: `preset saas`, `override`, `tenant acme`. */
      readonly from: string;
      readonly means: string;
      readonly clause: string;
      readonly cap?: string | undefined;
      readonly capSource?: string | undefined;
      readonly justification?: string | undefined;
      readonly note?: string | undefined;
      readonly before: unknown;
      readonly humanBefore: string;
    }[];
  };
  readonly sessions: {
    readonly considered: number;
    readonly unchanged: number;
    readonly earlier: number;
    readonly later: number;
    readonly undecided: number;
    readonly complete: boolean;
  };
  readonly items: readonly {
    readonly session: string;
    readonly subject: string;
    /** RFC 3339 instant. */
    readonly openedAt: string;
    readonly happened: {
      readonly state: "live" | "ended";
      /** RFC 3339 instant. */
      readonly at?: string | undefined;
      readonly reason?: string | undefined;
    };
    readonly would: {
      readonly state: "live" | "ended";
      /** RFC 3339 instant. */
      readonly at?: string | undefined;
      readonly reason?: string | undefined;
      readonly certain: boolean;
      readonly between?: readonly never[] | undefined;
    };
    readonly why: string;
  }[];
  readonly bounds: readonly string[];
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface RefreshDeviceBody {
  /** The header fields as the browser sent them; few of them are looked at. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface RevocationPage {
  readonly tenant: string;
  readonly position: string;
  readonly entries: readonly {
    readonly kind: string;
    /** RFC 3339 instant. */
    readonly at: string;
    readonly [name: string]: unknown;
  }[];
  readonly complete: boolean;
  /** RFC 3339 instant. */
  readonly serverTime: string;
  readonly ageSeconds: number;
  readonly keepSeconds: number;
}

export interface RevocationsQuery {
  readonly since?: string | undefined;
  readonly nonce?: string | undefined;
  readonly wait?: number | undefined;
}

export interface RevokeServiceKeyReply {
  readonly key: ServiceKey;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface RevokeSessionBody {
  readonly cause?: string | undefined;
  readonly actor?: string | undefined;
}

export interface RevokeSubjectBody {
  /** Handle that stays. */
  readonly except?: string | undefined;
  readonly cause?: string | undefined;
  readonly actor?: string | undefined;
}

export interface RevokeSubjectReply {
  readonly ended: number;
  readonly epoch: number;
  /** Where the end was kept when this was answered; never claims more. */
  readonly durability: "memory" | "local" | "replicated" | "quorum" | "unknown";
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface RotateServiceKeyBody {
  readonly overlapSeconds?: number | undefined;
}

export interface RotateServiceKeyReply {
  readonly key: ServiceKey;
  /** The key. The only time it is shown. */
  readonly secret: string;
  readonly replaces?: string | undefined;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

/** How old the index is that found these. What is shown of each is of now. */
export interface SearchIndex {
  /** RFC 3339 instant. */
  readonly asOf: string;
  readonly lagSeconds: number;
  /** False while it is built: some may be missing. */
  readonly complete: boolean;
}

/** Everything about a key but the key. */
export interface ServiceKey {
  readonly id: string;
  readonly name: string;
  readonly tenant: string;
  readonly scopes: readonly (
    | "sessions:read"
    | "sessions:write"
    | "sessions:impersonate"
    | "audit:read"
    | "privacy:write"
    | "tenants:write"
    | "locks:write"
    | "bulk:write"
    | "webhooks:write"
    | "analytics:read"
    | "data:read"
    | "keys:read"
    | "keys:write"
    | "health:read"
    | "policy:read"
  )[];
  readonly state: "live" | "ending" | "revoked";
  /** RFC 3339 instant. */
  readonly createdAt: string;
  /** Within a minute. */
  readonly lastUsedAt?: string | undefined;
  /** RFC 3339 instant. */
  readonly revokedAt?: string | undefined;
}

export interface Session {
  /** Public handle `ses_…`; never a secret. */
  readonly id: string;
  readonly tenant: string;
  readonly subject: string | null;
  readonly kind: string;
  readonly state: "pending" | "active" | "locked" | "ended";
  /** RFC 3339 instant. */
  readonly createdAt: string;
  /** RFC 3339 instant. */
  readonly authenticatedAt: string;
  /** RFC 3339 instant. */
  readonly seenAt: string;
  /** RFC 3339 instant. */
  readonly idleExpiresAt: string;
  /** RFC 3339 instant. */
  readonly absoluteExpiresAt: string;
  /** The span after `seenAt` that counts as idle. */
  readonly idleSeconds: number;
  /** What leaves the lock that idleness makes. Absent: idleness ends it. */
  readonly idleFactors?: number | undefined;
  /** The subject's when it was opened; below its present one it has ended. */
  readonly subjectEpoch: number;
  /** RFC 3339 instant. */
  readonly warnAt?: string | undefined;
  readonly assurance: Assurance;
  readonly device?: Device | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly clientId?: string | undefined;
  readonly parent?: string | undefined;
  readonly actor?: string | undefined;
  readonly remember?: boolean | undefined;
  readonly data?: Readonly<Record<string, unknown>> | undefined;
  /** What leaves `locked`. */
  readonly required?:
    | {
        readonly factors: number;
      }
    | undefined;
  /** The public key of the device that the session is bound to. */
  readonly binding?:
    | {
        readonly tier: string;
        readonly key: string;
        readonly thumbprint: string;
        /** RFC 3339 instant. */
        readonly boundAt: string;
        readonly proofs: number;
      }
    | undefined;
  readonly end?:
    | {
        readonly reason:
          | "revoked"
          | "logout"
          | "idle_timeout"
          | "absolute_timeout"
          | "replaced"
          | "evicted"
          | "reuse_detected"
          | "subject_revoked"
          | "locked_out";
        /** RFC 3339 instant. */
        readonly at: string;
        readonly cause?: string | undefined;
        readonly actor?: string | undefined;
      }
    | undefined;
  /** The ETag, without its quotes. */
  readonly version?: string | undefined;
}

export interface SessionExplained {
  readonly session: Session;
  readonly state: "pending" | "active" | "locked" | "ended";
  readonly says: string;
  readonly fix?: string | undefined;
  /** RFC 3339 instant. */
  readonly now: string;
  readonly clocks: readonly {
    readonly name: "idle" | "absolute" | "elevation" | "rotation";
    /** RFC 3339 instant. */
    readonly at: string;
    readonly passed: boolean;
    readonly effect: "end" | "lock" | "sudo-ends" | "new-token";
    /** As the session has it. */
    readonly spanSeconds?: number | undefined;
    /** The field of the policy. */
    readonly limit: string;
    /** What sets it now, or `when it was opened`. */
    readonly from: string;
    readonly clause: string;
    /** The one that ends or locks it if nothing happens. */
    readonly next: boolean;
  }[];
  readonly rules: readonly {
    readonly name: "ended" | "subject-epoch" | "factor" | "lock";
    /** False is what keeps it from being active. */
    readonly holds: boolean;
    readonly says: string;
  }[];
  /** Generations of its token, by number: nothing that can be presented. */
  readonly tokens: {
    readonly confirmed: number;
    /** RFC 3339 instant. */
    readonly confirmedAt: string;
    readonly lastIssued: number;
    readonly pending?:
      | {
          readonly generation: number;
          /** RFC 3339 instant. */
          readonly issuedAt: string;
          /** RFC 3339 instant. */
          readonly sentAt: string;
        }
      | undefined;
    readonly previous?:
      | {
          readonly generation: number;
          /** RFC 3339 instant. */
          readonly graceUntil: string;
        }
      | undefined;
    readonly replaced?:
      | {
          readonly from: number;
          readonly to: number;
          /** RFC 3339 instant. */
          readonly at: string;
        }
      | undefined;
    readonly forgiving?: number | undefined;
  };
  readonly binding?:
    | {
        readonly tier: string;
        readonly key: string;
        readonly thumbprint: string;
        /** RFC 3339 instant. */
        readonly boundAt: string;
        readonly proofs: number;
        /** RFC 3339 instant. */
        readonly lastProofAt?: string | undefined;
      }
    | undefined;
  readonly data: {
    readonly version: number;
    readonly keys: readonly {
      readonly key: string;
      readonly bytes: number;
      readonly sealed: boolean;
    }[];
    /** With `reveal`. */
    readonly values?: Readonly<Record<string, unknown>> | undefined;
  };
  readonly policy: {
    readonly name: string;
    readonly fields: readonly PolicyField[];
  };
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface SessionPage {
  readonly items: readonly Session[];
  readonly nextCursor?: string | undefined;
  readonly count?:
    | {
        readonly value: number;
        readonly exact: boolean;
      }
    | undefined;
  readonly index?: SearchIndex | undefined;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface SessionTimelineQuery {
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
}

export interface SetLockReply {
  readonly lock: Lock;
  /** Sessions that were ended now. What else is live of it ends when presented. */
  readonly ended: number;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface SimulatePolicyBody {
  /** A preset's name, or `{ extends, …changes }`; spans as numbers or like `30m`. */
  readonly policy: string | Readonly<Record<string, unknown>>;
  /** Default: a week before `to`. */
  readonly from?: string | undefined;
  /** Default: now. */
  readonly to?: string | undefined;
}

export interface StepUpSessionBody {
  /** RFC 8176 methods, like `pwd`, `otp`. */
  readonly amr: readonly string[];
  readonly acr?: string | undefined;
  /** Verify said `unproven`: where the policy lets it, the factors replace the device. */
  readonly unproven?: boolean | undefined;
}

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly state: "active" | "suspended" | "erased";
  /** RFC 3339 instant. */
  readonly createdAt: string;
  /** A preset, or fields of a policy; it may only tighten. Spans like `15m`. */
  readonly policy?: string | Readonly<Record<string, unknown>> | undefined;
  readonly quotas: {
    /** Live sessions. */
    readonly sessions: number | null;
    /** Live sessions of one subject. */
    readonly sessionsPerSubject: number | null;
    /** Of all its service keys, at each process. */
    readonly requestsPerSecond: number | null;
    /** Live service keys. */
    readonly serviceKeys: number | null;
  };
  /** Its tokens and data are under a key of its own, which erasing destroys. */
  readonly ownKey: boolean;
  /** When one is asked for, or a list with it. */
  readonly use?:
    | {
        /** Absent where the store cannot count; not `exact`: at least. */
        readonly sessions?:
          | {
              readonly value: number;
              readonly exact: boolean;
            }
          | undefined;
        /** Live ones. */
        readonly serviceKeys: number;
      }
    | undefined;
  /** RFC 3339 instant. */
  readonly erasedAt?: string | undefined;
  /** Nothing of it is left. */
  readonly purgedAt?: string | undefined;
  /** The ETag, without its quotes. */
  readonly version: string;
}

export interface TenantChange {
  /** For people. */
  readonly name?: string | undefined;
  /** null takes it back. */
  readonly policy?: string | Readonly<Record<string, unknown>> | null | undefined;
  readonly quotas?: TenantQuotaWish | undefined;
}

export interface TenantPage {
  readonly items: readonly Tenant[];
  readonly nextCursor?: string | undefined;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface TenantQuotaWish {
  /** Live sessions. */
  readonly sessions?: number | null | undefined;
  /** Live sessions of one subject. */
  readonly sessionsPerSubject?: number | null | undefined;
  /** Of all its service keys, at each process. */
  readonly requestsPerSecond?: number | null | undefined;
  /** Live service keys. */
  readonly serviceKeys?: number | null | undefined;
}

export interface TenantReply {
  readonly tenant: Tenant;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface UnlockSessionBody {
  /** RFC 8176 methods, like `pwd`, `otp`. */
  readonly amr: readonly string[];
  readonly acr?: string | undefined;
  /** Verify said `unproven`: where the policy lets it, the factors replace the device. */
  readonly unproven?: boolean | undefined;
}

/** The device it is bound to did not prove itself. */
export interface UnprovenDevice {
  readonly why: "missing" | "conflict" | "foreign" | "expired";
  readonly enforcement: "observe" | "step-up" | "require" | "degraded";
  /** Send them with your answer: the browser's next proof needs one round less. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Verdict {
  readonly state: "pending" | "active" | "locked" | "ended" | "unknown";
  readonly session?:
    | {
        /** Public handle `ses_…`; never a secret. */
        readonly id?: string | undefined;
        readonly tenant?: string | undefined;
        readonly subject?: string | null | undefined;
        readonly kind?: string | undefined;
        readonly state?: "pending" | "active" | "locked" | "ended" | undefined;
        /** RFC 3339 instant. */
        readonly createdAt?: string | undefined;
        /** RFC 3339 instant. */
        readonly authenticatedAt?: string | undefined;
        /** RFC 3339 instant. */
        readonly seenAt?: string | undefined;
        /** RFC 3339 instant. */
        readonly idleExpiresAt?: string | undefined;
        /** RFC 3339 instant. */
        readonly absoluteExpiresAt?: string | undefined;
        /** The span after `seenAt` that counts as idle. */
        readonly idleSeconds?: number | undefined;
        /** What leaves the lock that idleness makes. Absent: idleness ends it. */
        readonly idleFactors?: number | undefined;
        /** The subject's when it was opened; below its present one it has ended. */
        readonly subjectEpoch?: number | undefined;
        /** RFC 3339 instant. */
        readonly warnAt?: string | undefined;
        readonly assurance?: Assurance | undefined;
        readonly device?: Device | undefined;
        readonly roles?: readonly string[] | undefined;
        readonly clientId?: string | undefined;
        readonly parent?: string | undefined;
        readonly actor?: string | undefined;
        readonly remember?: boolean | undefined;
        readonly data?: Readonly<Record<string, unknown>> | undefined;
        /** What leaves `locked`. */
        readonly required?:
          | {
              readonly factors: number;
            }
          | undefined;
        /** The public key of the device that the session is bound to. */
        readonly binding?:
          | {
              readonly tier: string;
              readonly key: string;
              readonly thumbprint: string;
              /** RFC 3339 instant. */
              readonly boundAt: string;
              readonly proofs: number;
            }
          | undefined;
        readonly end?:
          | {
              readonly reason:
                | "revoked"
                | "logout"
                | "idle_timeout"
                | "absolute_timeout"
                | "replaced"
                | "evicted"
                | "reuse_detected"
                | "subject_revoked"
                | "locked_out";
              /** RFC 3339 instant. */
              readonly at: string;
              readonly cause?: string | undefined;
              readonly actor?: string | undefined;
            }
          | undefined;
        /** The ETag, without its quotes. */
        readonly version?: string | undefined;
      }
    | undefined;
  readonly reason?:
    | "revoked"
    | "logout"
    | "idle_timeout"
    | "absolute_timeout"
    | "replaced"
    | "evicted"
    | "reuse_detected"
    | "subject_revoked"
    | "locked_out"
    | undefined;
  /** For the person: of the lock that keeps it out, while that holds. */
  readonly message?: string | undefined;
  /** Give this token to the client. */
  readonly successor?: string | undefined;
  /** False while a newer token is under way: do not set this one again. */
  readonly settled?: boolean | undefined;
  /** What is missing for `require`. */
  readonly unmet?:
    | {
        readonly acr?: string | undefined;
        readonly maxAge?: number | undefined;
        readonly factors?: number | undefined;
        readonly elevated?: boolean | undefined;
      }
    | undefined;
  readonly unproven?: UnprovenDevice | undefined;
  readonly etag?: string | undefined;
  readonly cacheSeconds: number;
}

/** Exactly one of `token` and `tokens`. */
export interface Verify {
  readonly token?: string | undefined;
  readonly tokens?: readonly string[] | undefined;
  /** Value of the bound cookie that came with `token`, if one did (DBSC). */
  readonly boundCookie?: string | undefined;
  /** The request's `Secure-Session-Skipped`. */
  readonly skipped?: string | undefined;
  /** This is a person's act. */
  readonly activity?: boolean | undefined;
  /** You will hand `successor` to the client. Needs the scope sessions:write. */
  readonly canSetToken?: boolean | undefined;
  readonly require?:
    | {
        readonly acr?: string | undefined;
        /** Seconds. */
        readonly maxAge?: number | undefined;
        readonly factors?: number | undefined;
        readonly elevated?: boolean | undefined;
      }
    | undefined;
  readonly fields?:
    | readonly (
        | "id"
        | "tenant"
        | "subject"
        | "kind"
        | "state"
        | "createdAt"
        | "authenticatedAt"
        | "seenAt"
        | "idleExpiresAt"
        | "absoluteExpiresAt"
        | "idleSeconds"
        | "idleFactors"
        | "subjectEpoch"
        | "warnAt"
        | "assurance"
        | "device"
        | "roles"
        | "clientId"
        | "parent"
        | "actor"
        | "remember"
        | "data"
        | "required"
        | "binding"
        | "end"
        | "version"
      )[]
    | undefined;
  readonly client?:
    | {
        readonly userAgent?: string | undefined;
        /** Where the client is: locks of networks ask for it. Never stored. */
        readonly address?: string | undefined;
      }
    | undefined;
}

export interface VerifyAccessBody {
  /** Who you are, of tokens.audiences. */
  readonly audience: string;
  readonly method: string;
  /** As the client sent it, origin included. */
  readonly url: string;
  /** Every value of the request's `Authorization`. */
  readonly authorization?: string | readonly string[] | undefined;
  /** Every value of its `DPoP`. */
  readonly dpop?: string | readonly string[] | undefined;
}

export interface VerifyReply {
  readonly state?: "pending" | "active" | "locked" | "ended" | "unknown" | undefined;
  readonly session?:
    | {
        /** Public handle `ses_…`; never a secret. */
        readonly id?: string | undefined;
        readonly tenant?: string | undefined;
        readonly subject?: string | null | undefined;
        readonly kind?: string | undefined;
        readonly state?: "pending" | "active" | "locked" | "ended" | undefined;
        /** RFC 3339 instant. */
        readonly createdAt?: string | undefined;
        /** RFC 3339 instant. */
        readonly authenticatedAt?: string | undefined;
        /** RFC 3339 instant. */
        readonly seenAt?: string | undefined;
        /** RFC 3339 instant. */
        readonly idleExpiresAt?: string | undefined;
        /** RFC 3339 instant. */
        readonly absoluteExpiresAt?: string | undefined;
        /** The span after `seenAt` that counts as idle. */
        readonly idleSeconds?: number | undefined;
        /** What leaves the lock that idleness makes. Absent: idleness ends it. */
        readonly idleFactors?: number | undefined;
        /** The subject's when it was opened; below its present one it has ended. */
        readonly subjectEpoch?: number | undefined;
        /** RFC 3339 instant. */
        readonly warnAt?: string | undefined;
        readonly assurance?: Assurance | undefined;
        readonly device?: Device | undefined;
        readonly roles?: readonly string[] | undefined;
        readonly clientId?: string | undefined;
        readonly parent?: string | undefined;
        readonly actor?: string | undefined;
        readonly remember?: boolean | undefined;
        readonly data?: Readonly<Record<string, unknown>> | undefined;
        /** What leaves `locked`. */
        readonly required?:
          | {
              readonly factors: number;
            }
          | undefined;
        /** The public key of the device that the session is bound to. */
        readonly binding?:
          | {
              readonly tier: string;
              readonly key: string;
              readonly thumbprint: string;
              /** RFC 3339 instant. */
              readonly boundAt: string;
              readonly proofs: number;
            }
          | undefined;
        readonly end?:
          | {
              readonly reason:
                | "revoked"
                | "logout"
                | "idle_timeout"
                | "absolute_timeout"
                | "replaced"
                | "evicted"
                | "reuse_detected"
                | "subject_revoked"
                | "locked_out";
              /** RFC 3339 instant. */
              readonly at: string;
              readonly cause?: string | undefined;
              readonly actor?: string | undefined;
            }
          | undefined;
        /** The ETag, without its quotes. */
        readonly version?: string | undefined;
      }
    | undefined;
  readonly reason?:
    | "revoked"
    | "logout"
    | "idle_timeout"
    | "absolute_timeout"
    | "replaced"
    | "evicted"
    | "reuse_detected"
    | "subject_revoked"
    | "locked_out"
    | undefined;
  /** For the person: of the lock that keeps it out, while that holds. */
  readonly message?: string | undefined;
  /** Give this token to the client. */
  readonly successor?: string | undefined;
  /** False while a newer token is under way: do not set this one again. */
  readonly settled?: boolean | undefined;
  /** What is missing for `require`. */
  readonly unmet?:
    | {
        readonly acr?: string | undefined;
        readonly maxAge?: number | undefined;
        readonly factors?: number | undefined;
        readonly elevated?: boolean | undefined;
      }
    | undefined;
  readonly unproven?: UnprovenDevice | undefined;
  readonly etag?: string | undefined;
  readonly cacheSeconds?: number | undefined;
  /** In the order of `tokens`. */
  readonly results?: readonly Verdict[] | undefined;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface Webhook {
  readonly id: string;
  /** https://; its host must lead to public addresses alone. */
  readonly url: string;
  /** Names of audit entries, like `session-ended`; none: all. */
  readonly events: readonly string[];
  readonly description: string;
  readonly enabled: boolean;
  readonly disabledBy?: "operator" | "failing" | "gone" | undefined;
  /** RFC 3339 instant. */
  readonly failingSince?: string | undefined;
  /** RFC 3339 instant. */
  readonly oldSecretUntil?: string | undefined;
  /** RFC 3339 instant. */
  readonly createdAt: string;
  /** The ETag, without its quotes. */
  readonly version: string;
}

export interface WebhookChange {
  /** https://; its host must lead to public addresses alone. */
  readonly url?: string | undefined;
  /** Names of audit entries, like `session-ended`; none: all. */
  readonly events?: readonly string[] | undefined;
  readonly description?: string | undefined;
  readonly enabled?: boolean | undefined;
}

export interface WebhookDeleted {
  readonly deleted: true;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface WebhookDelivery {
  /** The `webhook-id`: the same at every try. */
  readonly id: string;
  readonly name: string;
  /** When it happened. */
  readonly at: string;
  readonly state: "waiting" | "held" | "done" | "dead";
  readonly tries: number;
  /** Of the last answer. */
  readonly status?: number | undefined;
  /** Why the last try failed. */
  readonly trouble?:
    | "status"
    | "redirect"
    | "timeout"
    | "unresolved"
    | "refused-address"
    | "connection"
    | "tls"
    | "retired"
    | "secret"
    | undefined;
  /** RFC 3339 instant. */
  readonly triedAt?: string | undefined;
  /** RFC 3339 instant. */
  readonly nextTryAt?: string | undefined;
}

export interface WebhookDeliveryPage {
  readonly items: readonly WebhookDelivery[];
  readonly nextCursor?: string | undefined;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface WebhookList {
  readonly items: readonly {
    readonly id: string;
    /** https://; its host must lead to public addresses alone. */
    readonly url: string;
    /** Names of audit entries, like `session-ended`; none: all. */
    readonly events: readonly string[];
    readonly description: string;
    readonly enabled: boolean;
    readonly disabledBy?: "operator" | "failing" | "gone" | undefined;
    /** RFC 3339 instant. */
    readonly failingSince?: string | undefined;
    /** RFC 3339 instant. */
    readonly oldSecretUntil?: string | undefined;
    /** RFC 3339 instant. */
    readonly createdAt: string;
    /** The ETag, without its quotes. */
    readonly version: string;
  }[];
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

/** One of `delivery`, `dead` and `from`. */
export interface WebhookReplay {
  /** One, by its id. */
  readonly delivery?: string | undefined;
  /** All that are dead. */
  readonly dead?: true | undefined;
  /** All since then; inclusive. */
  readonly from?: string | undefined;
  /** With `from`: before then. */
  readonly to?: string | undefined;
}

export interface WebhookReplayed {
  readonly queued: number;
  /** False: that was the most at once; go on later. */
  readonly complete: boolean;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface WebhookReply {
  readonly webhook: Webhook;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface WebhookRotation {
  /** Seconds in which both secrets sign; a day if left out. */
  readonly overlap?: number | undefined;
}

export interface WebhookSecretReply {
  readonly webhook: {
    readonly id: string;
    /** https://; its host must lead to public addresses alone. */
    readonly url: string;
    /** Names of audit entries, like `session-ended`; none: all. */
    readonly events: readonly string[];
    readonly description: string;
    readonly enabled: boolean;
    readonly disabledBy?: "operator" | "failing" | "gone" | undefined;
    /** RFC 3339 instant. */
    readonly failingSince?: string | undefined;
    /** RFC 3339 instant. */
    readonly oldSecretUntil?: string | undefined;
    /** RFC 3339 instant. */
    readonly createdAt: string;
    /** The ETag, without its quotes. */
    readonly version: string;
  };
  /** `whsec_…`, shown this once. */
  readonly secret: string;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}

export interface WebhookTest {
  readonly delivered: boolean;
  /** Of the last answer. */
  readonly status?: number | undefined;
  /** Why the last try failed. */
  readonly trouble?:
    | "status"
    | "redirect"
    | "timeout"
    | "unresolved"
    | "refused-address"
    | "connection"
    | "tls"
    | "retired"
    | "secret"
    | undefined;
  /** RFC 3339 instant. */
  readonly serverTime: string;
}
