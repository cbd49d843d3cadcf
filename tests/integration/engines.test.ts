/** The servers that other tests start: they answer, and they are gone with whoever started them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { createClient } from "redis";
import { describe, expect, it } from "vitest";
import {
  startCaddy,
  startHaproxy,
  startMemcached,
  startNginx,
  startPostgres,
  startRedis,
} from "../../tools/engines.mjs";
import { root } from "../tidy/repository.ts";

const GONE_WITHIN_MS = 10_000;

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function gone(pid: number): Promise<boolean> {
  for (const began = performance.now(); performance.now() - began < GONE_WITHIN_MS;) {
    if (!runs(pid)) return true;
    await sleep(20);
  }
  return false;
}

describe("the servers of tests", () => {
  it("redis answers at its address, and is gone once it was stopped", async () => {
    const redis = await startRedis();
    const client = createClient({ url: redis.url });
    client.on("error", () => undefined);
    await client.connect();
    expect(await client.ping()).toBe("PONG");
    await redis.stop();
    client.destroy();
    expect(runs(redis.pid)).toBe(false);
  });

  it("postgres answers at its address, and stops although a client is connected", async () => {
    const postgres = await startPostgres();
    const client = new Client({ connectionString: postgres.url });
    client.on("error", () => undefined);
    await client.connect();
    const { rows } = await client.query<{ one: number }>("SELECT 1 AS one");
    expect(rows).toEqual([{ one: 1 }]);
    await postgres.stop();
    expect(runs(postgres.pid)).toBe(false);
  });

  it("memcached keeps and forgets what it is told, and is gone once it was stopped", async () => {
    const memcached = await startMemcached({ args: ["-m", "16"] });
    const client = connect(memcached.port, "127.0.0.1");
    client.write("set key 0 0 5\r\nvalue\r\nget key\r\n");
    let heard = "";
    for await (const chunk of client) {
      heard += String(chunk);
      if (heard.endsWith("END\r\n")) break;
    }
    expect(heard).toBe("STORED\r\nVALUE key 0 5\r\nvalue\r\nEND\r\n");
    await memcached.stop();
    expect(runs(memcached.pid)).toBe(false);
  });

  it("haproxy answers as it was configured, and is gone once it was stopped", async () => {
    const haproxy = await startHaproxy(
      (address) => `
defaults
  mode http
  timeout client 5s
frontend front
  bind ${address}
  http-request return status 200 content-type text/plain string hello`,
    );
    expect(await (await fetch(haproxy.url)).text()).toBe("hello");
    await haproxy.stop();
    expect(runs(haproxy.pid)).toBe(false);
  });

  it.each([
    [
      "nginx",
      () =>
        startNginx(
          (address) => `
pid nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
  server { listen ${address}; return 200 hello; }
}`,
        ),
    ],
    [
      "caddy",
      () =>
        startCaddy(
          (address) => `{
  admin off
  auto_https off
}
http://${address} {
  respond hello
}`,
        ),
    ],
  ])("%s answers as it was configured, and is gone once it was stopped", async (_, start) => {
    const gateway = await start();
    expect(await (await fetch(gateway.url)).text()).toBe("hello");
    await gateway.stop();
    expect(runs(gateway.pid)).toBe(false);
  });

  it("end with a parent that is killed, and leave no folder behind", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sojourn-engines-"));
    const script = `
      import { startPostgres, startRedis } from ${JSON.stringify(`${root}/tools/engines.mjs`)};
      const all = await Promise.all([startRedis(), startPostgres(), startRedis(), startRedis()]);
      process.kill(all[2].pid, "SIGSTOP");
      process.kill(all[3].pid, "SIGKILL");
      console.log(JSON.stringify(all.slice(0, 3).map(({ pid }) => pid)));
      setInterval(() => undefined, 1000);`;
    // As open as the usual place: PostgreSQL runs under an account of its own.
    chmodSync(folder, 0o777);
    const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const pids = JSON.parse(line.toString()) as number[];
    expect(pids.map(runs)).toEqual([true, true, true]);
    parent.kill("SIGKILL");
    expect(await Promise.all(pids.map(gone))).toEqual([true, true, true]);
    for (const began = performance.now(); performance.now() - began < GONE_WITHIN_MS;) {
      if (readdirSync(folder).length === 0) break;
      await sleep(20);
    }
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});
