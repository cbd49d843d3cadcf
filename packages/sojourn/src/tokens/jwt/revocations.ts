/**
 * The revocation feed: what ended lately, as whoever verifies tokens without asking must know it.
 * A page is a snapshot (no position was given) or what came after one.
 */
import { formatInstant, readInstant } from "../instants.ts";

export type RevocationEntry =
  /** The session has ended. */
  | { readonly kind: "session"; readonly session: string; readonly at: number }
  /** Everything of the subject below `epoch` has ended, but for the session `except`. */
  | {
      readonly kind: "subject";
      readonly tenant: string;
      readonly subject: string;
      readonly epoch: number;
      readonly except?: string;
      readonly at: number;
    }
  /** The session waits for a factor, or waits no more. */
  | {
      readonly kind: "lock";
      readonly session: string;
      readonly lifted: boolean;
      readonly at: number;
    }
  /** Whoever it is about is kept out until it is lifted, whenever the token was issued. */
  | {
      readonly kind: "lockout";
      readonly id: string;
      readonly tenant: string;
      /** `subject`, `client`, `tenant`, …; what no token tells is for those who know it. */
      readonly target: string;
      /** Absent for the whole tenant. */
      readonly value?: string;
      readonly lifted: boolean;
      /** Exclusive. */
      readonly expiresAt?: number;
      readonly at: number;
    }
  /** One token. Never by a hash of its text: one signature has several spellings. */
  | {
      readonly kind: "token";
      readonly issuer: string;
      readonly jti: string;
      readonly at: number;
    }
  /** Everything issued before `at`: what ended meanwhile is not known, or everybody is to go. */
  | { readonly kind: "all"; readonly at: number }
  /** Everything signed with the key. */
  | { readonly kind: "key"; readonly kid: string; readonly at: number };

export interface RevocationPage {
  /** Absent: it tells of every tenant. Nothing is known of the others' tokens. */
  readonly tenant?: string;
  /** Where the next page begins. */
  readonly position: string;
  readonly entries: readonly RevocationEntry[];
  /** False: the position is not known any more; ask for a snapshot. */
  readonly complete: boolean;
  /** When the page was made, by the clock of the service. */
  readonly at: number;
  /** The page holds everything acknowledged up to so long before `at`. */
  readonly ageMs: number;
  /** An entry matters for so long: the longest life of a token. */
  readonly keepMs: number;
}

/** Where pages come from. Rejects for trouble; its own deadline is its business. */
export interface RevocationFeed {
  /** @param since A position of an earlier page; absent: a snapshot. */
  read(since?: string): Promise<RevocationPage>;
}

const ENTRIES_MAX = 1_000_000;

type Fields = Readonly<Record<string, unknown>>;

/** As JSON has it: instants RFC 3339, spans in seconds. */
export function formatPage(page: RevocationPage): Fields {
  const { tenant, position, entries, complete, at, ageMs, keepMs } = page;
  return {
    ...(tenant === undefined ? {} : { tenant }),
    position,
    entries: entries.map(formatEntry),
    complete,
    serverTime: formatInstant(at),
    ageSeconds: ageMs / 1_000,
    keepSeconds: keepMs / 1_000,
  };
}

function formatEntry(entry: RevocationEntry): Fields {
  const at = formatInstant(entry.at);
  if (entry.kind !== "lockout" || entry.expiresAt === undefined) return { ...entry, at };
  return { ...entry, expiresAt: formatInstant(entry.expiresAt), at };
}

/** @returns `undefined` unless it is a page in every part: half of one would hide revocations. */
export function readPage(value: unknown): RevocationPage | undefined {
  const fields = fieldsOf(value);
  const { tenant, position, complete, serverTime, ageSeconds, keepSeconds } = fields;
  const at = readInstant(serverTime);
  const entries = readEntries(fields["entries"]);
  if (at === undefined || entries === undefined) return undefined;
  if (!isText(position) || typeof complete !== "boolean") return undefined;
  if (!isSpan(ageSeconds) || !isSpan(keepSeconds)) return undefined;
  const [ageMs, keepMs] = [ageSeconds * 1_000, keepSeconds * 1_000];
  const page = { position, entries, complete, at, ageMs, keepMs };
  if (tenant === undefined) return page;
  return isText(tenant) ? { ...page, tenant } : undefined;
}

function readEntries(list: unknown): readonly RevocationEntry[] | undefined {
  if (!Array.isArray(list) || list.length > ENTRIES_MAX) return undefined;
  const entries: RevocationEntry[] = [];
  for (const item of list) {
    const entry = readEntry(fieldsOf(item));
    if (entry === undefined) return undefined;
    if (entry !== "newer") entries.push(entry);
  }
  return entries;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function isSpan(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value < 1e9;
}

/** What the members of each kind hold, besides `at`. */
const isEpoch = (value: unknown): boolean => Number.isSafeInteger(value);
const isFlag = (value: unknown): boolean => typeof value === "boolean";
const isTextOrAbsent = (value: unknown): boolean => value === undefined || isText(value);
const isInstantOrAbsent = (value: unknown): boolean =>
  value === undefined || readInstant(value) !== undefined;
const MEMBERS: Readonly<Record<string, Readonly<Record<string, (value: unknown) => boolean>>>> = {
  session: { session: isText },
  subject: { tenant: isText, subject: isText, epoch: isEpoch, except: isTextOrAbsent },
  lock: { session: isText, lifted: isFlag },
  lockout: {
    id: isText,
    tenant: isText,
    target: isText,
    value: isTextOrAbsent,
    lifted: isFlag,
    expiresAt: isInstantOrAbsent,
  },
  token: { issuer: isText, jti: isText },
  all: {},
  key: { kid: isText },
};

/** @returns `"newer"` for a kind that this version does not know. */
function readEntry(fields: Fields): RevocationEntry | "newer" | undefined {
  const { kind } = fields;
  const at = readInstant(fields["at"]);
  if (at === undefined || typeof kind !== "string") return undefined;
  const members = Object.hasOwn(MEMBERS, kind) ? MEMBERS[kind] : undefined;
  if (members === undefined) return "newer";
  const entry: Record<string, unknown> = { kind, at };
  for (const [name, fits] of Object.entries(members)) {
    if (!fits(fields[name])) return undefined;
    if (fields[name] !== undefined) entry[name] = fields[name];
  }
  if (entry["expiresAt"] !== undefined) entry["expiresAt"] = readInstant(entry["expiresAt"]);
  return entry as unknown as RevocationEntry;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
