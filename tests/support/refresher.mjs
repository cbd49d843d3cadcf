/**
 * One more process that answers refreshes: `node refresher.mjs URL SECRET`. It says `ready`; each
 * line of JSON it reads is a token and how often to use it at once, each line it writes what came.
 */
import { createInterface } from "node:readline";
import pg from "pg";
import { createClient } from "redis";
import { createSessions } from "sojourn";
import { PostgresStore } from "sojourn/stores/postgres";
import { RedisStore } from "sojourn/stores/redis";
import { SqliteStore } from "sojourn/stores/sqlite";

const [url = "", secret = ""] = process.argv.slice(2);
const sessions = createSessions({ store: openStore(), secrets: [secret], sweep: false });
let alarms = 0;
sessions.events.on("token-fork", () => void (alarms += 1));
await sessions.health();
process.stdout.write("ready\n");

function openStore() {
  if (url.startsWith("postgres:")) {
    return new PostgresStore({ pool: new pg.Pool({ connectionString: url, max: 8 }) });
  }
  if (!url.startsWith("redis:")) return new SqliteStore({ path: url });
  const client = createClient({ url, disableOfflineQueue: true });
  return new RedisStore({ client, acceptRisks: ["no-aof"] });
}

for await (const line of createInterface({ input: process.stdin })) {
  const { token, times } = JSON.parse(line);
  const how = { client: "app", fingerprint: "phone" };
  const uses = Array.from({ length: times }, () => sessions.refreshTokens.use(token, how));
  const successors = (await Promise.all(uses)).map((one) =>
    one.state === "active" ? (one.successor ?? "none") : one.state,
  );
  process.stdout.write(`${JSON.stringify({ successors, alarms })}\n`);
}
process.exit(0);
