/** The engines that can hold a control store, each started anew. */
import type { ControlSql } from "../../packages/sojourn-server/src/control/control-sql.ts";
import { PostgresControl } from "../../packages/sojourn-server/src/control/postgres-control.ts";
import { SqliteControl } from "../../packages/sojourn-server/src/control/sqlite-control.ts";
import { startPgBouncer, startPostgres } from "../../tools/engines.mjs";
import { folder } from "../integration/service-harness.ts";
import { poolTo } from "./postgres.ts";
import type { TestPool } from "./postgres.ts";

export interface ControlGround {
  /** A new place. @returns what opens it, once for each process. */
  fresh(): () => ControlSql;
  end(): Promise<void>;
}

function onSqlite(): ControlGround {
  const place = folder();
  let files = 0;
  return {
    fresh: () => {
      files += 1;
      const path = `${place.path}/${files}.db`;
      return () => new SqliteControl(path);
    },
    end: async () => place.remove(),
  };
}

async function onPostgres(bouncer: boolean): Promise<ControlGround> {
  const server = await startPostgres();
  const way = bouncer ? await startPgBouncer(server) : server;
  const pools: TestPool[] = [];
  let schemas = 0;
  return {
    fresh: () => {
      schemas += 1;
      const schema = `control_${schemas}`;
      return () => {
        const pool = poolTo(way.url, 3);
        pools.push(pool);
        return new PostgresControl(pool as never, schema, 5_000);
      };
    },
    end: async () => {
      await Promise.allSettled(pools.map((pool) => pool.end()));
      await way.stop();
      if (bouncer) await server.stop();
    },
  };
}

export const CONTROL_ENGINES: readonly (readonly [string, () => Promise<ControlGround>])[] = [
  ["SQLite", async () => onSqlite()],
  ["PostgreSQL", () => onPostgres(false)],
  ["PgBouncer", () => onPostgres(true)],
];
