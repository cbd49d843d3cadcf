/** Starts the notes demo: settings from the environment, one store, one server. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSessions, MemoryStore } from "sojourn";
import { SqliteStore } from "sojourn/stores/sqlite";
import { createApp } from "./app.mjs";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;

const { env } = process;
const host = env.SOJOURN_HOST ?? "127.0.0.1";
const port = Number(env.SOJOURN_PORT ?? 7381);
const idleMs = readSpan(env.NOTES_IDLE ?? "15m");

const store = openStore(env.SOJOURN_STORE ?? "memory");
const sessions = createSessions({
  store,
  secrets: [readSecret(env.SOJOURN_SECRET_FILE)],
  policy: {
    extends: "saas",
    idleMs,
    warnBeforeMs: Math.min(2 * MINUTE_MS, Math.floor(idleMs / 2)),
    // "Remember this browser" on the sign-in page; without this no session is remembered.
    remember: { idleMs: DAY_MS, absoluteMs: 30 * DAY_MS },
  },
  // A client may only tighten. "Show me the warning" on the sign-in page asks for this one; its
  // warning follows the shorter idle time by itself.
  tighten: { clients: { impatient: { idleMs: Math.min(30 * SECOND_MS, idleMs), remember: null } } },
});

const { app, closeStreams } = createApp(sessions);
const server = app.listen(port, host, (error) => {
  if (error) throw error;
  console.log(`listening on http://${host}:${server.address().port}`);
});

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void stop());

/** Streams first, or the server would wait for them; the store last, since requests use it. */
async function stop() {
  closeStreams();
  const closed = new Promise((resolve) => void server.close(resolve));
  server.closeIdleConnections();
  // Browsers open connections ahead; on one that never asked anything a server waits for ever.
  const hurry = setTimeout(() => server.closeAllConnections(), 2 * SECOND_MS);
  await closed;
  clearTimeout(hurry);
  await sessions.close();
  await store.close();
}

/** @param {string} text `memory`, or `sqlite:` and a path. */
function openStore(text) {
  if (text === "memory") return new MemoryStore();
  if (text.startsWith("sqlite:")) return new SqliteStore({ path: text.slice("sqlite:".length) });
  throw new Error(`SOJOURN_STORE is "${text}"; it takes "memory" or "sqlite:<path>"`);
}

/** A secret that is not kept ends every session at the next start, which is fine for a trial. */
function readSecret(file) {
  return file === undefined
    ? randomBytes(32).toString("base64url")
    : readFileSync(file, "utf8").trim();
}

/** @param {string} text Such as `60s` or `15m`. @returns {number} milliseconds. */
function readSpan(text) {
  const [, count, unit] = /^(\d{1,5})([sm])$/.exec(text) ?? [];
  if (count === undefined) throw new Error(`NOTES_IDLE is "${text}"; it takes 60s, 15m and such`);
  return Number(count) * (unit === "s" ? SECOND_MS : MINUTE_MS);
}
