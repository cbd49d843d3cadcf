/**
 * The presets as data: source, default values, and the caps a looser value needs a reason to pass.
 * `presets.test.ts` compares them with `fixtures/presets.json`: change both or neither.
 */
import { deepFreeze } from "../freeze.ts";
import type {
  Binding,
  CookiePrefix,
  CsrfMode,
  KeyBound,
  Limits,
  OnIdle,
  OnLimit,
  Persistent,
  SameSite,
  StoreDown,
} from "./policy.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "./span.ts";

export type PresetName =
  | "owasp-asvs-l1"
  | "owasp-asvs-l2"
  | "owasp-asvs-l3"
  | "nist-aal1"
  | "nist-aal2"
  | "nist-aal3"
  | "pci-dss-4"
  | "hipaa"
  | "consumer"
  | "saas"
  | "banking";

/** `cap: null` means that the source names no ceiling. */
export interface CappedSpan {
  readonly value: number;
  readonly cap: number | null;
}

export interface Preset {
  /** The clause the numbers come from; quoted when a cap refuses a value. */
  readonly source: string;
  readonly idleMs: CappedSpan;
  readonly absoluteMs: CappedSpan;
  readonly onIdle: OnIdle;
  readonly warnBeforeMs: number;
  readonly touchEveryMs: number;
  readonly rotateEveryMs: number;
  readonly rotateGraceMs: number;
  readonly accessTtlMs: number;
  readonly sudoMs: number;
  readonly reauthFactors: number;
  readonly refresh: Limits & { readonly keyBound: KeyBound };
  readonly concurrency: {
    readonly max: number | null;
    readonly onLimit: OnLimit;
    readonly per?: string;
    readonly notify?: boolean;
  };
  readonly cookie: {
    readonly prefix: CookiePrefix;
    readonly sameSite: SameSite;
    readonly persistent: Persistent;
  };
  readonly csrf: CsrfMode;
  readonly binding: Binding;
  readonly boundTokenTtlMs: number;
  readonly storeDown: StoreDown;
  readonly retention?: { readonly auditDays: number; readonly hotDays: number | null };
  readonly idleSharedWorkstationMs?: number;
  readonly emergencyAccess?: string;
  readonly perTransactionAuth?: boolean;
  /** What revision 3 of the same standard asked for, in milliseconds. */
  readonly revision3?: {
    readonly absolute: number;
    readonly idle: number | null;
    readonly force?: string;
  };
}

