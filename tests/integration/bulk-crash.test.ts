/** An operation and what befalls the processes that work on it. */
import { createSessions } from "sojourn";
import { SqliteStore } from "sojourn/stores/sqlite";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { SqliteControl } from "../../packages/sojourn-server/src/control/sqlite-control.ts";
import { at, bearer, folder, SECRET, send, serveProcess, sojourn } from "./service-harness.ts";
import type { Json, ServedProcess } from "./service-harness.ts";

const SESSIONS = 600;
const WAIT = { timeout: 60_000, interval: 20 };

let place: ReturnType<typeof folder>;
let env: Record<string, string>;
let key: string;
const running: ServedProcess[] = [];

beforeAll(async () => {
  place = folder();
  env = { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: `sqlite:${place.path}/s.db` };
  const scopes = ["sessions:read", "bulk:write", "audit:read"].flatMap((one) => ["--scope", one]);
  const made = await sojourn(["keys", "create", "--name", "crash", ...scopes, "--json"], env);
  key = (JSON.parse(made.out) as { key: string }).key;
});

afterAll(async () => {
  for (const one of running) await one.stop("SIGKILL");
  place.remove();
});

async function serve(): Promise<ServedProcess> {
  const served = await serveProcess(env);
  running.push(served);
  return served;
}

function ask(served: ServedProcess, method: string, path: string, body?: Json): Promise<Json> {
  const sent = { ...bearer(key), ...(body === undefined ? {} : { body }) };
  return send(`${served.url}${path}`, method, sent).then(({ json }) => json);
}

/** In the file, without a service. */
async function openAll(client: string): Promise<readonly string[]> {
  const store = new SqliteStore({ path: `${place.path}/s.db` });
  const sessions = createSessions({ store, secrets: [SECRET], sweep: false });
  const opened = Array.from({ length: SESSIONS }, (_, n) =>
    sessions.open({ subject: `user-${n}`, amr: ["pwd"], client }),
  );
  const handles = (await Promise.all(opened)).map(({ session }) => session.id ?? "");
  await sessions.close();
  await store.close();
  return handles;
}

describe("an operation", () => {
  it("goes on after kill -9 of the process that worked on it, and misses and repeats none", async () => {
    const handles = await openAll("doomed");
    const [spared = ""] = await openAll("spared");
    const first = await serve();
    const body = { action: "revoke", filter: { client: "doomed" }, cause: "retired" };
    const dry = await vi.waitFor(async () => {
      const json = await ask(first, "POST", "/v1/bulk", { ...body, dryRun: true });
      expect(at(json, "count.value")).toBe(SESSIONS);
      return json;
    }, WAIT);
    const token = String(dry["token"]);
    const started = await ask(first, "POST", "/v1/bulk", { ...body, token });
    const path = `/v1/operations/${String(at(started, "operation.id"))}`;
    const sql = new SqliteControl(`${place.path}/control.db`);
    await vi.waitFor(async () => {
      const { rows } = await sql.run("test", "SELECT done FROM control.operation");
      expect(Number(rows[0]?.["done"])).toBeGreaterThan(0);
    }, WAIT);
    await first.stop("SIGKILL");
    const { rows } = await sql.run("test", "SELECT done, state FROM control.operation");
    expect(rows[0]?.["state"]).toBe("running");
    expect(Number(rows[0]?.["done"])).toBeLessThan(SESSIONS);
    await sql.close();

    const second = await serve();
    const operation = await vi.waitFor(async () => {
      const json = await ask(second, "GET", path);
      expect(at(json, "operation.state")).toBe("done");
      return json["operation"] as Json;
    }, WAIT);
    expect(operation).toMatchObject({ total: SESSIONS, done: SESSIONS, failed: 0 });

    const store = new SqliteStore({ path: `${place.path}/s.db` });
    const sessions = createSessions({ store, secrets: [SECRET], sweep: false });
    const ends = await Promise.all(handles.map((handle) => sessions.describe(handle)));
    for (const one of ends) {
      expect(one?.summary.end).toMatchObject({ reason: "revoked", cause: "retired" });
    }
    expect((await sessions.describe(spared))?.state).toBe("active");
    await sessions.close();
    await store.close();
    // Of each end one entry at most: what was ended already was not ended again.
    const told = new Map<unknown, number>();
    let cursor = "";
    do {
      const json = await ask(second, "GET", `/v1/audit?name=session-ended&limit=200${cursor}`);
      for (const { session } of json["items"] as Json[]) {
        told.set(session, (told.get(session) ?? 0) + 1);
      }
      const next = json["nextCursor"] as string | undefined;
      cursor = next === undefined ? "" : `&cursor=${next}`;
    } while (cursor !== "");
    expect([...told.values()].filter((count) => count > 1)).toEqual([]);
  });
});
