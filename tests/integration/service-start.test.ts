/** A place that cannot hold sessions is refused at start: one line, in time, without a secret. */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getuid } from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommandLine } from "../../packages/sojourn-server/src/cli/run.ts";
import {
  startCluster,
  startPostgres,
  startPostgresStandby,
  startRedis,
  startSentinel,
} from "../../tools/engines.mjs";
import { ask } from "../../tools/engines/resp.mjs";
import { makeCertificate } from "../browser/support/certificate.ts";
import { poolTo } from "../support/postgres.ts";
import { SECRET } from "./service-harness.ts";

type Engine = Awaited<ReturnType<typeof startRedis>>;

/** A primary that is cut off takes no writes. */
const REPLICATED = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "10"];
const PASSWORD = "cor/rect:horse@battery";
const WRITTEN = encodeURIComponent(PASSWORD);
const folder = mkdtempSync(join(tmpdir(), "sojourn-start-"));
chmodSync(folder, 0o755);
const ends: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];

interface Told {
  readonly code: number;
  readonly err: string;
  readonly ms: number;
}

/** `sojourn keys list` opens what `serve` opens, and ends by itself where nothing is wrong. */
async function open(store: string, ...args: readonly string[]): Promise<Told> {
  let err = "";
  const startedAt = performance.now();
  const code = await runCommandLine({
    argv: ["keys", "list", "--control", `sqlite:${folder}/control.db`, ...args],
    env: { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: store },
    out: { write: () => true },
    err: { write: (text) => (err += text) },
  });
  return { code, err, ms: performance.now() - startedAt };
}

/** Each problem is one line that begins with the place; no part of the URL's secrets is in it. */
async function refuses(store: string, ...expected: readonly string[]): Promise<void> {
  const { code, err, ms } = await open(store);
  for (const words of expected) expect(err).toContain(words);
  expect(code).toBeGreaterThan(0);
  expect(err.trimEnd().split("\n")).toHaveLength(1);
  expect(err).not.toContain(PASSWORD);
  expect(err).not.toContain(WRITTEN);
  expect(err).not.toMatch(/\bat .*:\d+:\d+|a bug/);
  expect(ms).toBeLessThan(10_000);
}