/** Every preset, deeply frozen. */
export const PRESETS: Readonly<Record<PresetName, Preset>> = deepFreeze({
  "owasp-asvs-l1": {
    source:
      "ASVS 5.0 7.3.x ask for documented values at L2; number from ASVS 4.0.3 3.3.2 L1 (30 d)",
    idleMs: { value: 7 * DAY_MS, cap: 30 * DAY_MS },
    absoluteMs: { value: 30 * DAY_MS, cap: 30 * DAY_MS },
    onIdle: "end",
    warnBeforeMs: 5 * MINUTE_MS,
    touchEveryMs: MINUTE_MS,
    rotateEveryMs: DAY_MS,
    rotateGraceMs: 10 * SECOND_MS,
    accessTtlMs: 15 * MINUTE_MS,
    sudoMs: 15 * MINUTE_MS,
    reauthFactors: 1,
    refresh: { idleMs: 7 * DAY_MS, absoluteMs: 30 * DAY_MS, keyBound: "optional" },
    concurrency: { max: null, onLimit: "evict-oldest" },
    cookie: { prefix: "__Host-", sameSite: "Lax", persistent: "opt-in" },
    csrf: "fetch-metadata",
    binding: "prefer",
    boundTokenTtlMs: 10 * MINUTE_MS,
    storeDown: "closed",
  },
  "owasp-asvs-l2": {
    source: "ASVS 4.0.3 3.3.2 L2: 12 h or 30 min",
    idleMs: { value: 30 * MINUTE_MS, cap: 30 * MINUTE_MS },
    absoluteMs: { value: 12 * HOUR_MS, cap: 12 * HOUR_MS },
    onIdle: "end",
    warnBeforeMs: 3 * MINUTE_MS,
    touchEveryMs: MINUTE_MS,
    rotateEveryMs: HOUR_MS,
    rotateGraceMs: 10 * SECOND_MS,
    accessTtlMs: 10 * MINUTE_MS,
    sudoMs: 10 * MINUTE_MS,
    reauthFactors: 1,
    refresh: { idleMs: 30 * MINUTE_MS, absoluteMs: 12 * HOUR_MS, keyBound: "preferred" },
    concurrency: { max: 10, onLimit: "evict-oldest" },
    cookie: { prefix: "__Host-", sameSite: "Lax", persistent: "never" },
    csrf: "fetch-metadata",
    binding: "prefer",
    boundTokenTtlMs: 10 * MINUTE_MS,
    storeDown: "closed",
  },
  "owasp-asvs-l3": {
    source: "ASVS 4.0.3 3.3.2 L3: 12 h or 15 min with second factor",
    idleMs: { value: 15 * MINUTE_MS, cap: 15 * MINUTE_MS },
    absoluteMs: { value: 8 * HOUR_MS, cap: 12 * HOUR_MS },
    onIdle: "end",
    warnBeforeMs: 90 * SECOND_MS,
    touchEveryMs: MINUTE_MS,
    rotateEveryMs: 15 * MINUTE_MS,
    rotateGraceMs: 10 * SECOND_MS,
    accessTtlMs: 5 * MINUTE_MS,
    sudoMs: 5 * MINUTE_MS,
    reauthFactors: 2,
    refresh: { idleMs: 15 * MINUTE_MS, absoluteMs: 8 * HOUR_MS, keyBound: "required" },
    concurrency: { max: 3, onLimit: "ask" },
    cookie: { prefix: "__Host-Http-", sameSite: "Strict", persistent: "never" },
    csrf: "fetch-metadata+token",
    binding: "require-where-supported",
    boundTokenTtlMs: 10 * MINUTE_MS,
    storeDown: "closed",
  },
  "nist-aal1": {
    source: "SP 800-63B-4: overall SHALL exist, SHOULD ≤30 d; inactivity MAY (rev 3: 30 d)",
    idleMs: { value: 14 * DAY_MS, cap: null },
    absoluteMs: { value: 30 * DAY_MS, cap: 30 * DAY_MS },
    onIdle: "end",
    warnBeforeMs: 5 * MINUTE_MS,
    touchEveryMs: MINUTE_MS,
    rotateEveryMs: DAY_MS,
    rotateGraceMs: 10 * SECOND_MS,
    accessTtlMs: 15 * MINUTE_MS,
    sudoMs: 15 * MINUTE_MS,
    reauthFactors: 1,
    refresh: { idleMs: 14 * DAY_MS, absoluteMs: 30 * DAY_MS, keyBound: "optional" },
    concurrency: { max: null, onLimit: "evict-oldest" },
    cookie: { prefix: "__Host-", sameSite: "Lax", persistent: "bound-only" },
    csrf: "fetch-metadata+token",
    binding: "prefer",
    boundTokenTtlMs: 10 * MINUTE_MS,
    storeDown: "closed",
    revision3: { absolute: 30 * DAY_MS, idle: null },
  },
  "nist-aal2": {
    source: "SP 800-63B-4: ≤1 h inactivity, ≤24 h overall, SHOULD (rev 3: 30 min / 12 h SHALL)",
    idleMs: { value: HOUR_MS, cap: HOUR_MS },
    absoluteMs: { value: DAY_MS, cap: DAY_MS },
    onIdle: "lock-one-factor",
    warnBeforeMs: 5 * MINUTE_MS,
    touchEveryMs: MINUTE_MS,
    rotateEveryMs: HOUR_MS,
    rotateGraceMs: 10 * SECOND_MS,
    accessTtlMs: 10 * MINUTE_MS,
    sudoMs: 10 * MINUTE_MS,
    reauthFactors: 1,
    refresh: { idleMs: HOUR_MS, absoluteMs: DAY_MS, keyBound: "preferred" },
    concurrency: { max: 10, onLimit: "evict-oldest" },
    cookie: { prefix: "__Host-", sameSite: "Lax", persistent: "bound-only" },
    csrf: "fetch-metadata+token",
    binding: "prefer",
    boundTokenTtlMs: 10 * MINUTE_MS,
    storeDown: "closed",
    revision3: { absolute: 12 * HOUR_MS, idle: 30 * MINUTE_MS, force: "SHALL" },
  },
  "nist-aal3": {
    source: "SP 800-63B-4: ≤15 min inactivity SHOULD, ≤12 h overall SHALL",
    idleMs: { value: 15 * MINUTE_MS, cap: 15 * MINUTE_MS },
    absoluteMs: { value: 12 * HOUR_MS, cap: 12 * HOUR_MS },
    onIdle: "end",
    warnBeforeMs: 90 * SECOND_MS,
    touchEveryMs: MINUTE_MS,
    rotateEveryMs: 15 * MINUTE_MS,
    rotateGraceMs: 10 * SECOND_MS,
    accessTtlMs: 5 * MINUTE_MS,
    sudoMs: 5 * MINUTE_MS,
    reauthFactors: 2,
    refresh: { idleMs: 15 * MINUTE_MS, absoluteMs: 12 * HOUR_MS, keyBound: "required" },
    concurrency: { max: 3, onLimit: "ask" },
    cookie: { prefix: "__Host-", sameSite: "Strict", persistent: "never" },
    csrf: "fetch-metadata+token",
    binding: "require-where-supported",
    boundTokenTtlMs: 10 * MINUTE_MS,
    storeDown: "closed",
    revision3: { absolute: 12 * HOUR_MS, idle: 15 * MINUTE_MS, force: "SHALL" },
  },
  "pci-dss-4": {
    source: "8.2.8: idle more than 15 minutes re-authenticates; no clause on the absolute span",
    idleMs: { value: 15 * MINUTE_MS, cap: 15 * MINUTE_MS },
    absoluteMs: { value: 8 * HOUR_MS, cap: null },
    onIdle: "lock-all-factors",
    warnBeforeMs: 90 * SECOND_MS,
    touchEveryMs: MINUTE_MS,
    rotateEveryMs: 15 * MINUTE_MS,
    rotateGraceMs: 10 * SECOND_MS,
    accessTtlMs: 5 * MINUTE_MS,
    sudoMs: 5 * MINUTE_MS,
    reauthFactors: 2,
    refresh: { idleMs: 15 * MINUTE_MS, absoluteMs: 8 * HOUR_MS, keyBound: "required" },
    concurrency: { max: 3, onLimit: "evict-oldest" },
    cookie: { prefix: "__Host-", sameSite: "Strict", persistent: "never" },
    csrf: "fetch-metadata+token",
    binding: "prefer",
    boundTokenTtlMs: 10 * MINUTE_MS,
    storeDown: "closed",
    retention: { auditDays: 365, hotDays: 90 },
  },
  hipaa: {
    source: "164.312(a)(2)(iii): predetermined inactivity, addressable, no number",
    idleMs: { value: 15 * MINUTE_MS, cap: 30 * MINUTE_MS },
    absoluteMs: { value: 12 * HOUR_MS, cap: null },
    onIdle: "lock-one-factor",
    warnBeforeMs: 90 * SECOND_MS,
    touchEveryMs: MINUTE_MS,
    rotateEveryMs: 30 * MINUTE_MS,
    rotateGraceMs: 10 * SECOND_MS,
    accessTtlMs: 5 * MINUTE_MS,
    sudoMs: 10 * MINUTE_MS,
    reauthFactors: 1,
    refresh: { idleMs: 15 * MINUTE_MS, absoluteMs: 12 * HOUR_MS, keyBound: "preferred" },
    concurrency: { max: 5, onLimit: "evict-oldest" },
    cookie: { prefix: "__Host-", sameSite: "Lax", persistent: "never" },
    csrf: "fetch-metadata",
    binding: "prefer",
    boundTokenTtlMs: 10 * MINUTE_MS,
    storeDown: "closed",
    idleSharedWorkstationMs: 5 * MINUTE_MS,
    retention: { auditDays: 2190, hotDays: null },
    emergencyAccess: "break-glass role with reason and alert",
  },
  consumer: {
    source: "project default; looser than NIST AAL1 SHOULD, so it carries its own justification",
    idleMs: { value: 30 * DAY_MS, cap: null },
    absoluteMs: { value: 90 * DAY_MS, cap: 400 * DAY_MS },
    onIdle: "end",
    warnBeforeMs: 5 * MINUTE_MS,
    touchEveryMs: MINUTE_MS,
    rotateEveryMs: DAY_MS,
    rotateGraceMs: 30 * SECOND_MS,
    accessTtlMs: 15 * MINUTE_MS,
    sudoMs: 15 * MINUTE_MS,
    reauthFactors: 1,
    refresh: { idleMs: 30 * DAY_MS, absoluteMs: 90 * DAY_MS, keyBound: "optional" },
    concurrency: { max: 20, onLimit: "evict-idle" },
    cookie: { prefix: "__Host-", sameSite: "Lax", persistent: "opt-in" },
    csrf: "fetch-metadata",
    binding: "prefer",
    boundTokenTtlMs: 10 * MINUTE_MS,
    storeDown: "degraded",
  },
  saas: {
    source: "project default; an office day idle, tenants may tighten",
    idleMs: { value: 8 * HOUR_MS, cap: DAY_MS },
    absoluteMs: { value: 7 * DAY_MS, cap: 30 * DAY_MS },
    onIdle: "end",
    warnBeforeMs: 5 * MINUTE_MS,
    touchEveryMs: MINUTE_MS,
    rotateEveryMs: HOUR_MS,
    rotateGraceMs: 20 * SECOND_MS,
    accessTtlMs: 10 * MINUTE_MS,
    sudoMs: 15 * MINUTE_MS,
    reauthFactors: 1,
    refresh: { idleMs: 8 * HOUR_MS, absoluteMs: 7 * DAY_MS, keyBound: "preferred" },
    concurrency: { max: 10, onLimit: "evict-oldest" },
    cookie: { prefix: "__Host-", sameSite: "Lax", persistent: "opt-in" },
    csrf: "fetch-metadata",
    binding: "prefer",
    boundTokenTtlMs: 10 * MINUTE_MS,
    storeDown: "closed",
  },
  banking: {
    source: "OWASP: 2–5 min for high value; PSD2 RTS 2018/389 Art. 4(3)(d): 5 min",
    idleMs: { value: 5 * MINUTE_MS, cap: 5 * MINUTE_MS },
    absoluteMs: { value: HOUR_MS, cap: 4 * HOUR_MS },
    onIdle: "end",
    warnBeforeMs: MINUTE_MS,
    touchEveryMs: 30 * SECOND_MS,
    rotateEveryMs: 5 * MINUTE_MS,
    rotateGraceMs: 10 * SECOND_MS,
    accessTtlMs: 2 * MINUTE_MS,
    sudoMs: 0,
    reauthFactors: 2,
    refresh: { idleMs: 5 * MINUTE_MS, absoluteMs: HOUR_MS, keyBound: "required" },
    concurrency: { max: 1, onLimit: "evict-oldest", per: "channel", notify: true },
    cookie: { prefix: "__Host-", sameSite: "Strict", persistent: "never" },
    csrf: "fetch-metadata+token",
    binding: "require-where-supported",
    boundTokenTtlMs: 5 * MINUTE_MS,
    storeDown: "closed",
    perTransactionAuth: true,
  },
});

/** Preset names in the order in which help texts list them. */
export const PRESET_NAMES: readonly PresetName[] = Object.freeze(
  Object.keys(PRESETS).filter(isPresetName),
);

/** Tell a preset's name from any other value; names on the prototype are not presets. */
export function isPresetName(value: unknown): value is PresetName {
  return typeof value === "string" && Object.hasOwn(PRESETS, value);
}
