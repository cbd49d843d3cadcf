/** Sessions to measure with: real records of a real policy, many of them, in files under `/tmp`. */
import { randomBytes, randomFillSync } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { createSessions, MemoryStore } from "sojourn";
import type { SessionRecord } from "sojourn";
import { SqliteStore } from "sojourn/stores/sqlite";
import type { SqliteDatabase } from "sojourn/stores/sqlite";

export const TENANT = "default";
/** One in five sessions belongs to a subject with this many. */
export const CROWD = 100;
const CROWD_EVERY = 5;
const SESSIONS_PER_SUBJECT = 4;
const USERS = 1_000_000_000;
/** Golden section of it, and prime to it: multiples are spread evenly and never meet. */
const GOLDEN = 618_033_989;
/** As large as the group commit makes a group. */
const SEEDED_TOGETHER = 256;
const ID_BYTES = 18;
const SEALED_BYTES = 54;
const VERIFIER_BYTES = 24;
/** 100 bytes as stored, names and braces included. */
const DATA = { theme: '"dark"', cart: `"${"x".repeat(66)}"` } as const;
export const DATA_BYTES: number = JSON.stringify(DATA).length;

export interface RecordMaker {
  /** A fresh active session. */
  make(subject: string, createdAt: number): SessionRecord;
  readonly data: Readonly<Record<string, string>>;
}

/** Records differ from one that the public API made in names, times and verifiers only. */
export async function recordMaker(): Promise<RecordMaker> {
  const store = new MemoryStore();
  const sessions = createSessions({ secrets: [randomBytes(32)], store, sweep: false });
  const { session } = await sessions.open({ subject: "pattern", amr: ["pwd"] });
  const id = session.id?.slice("ses_".length) ?? "";
  const pattern = (await store.find({ tenant: TENANT, id }))?.record;
  await sessions.close();
  if (pattern === undefined) throw new Error("the pattern session was not stored");
  return { data: DATA, make: (subject, createdAt) => moved(pattern, subject, createdAt) };
}

function moved(pattern: SessionRecord, subject: string, createdAt: number): SessionRecord {
  const by = createdAt - pattern.createdAt;
  const { assurance, rotation } = pattern;
  const authTime = assurance.authTime + by;
  return {
    ...pattern,
    // As ids of the library: of the region 0.
    id: `A${randomText(ID_BYTES).slice(1)}`,
    subject,
    createdAt,
    authenticatedAt: pattern.authenticatedAt + by,
    seenAt: pattern.seenAt + by,
    absoluteExpiresAt: pattern.absoluteExpiresAt + by,
    assurance: {
      ...assurance,
      authTime,
      factors: assurance.factors.map(({ method }) => ({ method, at: authTime })),
    },
    rotation: {
      ...rotation,
      verifier: randomText(VERIFIER_BYTES),
      confirmedAt: rotation.confirmedAt + by,
    },
  };
}

/** A token has been issued and not yet presented: the largest a session commonly is. */
export function withSuccessor(record: SessionRecord): SessionRecord {
  const at = record.createdAt + 1000;
  const [verifier, sealed] = [randomText(VERIFIER_BYTES), randomText(SEALED_BYTES)];
  const pending = { generation: 2, verifier, issuedAt: at, sentAt: at, sealed };
  return { ...record, rotation: { ...record.rotation, lastIssued: 2, pending } };
}

const pool = Buffer.alloc(65_536);
let poolAt = pool.length;

/** Asking the system for each few bytes would take longer than storing them. */
export function randomText(bytes: number): string {
  if (poolAt + bytes > pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  poolAt += bytes;
  return pool.toString("base64url", poolAt - bytes, poolAt);
}

export function crowdName(index: number): string {
  return `crowd-${String(index).padStart(8, "0")}`;
}

/** Names come in no order: in order they would fill an index's pages better than in life. */
function userName(index: number): string {
  return `user-${String((index * GOLDEN) % USERS).padStart(9, "0")}`;
}

/**
 * Fill a file through a store's own `create`. All its groups join one transaction in memory, which
 * saves writing the same pages thousands of times; rows and pages come out the same.
 *
 * @returns a sample of what was stored, one record of `everyNth`.
 */
export async function seed(
  path: string,
  maker: RecordMaker,
  plan: { readonly sessions: number; readonly now: number; readonly everyNth: number },
): Promise<SessionRecord[]> {
  const { sessions, now, everyNth } = plan;
  const database = new DatabaseSync(path);
  const store = new SqliteStore({ database: joined(database) });
  await store.subjectEpoch(TENANT, "nobody");
  database.exec("PRAGMA cache_size = -1000000; BEGIN");
  const crowds = sessions / CROWD_EVERY / CROWD;
  const kept: SessionRecord[] = [];
  for (let from = 0; from < sessions; from += SEEDED_TOGETHER) {
    const together: Promise<unknown>[] = [];
    for (let index = from; index < Math.min(from + SEEDED_TOGETHER, sessions); index += 1) {
      const turn = Math.floor(index / CROWD_EVERY);
      const subject =
        index % CROWD_EVERY === 0
          ? crowdName(turn % crowds)
          : userName(Math.floor(index / SESSIONS_PER_SUBJECT));
      const record = maker.make(subject, now - (sessions - index));
      if (index % everyNth === 1) kept.push(record);
      together.push(store.create(record, { now: record.createdAt, data: maker.data }));
    }
    await Promise.all(together);
  }
  await store.close();
  database.exec("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
  return kept;
}

/** A connection whose prepared `BEGIN` and `COMMIT`, those of groups, do nothing. */
function joined(database: DatabaseSync): SqliteDatabase {
  const seam = {
    exec: (sql: string) => database.exec(sql),
    prepare: (sql: string) =>
      database.prepare(/^(BEGIN|COMMIT)/.test(sql) ? "SELECT 1 WHERE 0" : sql),
    location: () => database.location(),
    close: () => database.close(),
  };
  return seam;
}
