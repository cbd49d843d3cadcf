/**
 * Stores as older versions left them (tools/upgrade-fixtures.mjs), under the present service: what
 * lived lives, what had ended stays ended, and keys and kept replies go on.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres, startRedis } from "../../tools/engines.mjs";
import { until } from "../../tools/engines/process.mjs";
import { root } from "../tidy/repository.ts";
import { at, folder, send, startTestService } from "./service-harness.ts";
import type { Answer, TestService } from "./service-harness.ts";

const FIXTURES = join(root, "tests/upgrade/fixtures");
const VERSIONS = readdirSync(FIXTURES);
/** Nothing was ever released with that layout of Redis. */
const BEFORE_LAYOUT_2 = "4fd2788";
const ENGINES = ["sqlite", "postgres", "redis"] as const;
type EngineName = (typeof ENGINES)[number];

interface Left {
  readonly key: string;
  readonly madeAt: number;
  /** Body of the request that had an idempotency key. */
  readonly once: object;
  readonly sessions: readonly {
    readonly id: string;
    readonly token: string;
    readonly subject: string;
    readonly state: string;
  }[];
}

function factsOf(version: string): Record<EngineName, Left> & { readonly secret: string } {
  const text = readFileSync(join(FIXTURES, version, "facts.json"), "utf8");
  return JSON.parse(text) as Record<EngineName, Left> & { secret: string };
}

function fixture(version: string, file: string): Buffer {
  return gunzipSync(readFileSync(join(FIXTURES, version, `${file}.gz`)));
}

const place = folder();
let postgres: Awaited<ReturnType<typeof startPostgres>>;
let redis: Awaited<ReturnType<typeof startRedis>>;
let placed = 0;

beforeAll(async () => {
  [postgres, redis] = await Promise.all([
    startPostgres(),
    startRedis({ args: ["--appendonly", "yes"] }),
  ]);
});

afterAll(async () => {
  place.remove();
  await postgres.stop();
  await redis.stop();
});

