/** What one case of the store contract is, and the kit it works with. */
import type {
  CreateOptions,
  CreateResult,
  SessionRef,
  SessionStore,
  StoreCapabilities,
  StoredSession,
} from "../engine/ports.ts";
import type { SessionEnd, SessionRecord } from "../engine/record.ts";
import { outcome, present } from "./expect.ts";
import { SeededRandom } from "./random.ts";

/** One promise of the contract, as something to run against a store. Needs no test runner. */
export interface StoreCase {
  /** Begins with the verb of the promise. */
  readonly name: string;
  /** @throws when the store breaks the promise. */
  run(store: SessionStore, kit: CaseKit): Promise<void>;
  /** Absent: every store. */
  readonly needs?: (capabilities: StoreCapabilities) => boolean;
  /** Takes seconds where each write is durable. */
  readonly slow?: true;
}

/** A record with what the case is about; everything else is filled in. */
export type RecordChanges = Partial<SessionRecord> & Pick<SessionRecord, "tenant">;

export interface Whose {
  readonly tenant: string;
  readonly subject: string;
}

/** Fresh names, so that cases may share an engine. Run them one by one: sweeps are global. */
export interface CaseKit {
  /** The instant at which cases begin. */
  readonly now: number;
  readonly random: SeededRandom;
  /** A second handle on the same storage, where there can be one. */
  readonly peer?: SessionStore;
  /** A tenant that nobody has used. */
  tenant(): string;
  /** A session id that nobody has used. */
  id(): string;
  /** Its id says where its subject is, whatever id was asked for, where the storage is split. */
  recordOf(changes: RecordChanges): SessionRecord;
  /** A subject of `tenant`, called `name` or much like it, that lies where another one does. */
  beside(where: Whose, tenant: string, name: string): string;
}

export interface CaseKitOptions {
  /** Give another one with every run against storage that stays: names come from it. */
  readonly seed: number;
  readonly peer?: SessionStore;
  /**
   * Where storage that is split by subjects keeps one, 0–65535: the `bucketOf` of its installation,
   * modulo its parts. Default: it is not split.
   */
  readonly part?: (tenant: string, subject: string) => number;
  /** Default 2027-01-15T08:00:00Z; the real time where the engine expires by its own clock. */
  readonly now?: number;
}

export const MINUTE_MS = 60_000;
export const HOUR_MS: number = 60 * MINUTE_MS;
/** Of the kit's records, unless the case says otherwise. */
export const IDLE_MS: number = 30 * MINUTE_MS;
export const ABSOLUTE_MS: number = 8 * HOUR_MS;

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

export function caseKit(options: CaseKitOptions): CaseKit {
  const random = new SeededRandom(options.seed);
  const now = options.now ?? 1_800_000_000_000;
  const prefix = text(random, 8);
  let tenants = 0;
  const id = (): string => text(random, 24);
  const { part } = options;
  const placed = (record: SessionRecord): SessionRecord => {
    if (part === undefined || record.subject === null) return record;
    return { ...record, id: inPart(record.id, part(record.tenant, record.subject)) };
  };
  return {
    now,
    random,
    ...(options.peer === undefined ? {} : { peer: options.peer }),
    tenant: () => {
      tenants += 1;
      return `case-${prefix}-${tenants}`;
    },
    id,
    recordOf: (changes) => placed({ ...plainRecord(id(), changes.createdAt ?? now), ...changes }),
    beside: (where, tenant, name) => {
      let [found, count] = [name, 0];
      while (part !== undefined && part(tenant, found) !== part(where.tenant, where.subject)) {
        found = `${name}-${(count += 1)}`;
      }
      return found;
    },
  };
}

/** An id with the part in its second and third byte, as the library makes them. */
function inPart(id: string, part: number): string {
  const first = (BASE64URL.indexOf(id.charAt(1)) & 0x30) | (part >> 12);
  const digits = [first, (part >> 6) & 63, part & 63].map((digit) => BASE64URL[digit]);
  return `${id.charAt(0)}${digits.join("")}${id.slice(4)}`;
}

function plainRecord(id: string, createdAt: number): Omit<SessionRecord, "tenant"> {
  return {
    id,
    subject: "alice",
    kind: "user",
    version: 1,
    state: "active",
    epoch: 0,
    createdAt,
    authenticatedAt: createdAt,
    seenAt: createdAt,
    idleMs: IDLE_MS,
    idleLockFactors: 0,
    absoluteExpiresAt: createdAt + ABSOLUTE_MS,
    assurance: {
      acr: "urn:example:loa:1",
      amr: ["pwd"],
      authTime: createdAt,
      factors: [{ method: "pwd", at: createdAt }],
    },
    rotation: { generation: 1, verifier: "A".repeat(32), confirmedAt: createdAt, lastIssued: 1 },
  };
}

function text(random: SeededRandom, length: number): string {
  return Array.from({ length }, () => BASE64URL[random.int(0, 63)]).join("");
}

/** A successor that was issued and not yet presented. */
export function pendingToken(generation: number, sentAt: number): PendingToken {
  return { generation, verifier: "B".repeat(32), issuedAt: sentAt, sentAt, sealed: "C".repeat(64) };
}

export type PendingToken = NonNullable<SessionRecord["rotation"]["pending"]>;

export function refOf(record: SessionRef): SessionRef {
  return { tenant: record.tenant, id: record.id };
}

export function revoked(at: number): SessionEnd {
  return { reason: "revoked", at, cause: "test", actor: "tester" };
}

/** Create, at the record's own time unless told otherwise. @throws unless it was created. */
export async function opened(
  store: SessionStore,
  record: SessionRecord,
  options: Partial<CreateOptions> = {},
): Promise<Extract<CreateResult, { outcome: "created" }>> {
  const result = await store.create(record, { now: record.createdAt, ...options });
  return outcome(result, "created", "create of a new session");
}

/** @throws unless there is such a session. */
export async function found(store: SessionStore, ref: SessionRef): Promise<StoredSession> {
  return present(await store.find(refOf(ref)), "find of a session that is there");
}

/** Two handles on the same storage; the same one twice where there is only one. */
export function handles(store: SessionStore, kit: CaseKit): readonly [SessionStore, SessionStore] {
  return [store, kit.peer ?? store];
}
