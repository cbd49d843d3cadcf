import { PostgresStore } from "sojourn/stores/postgres";
import { caseKit, storeCasesFor } from "sojourn/testing";
import { afterAll, beforeAll, describe, it } from "vitest";
import { startPgBouncer, startPostgres } from "../../tools/engines.mjs";
import { poolTo } from "../support/postgres.ts";

const seed = Number(process.env["SOJOURN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const engine = await startPostgres();
const bouncer = await startPgBouncer(engine);

afterAll(async () => {
  await bouncer.stop();
  await engine.stop();
});

const WAYS = [
  ["directly", engine.url, "direct"],
  ["through PgBouncer in transaction mode", bouncer.url, "pooled"],
] as const;

describe.each(WAYS)(
  `PostgreSQL %s keeps the store contract (seed ${seed})`,
  (_way, url, schema) => {
    const pools = [poolTo(url), poolTo(url)];
    const [store, peer] = pools.map(
      (pool) => new PostgresStore({ pool, schema, tailPollMs: 20 }),
    ) as [PostgresStore, PostgresStore];
    const kit = caseKit({ seed, peer });

    beforeAll(async () => {
      await Promise.all([store.health(), peer.health()]);
    });

    afterAll(async () => {
      await Promise.all([store.close(), peer.close()]);
      await Promise.all(pools.map((pool) => pool.end()));
    });

    it.each(storeCasesFor(store.capabilities))("$name", ({ run }) => run(store, kit));
  },
);
