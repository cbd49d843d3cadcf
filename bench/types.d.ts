/** What the benchmarks use of packages that come without types. */
declare module "express-session" {
  import type { RequestHandler } from "express";

  function session(options: session.Options): RequestHandler;

  namespace session {
    interface Options {
      readonly secret: string;
      readonly resave: boolean;
      readonly saveUninitialized: boolean;
    }

    interface SessionData {
      readonly cookie: { readonly originalMaxAge: number };
      readonly user: string;
    }

    interface SessionStore {
      set(id: string, data: SessionData, heard: () => void): void;
      touch(id: string, data: SessionData, heard: () => void): void;
      destroy(id: string, heard: () => void): void;
    }

    class MemoryStore implements SessionStore {
      set(id: string, data: SessionData, heard: () => void): void;
      touch(id: string, data: SessionData, heard: () => void): void;
      destroy(id: string, heard: () => void): void;
    }
  }

  export = session;
}

declare module "pg" {
  import type { PostgresPool } from "sojourn/stores/postgres";

  /** As the store takes it, and what a benchmark asks it itself. */
  export class Pool implements PostgresPool {
    constructor(options: { connectionString: string; max?: number });
    connect: PostgresPool["connect"];
    on: PostgresPool["on"];
    off: PostgresPool["off"];
    query<Row>(text: string): Promise<{ readonly rows: readonly Row[] }>;
    query(query: { name?: string; text: string; values: readonly unknown[] }): Promise<unknown>;
    end(): Promise<void>;
  }
}

declare module "autocannon" {
  export interface Result {
    readonly duration: number;
    readonly "2xx": number;
    readonly non2xx: number;
    readonly errors: number;
    readonly timeouts: number;
  }
  export default function autocannon(options: {
    readonly url: string;
    readonly requests: readonly object[];
    readonly connections: number;
    readonly duration?: number;
    readonly amount?: number;
  }): Promise<Result>;
}