/** Puts a fixture where the engine finds it. @returns the settings that lead there. */
async function laid(version: string, engine: EngineName): Promise<Record<string, string>> {
  placed += 1;
  const number = placed;
  const file = (name: string): string => {
    const path = join(place.path, `${number}-${name}`);
    writeFileSync(path, fixture(version, name));
    return path;
  };
  if (engine === "sqlite") {
    const store = `sqlite:${file("sqlite-sessions.db")}`;
    return { SOJOURN_STORE: store, SOJOURN_CONTROL: `sqlite:${file("sqlite-control.db")}` };
  }
  if (engine === "redis") {
    const url = `${redis.url}/${number}`;
    await fill(url, JSON.parse(fixture(version, "redis-sessions.json").toString()));
    return { SOJOURN_STORE: url, SOJOURN_CONTROL: `sqlite:${file("redis-control.db")}` };
  }
  const url = new URL(postgres.url);
  const database = `old_${number}`;
  execFileSync("psql", ["-q", "-c", `CREATE DATABASE ${database}`, url.href]);
  url.pathname = `/${database}`;
  for (const name of ["postgres-sessions.sql", "postgres-control.sql"]) {
    execFileSync("psql", ["-q", "-v", "ON_ERROR_STOP=1", "-f", file(name), url.href], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
  return { SOJOURN_STORE: url.href };
}

async function fill(url: string, keys: readonly (readonly [string, string])[]): Promise<void> {
  const client = createClient({ url });
  await client.connect();
  for (const pair of keys) {
    const [key = "", value = ""] = pair.map((text) => Buffer.from(text, "base64"));
    await client.sendCommand(["RESTORE", key as Buffer, "0", value as Buffer]);
  }
  await client.close();
}

interface World {
  readonly s: TestService;
  readonly left: Left;
  /** With the key that the older version made. */
  api(method: string, path: string, body?: object, headers?: object): Promise<Answer>;
}

/** The present service on it, at the time when the older one stopped. */
async function present(version: string, engine: EngineName): Promise<World> {
  const { secret, [engine]: left } = factsOf(version);
  const clock = { now: () => left.madeAt + 60_000, learn: () => undefined };
  const env = { ...(await laid(version, engine)), SOJOURN_SECRETS: secret };
  const s = await startTestService({ env, library: { clock } });
  const api: World["api"] = (method, path, body, headers = {}) =>
    send(s.service.url + path, method, {
      ...(body === undefined ? {} : { body }),
      headers: { authorization: `Bearer ${left.key}`, ...headers },
    });
  return { s, left, api };
}

async function statesOf({ api, left }: World): Promise<readonly unknown[]> {
  const tokens = left.sessions.map(({ token }) => token);
  const { json } = await api("POST", "/v1/sessions/verify", { tokens });
  if (json["results"] === undefined) throw new Error(JSON.stringify(json));
  return (json["results"] as { state: string }[]).map(({ state }) => state);
}

const CASES = VERSIONS.flatMap((version) =>
  ENGINES.filter((one) => one !== "redis" || version !== BEFORE_LAYOUT_2).map(
    (engine) => [version, engine] as const,
  ),
);

describe("what an older version left goes on: sessions, ends, data, keys and kept replies", () => {
  it.each(CASES)("version %s, in %s", async (version, engine) => {
    const world = await present(version, engine);
    const { api, left, s } = world;
    const expected = left.sessions.map(({ state }) => state);
    expect(await statesOf(world)).toEqual(expected);

    // Its data can be read, written and listed.
    const [first, second] = left.sessions.filter(({ state }) => state === "active");
    const before = await api("GET", `/v1/sessions/${first?.id}`);
    expect(at(before.json, "session.data")).toEqual({ cart: [first?.subject, 1] });
    const patched = await api("PATCH", `/v1/sessions/${first?.id}`, { data: { more: 2 } });
    expect(at(patched.json, "session.data")).toEqual({ cart: [first?.subject, 1], more: 2 });
    const listed = await api("GET", `/v1/sessions?subject=${encodeURIComponent("zoë")}`);
    expect(at(listed.json, "items.0")).toMatchObject({
      device: { id: "laptop" },
      roles: ["admin"],
    });

    // Locks are lifted, sessions ended and opened as ever.
    const locked = left.sessions.find(({ state }) => state === "locked");
    const unlocked = await api("POST", `/v1/sessions/${locked?.id}/unlock`, { amr: ["otp"] });
    expect(at(unlocked.json, "session.state")).toBe("active");
    expect((await api("POST", `/v1/sessions/${second?.id}/revoke`, {})).status).toBe(200);
    expect((await api("POST", "/v1/subjects/swept/revoke", {})).status).toBe(200);
    // After a change of the store's incarnation that takes a moment.
    await until("a session can be opened", async () => {
      const body = { subject: "new", amr: ["pwd"] };
      return (await api("POST", "/v1/sessions", body)).status === 201;
    });

    // A repeated request is answered with what the older version answered.
    const again = await api("POST", "/v1/sessions", left.once, {
      "idempotency-key": "upgrade-0001",
    });
    expect([again.status, again.json["token"]]).toEqual([
      201,
      left.sessions.find(({ subject }) => subject === "once")?.token,
    ]);
    expect(await statesOf(world)).toEqual(
      left.sessions.map(({ id, subject, state }) =>
        id === second?.id || subject === "swept"
          ? "ended"
          : id === locked?.id
            ? expect.stringMatching(/active|ended/)
            : state,
      ),
    );
    await s.service.stop();
  });
});

it("a layout of Redis that this version does not read is refused, with what to do", async () => {
  const url = `${redis.url}/15`;
  await fill(url, JSON.parse(fixture(BEFORE_LAYOUT_2, "redis-sessions.json").toString()));
  const env = { SOJOURN_STORE: url, SOJOURN_CONTROL: "memory:" };
  const advice = /layout 1; this release knows layout 2: begin with an empty database/;
  await expect(startTestService({ env })).rejects.toThrow(advice);
});

it("a control store of a newer version is refused by its number, and left alone", async () => {
  const { SOJOURN_STORE: store = "" } = await laid(BEFORE_LAYOUT_2, "postgres");
  execFileSync("psql", [
    "-q",
    "-c",
    "UPDATE sojourn_control.meta SET value = '99' WHERE key = 'schema'",
    store,
  ]);
  const refused = startTestService({ env: { SOJOURN_STORE: store } });
  await expect(refused).rejects.toThrow(/has schema 99; this version knows \d+: upgrade/);
});
