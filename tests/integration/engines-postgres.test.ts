/** PostgreSQL servers that other tests break. */
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { describe, expect, it } from "vitest";
import { startPostgres, startPostgresStandby, startTcpProxy } from "../../tools/engines.mjs";

const ARRIVES_WITHIN_MS = 10_000;

async function open(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

async function words(client: Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ word: string }>("SELECT word FROM words ORDER BY word");
  return rows.map(({ word }) => word);
}

async function arrived(client: Client, count: number): Promise<readonly string[]> {
  for (const began = performance.now(); ; await sleep(20)) {
    const found = await words(client);
    if (found.length >= count || performance.now() - began > ARRIVES_WITHIN_MS) return found;
  }
}

describe("a PostgreSQL server of tests", () => {
  it("comes back at its port with what was committed when it is killed and restarted", async () => {
    const postgres = await startPostgres();
    const before = await open(postgres.url);
    await before.query("CREATE TABLE words (word text)");
    await before.query("INSERT INTO words VALUES ('kept')");
    await postgres.restart();
    const after = await open(postgres.url);
    expect(await words(after)).toEqual(["kept"]);
    await after.end();
    await postgres.stop();
  });

  it("has a standby that follows it, lags behind a cut network, and takes over", async () => {
    const primary = await startPostgres();
    const writer = await open(primary.url);
    await writer.query("CREATE TABLE words (word text)");
    await writer.query("INSERT INTO words VALUES ('a copied')");
    const network = await startTcpProxy(primary);
    const standby = await startPostgresStandby(network);
    const reader = await open(standby.url);
    await writer.query("INSERT INTO words VALUES ('b streamed')");
    expect(await arrived(reader, 2)).toEqual(["a copied", "b streamed"]);
    await expect(reader.query("DELETE FROM words")).rejects.toThrow("read-only transaction");

    network.cut({ toClient: true });
    await writer.query("INSERT INTO words VALUES ('c late')");
    await sleep(100);
    expect(await words(reader)).toEqual(["a copied", "b streamed"]);
    process.kill(primary.pid, "SIGKILL");
    await standby.promote();
    await reader.query("INSERT INTO words VALUES ('d promoted')");
    expect(await words(reader)).toEqual(["a copied", "b streamed", "d promoted"]);
    await reader.end();
    await standby.stop();
    network.stop();
    await primary.stop();
  });
});