/** The same server, but some of its words on the way are others of the same length. */
async function rewriting(server: Engine, from: string, to: string): Promise<string> {
  const proxy = createServer((client) => {
    const upstream = connect(server.port, "127.0.0.1");
    client.pipe(upstream);
    upstream.on("data", (chunk: Buffer) => {
      client.write(Buffer.from(chunk.toString("latin1").replaceAll(from, to), "latin1"));
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on("error", () => other.destroy()).on("close", () => other.destroy());
    }
  });
  const port = await listening(proxy);
  return server.url.replace(`:${server.port}`, `:${port}`);
}

function listening(server: Server): Promise<number> {
  ends.push(() => server.close());
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function redis(...args: readonly string[]): Promise<Engine> {
  const engine = await startRedis({ args });
  ends.push(() => engine.stop());
  return engine;
}

/** Readable by the account that PostgreSQL runs as. */
function forPostgres(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  if (getuid?.() === 0) {
    const id = (which: string): number => Number(execFileSync("id", [which, "postgres"]));
    chownSync(path, id("-u"), id("-g"));
  }
  return path;
}

afterAll(async () => {
  for (const end of ends.toReversed()) await end();
});

describe("PostgreSQL", () => {
  let server: Engine;
  let standby: Engine;
  const at = (rest: string): string => `postgres://${rest}`;

  beforeAll(async () => {
    const rules = "host all postgres 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n";
    const hba = forPostgres("hba", `${rules}host all ann 127.0.0.1/32 scram-sha-256\n`);
    server = await startPostgres({ args: ["-c", `hba_file=${hba}`] });
    ends.push(() => server.stop());
    const pool = poolTo(server.url, 1);
    await pool.query(`CREATE ROLE ann LOGIN PASSWORD '${PASSWORD}'`);
    await pool.query("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'");
    await pool.query("CREATE SCHEMA taken CREATE TABLE orders (id int)");
    await pool.end();
    standby = await startPostgresStandby(server);
    ends.push(() => standby.stop());
  }, 60_000);

  it("is used with a percent-encoded password, which is shown nowhere", async () => {
    const pool = poolTo(server.url, 1);
    await pool.query("GRANT CREATE ON DATABASE postgres TO ann");
    await pool.end();
    const where = `127.0.0.1:${server.port}/postgres?schema=of_ann&prepare=true&connections=3`;
    expect(await open(at(`ann:${WRITTEN}@${where}`))).toMatchObject({ code: 0, err: "" });
  });

  it("is refused with a wrong password, and without one", async () => {
    const here = `127.0.0.1:${server.port}/postgres`;
    await refuses(at(`ann:not${WRITTEN}@${here}`), at(here), "refused user or password");
    await refuses(at(`ann@${here}`), "wants a password");
    await refuses(at(`nobody@${here}`), "check pg_hba.conf");
  });

  it("is refused where nothing listens, nobody has the name, or nobody answers", async () => {
    await refuses(at(`postgres@127.0.0.1:${await freePort()}/x`), "nothing listens there");
    await refuses(at("postgres@no-such-host.invalid/x"), "there is no such host");
    const silent = await listening(createServer());
    await refuses(at(`postgres@127.0.0.1:${silent}/x`), "no answer in time");
  });

  it("is refused with TLS that the server has not", async () => {
    await refuses(`${server.url}?sslmode=require`, "offers no TLS");
  });

  it("is refused without the database, the encoding or the right that is needed", async () => {
    await refuses(server.url.replace(/postgres$/, "nowhere"), "there is no such database");
    await refuses(server.url.replace(/postgres$/, "latin"), "LATIN1", "ENCODING 'UTF8'");
    const ann = at(`ann:${WRITTEN}@127.0.0.1:${server.port}/latin`);
    await refuses(ann.replace("latin", "template1"), "grant it");
    await refuses(`${server.url}?schema=taken`, "tables of another application");
  });

  it("is refused before version 15, and on a standby", async () => {
    const [{ server_version_num: version = "" } = {}] = (await rowsOf(
      server.url,
      "SHOW server_version_num",
    )) as { server_version_num?: string }[];
    expect(version.slice(0, 2)).toBe("15");
    await refuses(await rewriting(server, version, `14${version.slice(2)}`), "PostgreSQL 15");
    await refuses(standby.url, "is a standby", "give the primary's address");
  });

  it("is refused when it is Redis", async () => {
    const other = await redis();
    await refuses(at(`postgres@127.0.0.1:${other.port}/x`), "right kind of server");
  });
});

async function rowsOf(url: string, text: string): Promise<unknown[]> {
  const pool = poolTo(url, 1);
  try {
    return (await pool.query(text)).rows;
  } finally {
    await pool.end();
  }
}

describe("Redis", () => {
  const safe = ["--appendonly", "yes"];
  let server: Engine;

  beforeAll(async () => {
    server = await redis(...safe, "--requirepass", PASSWORD);
  });

  it("is used with a percent-encoded password, database and options", async () => {
    const options = "?prefix=shop:&buckets=64";
    const url = `redis://:${WRITTEN}@127.0.0.1:${server.port}/1${options}`;
    expect(await open(url)).toMatchObject({ code: 0, err: "" });
    const other = url.replace("buckets=64", "buckets=32");
    await refuses(other, `redis://127.0.0.1:${server.port}/1`, "add ?buckets=64 to the URL");
  });

  it("is refused with a wrong password, without one, or with a database too many", async () => {
    await refuses(`redis://:not${WRITTEN}@127.0.0.1:${server.port}`, "refused user or password");
    await refuses(server.url, "wants a password");
    await refuses(`redis://:${WRITTEN}@127.0.0.1:${server.port}/99`, "no database of that number");
  });

  it("is refused where nothing listens, nobody has the name, or nobody answers", async () => {
    await refuses(`redis://:${WRITTEN}@127.0.0.1:${await freePort()}`, "nothing listens there");
    await refuses("redis://no-such-host.invalid", "there is no such host");
    const silent = await listening(createServer());
    await refuses(`redis://127.0.0.1:${silent}`, "no answer in time");
  });

  it("is refused with every reason when it may lose sessions, unless accepted by name", async () => {
    const unsafe = await redis("--maxmemory-policy", "allkeys-lru");
    const { code, err } = await open(unsafe.url);
    expect(code).toBe(2);
    expect(err).toContain("CONFIG SET maxmemory-policy noeviction, or accept it with");
    expect(err).toContain("--accept-risk eviction");
    expect(err).toContain("--accept-risk no-aof");
    const both = ["--accept-risk", "eviction", "--accept-risk", "no-aof"];
    expect(await open(unsafe.url, ...both)).toMatchObject({ code: 0, err: "" });
    const unknown = await open(unsafe.url, "--accept-risk", "evictions");
    expect(unknown.err).toContain('unknown name "evictions"; accepted: eviction, no-aof, rdb-only');
  });

  it("is refused where another application holds what is ours, or a newer release does", async () => {
    const shared = await redis(...safe);
    await ask(shared, "SET", "m", "of another application");
    await refuses(shared.url, "belongs to another application", "?prefix=NAME");
    expect(await open(`${shared.url}?prefix=ours:`)).toMatchObject({ code: 0, err: "" });
    await ask(shared, "HSET", "ours:m", "layout", "99");
    await refuses(`${shared.url}?prefix=ours:`, "layout 99", "use the newer release");
  });

  it("is refused before version 7, and when it is a replica", async () => {
    const plain = await redis(...safe);
    const old = await rewriting(plain, "redis_version:7", "redis_version:6");
    await refuses(old, "Redis 7.0 or newer");
    const replica = await redis(...safe, "--replicaof", "127.0.0.1", String(plain.port));
    await refuses(replica.url, "is a replica; connect to the primary");
  });

  it("is a Cluster where the URL says so, and one server where it does not", async () => {
    const cluster = await startCluster({ replicasPer: 0, args: safe });
    ends.push(() => cluster.stop());
    const hosts = cluster.urls.map((url) => new URL(url).host).join(",");
    const url = `redis-cluster://127.0.0.1:${await freePort()},${hosts}`;
    expect(await open(url)).toMatchObject({ code: 0, err: "" });
    await refuses(`redis://${hosts.split(",")[0]}`, "is a node of a Cluster; write redis-cluster:");
    const plain = await redis(...safe);
    await refuses(plain.url.replace("redis:", "redis-cluster:"), "is no node of a Cluster");
    await refuses(`redis-cluster://ann:${WRITTEN}@${hosts}`, "refused user or password");
    await refuses(`redis-cluster://127.0.0.1:${await freePort()}`, "nothing listens there");
  });

  it("is behind Sentinels where the URL says so, and nowhere else", async () => {
    const group = await startSentinel({ args: [...safe, ...REPLICATED] });
    ends.push(() => group.stop());
    const hosts = group.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",");
    const url = `redis+sentinel://127.0.0.1:${await freePort()},${hosts}/${group.name}`;
    // All on one machine, which the store says.
    expect((await open(url, "--accept-risk", "sentinels")).err).toBe("");
    await refuses(`redis+sentinel://${hosts}/nobody`, 'knows no primary "nobody"');
    await refuses(`redis://${hosts.split(",")[0]}`, "is a Sentinel; write redis+sentinel://");
    const plain = await redis(...safe);
    await refuses(`redis+sentinel://127.0.0.1:${plain.port}/x`, "is no Sentinel; check its port");
    await refuses(`redis+sentinel://127.0.0.1:${await freePort()}/x`, "nothing listens there");
  });

  it("is refused when it is PostgreSQL", async () => {
    const other = await startPostgres();
    ends.push(() => other.stop());
    await refuses(`redis://127.0.0.1:${other.port}`, "is it Redis?");
  });
});

describe("TLS", () => {
  const { key, cert } = makeCertificate("IP:127.0.0.1");
  const ca = join(folder, "ca.pem");

  beforeAll(() => writeFileSync(ca, cert));

  it("leads to Redis when the certificate's authority is named, and not otherwise", async () => {
    const keyFile = join(folder, "redis.key");
    writeFileSync(keyFile, key);
    const port = await freePort();
    const files = ["--tls-cert-file", ca, "--tls-key-file", keyFile, "--tls-ca-cert-file", ca];
    const tls = ["--tls-port", String(port), "--tls-auth-clients", "no", ...files];
    const server = await redis("--appendonly", "yes", ...tls);
    expect(await open(`rediss://127.0.0.1:${port}?ca=${ca}`)).toMatchObject({ code: 0, err: "" });
    await refuses(`rediss://127.0.0.1:${port}`, "certificate is not trusted", "?ca=FILE");
    await refuses(`rediss://localhost:${port}?ca=${ca}`, "certificate is for another host");
    await refuses(`redis://127.0.0.1:${port}`, "does it want TLS (rediss://)");
    await refuses(`rediss://127.0.0.1:${server.port}?ca=${ca}`, "TLS");
    await refuses(`rediss://127.0.0.1:${port}?ca=${ca}.absent`, "cannot be read (ENOENT)");
  });

  it("leads to PostgreSQL when the certificate's authority is named, and not otherwise", async () => {
    const files = [
      ["ssl", "on"],
      ["ssl_cert_file", forPostgres("pg.pem", cert)],
      ["ssl_key_file", forPostgres("pg.key", key)],
    ];
    const args = files.flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const server = await startPostgres({ args });
    ends.push(() => server.stop());
    const verified = `${server.url}?sslmode=verify-full&sslrootcert=${ca}`;
    expect(await open(verified)).toMatchObject({ code: 0, err: "" });
    expect(await open(`${server.url}?sslmode=no-verify`)).toMatchObject({ code: 0, err: "" });
    await refuses(`${server.url}?sslmode=require`, "not trusted", "?sslrootcert=FILE");
    const named = verified.replace("127.0.0.1", "localhost");
    await refuses(named, "certificate is for another host");
  });
});
