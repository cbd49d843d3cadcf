/** A process with a near-cache; `near-cache-processes.test.ts` tells it which token to look at. */
import { createClient } from "redis";
import { Pool } from "pg";
import { createSessions } from "../../packages/sojourn/src/index.ts";
import type { SessionStore } from "../../packages/sojourn/src/index.ts";
import { PostgresStore } from "../../packages/sojourn/src/stores/postgres.ts";
import type { PostgresPool } from "../../packages/sojourn/src/stores/postgres.ts";
import { RedisStore } from "../../packages/sojourn/src/stores/redis.ts";
import { SqliteStore } from "../../packages/sojourn/src/stores/sqlite.ts";

export type Told =
  | { readonly what: "warm" }
  /** No answer after this one was "active". Instants are of the machine's wall clock. */
  | { readonly what: "refused"; readonly state: string; readonly lastActiveAt: number };

const [engine = "", place = "", secret = "", staleness = ""] = process.argv.slice(2);
const LOOK_MS = 2;
/** Hits in a row that show that nothing is asked of the store any more. */
const WARM_LOOKS = 20;

function open(): SessionStore {
  if (engine === "SQLite") return new SqliteStore({ path: place });
  if (engine === "PostgreSQL") {
    const pool = new Pool({ connectionString: place, max: 4 });
    pool.on("error", () => undefined);
    return new PostgresStore({ pool: pool as unknown as PostgresPool });
  }
  const client = createClient({ url: place, disableOfflineQueue: true });
  client.on("error", () => undefined);
  return new RedisStore({ client, acceptRisks: ["no-aof"] });
}

const sessions = createSessions({
  secrets: [secret],
  store: open(),
  stalenessMs: Number(staleness),
  storeTimeoutMs: 500,
  sweep: false,
  production: false,
  warn: () => undefined,
  onError: () => undefined,
});

function tell(told: Told): void {
  process.send?.(told);
}

async function look(token: string): Promise<string> {
  try {
    return (await sessions.authenticate(token, { activity: false })).state;
  } catch {
    return "unavailable";
  }
}

/** Look again and again until it is not active any more, and then for as long as S again. */
async function watch(token: string): Promise<void> {
  let state = "";
  let looks = 0;
  let lastActiveAt = 0;
  let overAt = Infinity;
  while (Date.now() < overAt) {
    const askedAt = Date.now();
    const now = await look(token);
    if (now === "active") {
      lastActiveAt = askedAt;
      looks += 1;
      if (looks === WARM_LOOKS) tell({ what: "warm" });
    } else if (looks >= WARM_LOOKS && overAt === Infinity) {
      overAt = Date.now() + Number(staleness);
    }
    state = now;
    await new Promise((resolve) => void setTimeout(resolve, LOOK_MS));
  }
  tell({ what: "refused", state, lastActiveAt });
}

process.on("message", (token: string) => void watch(token));
process.on("disconnect", () => process.exit());
