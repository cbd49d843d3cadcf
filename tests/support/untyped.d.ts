/** The parts of packages without types of their own that the tests use. */

declare module "pg" {
  export interface Result<Row> {
    readonly rows: Row[];
    readonly rowCount: number | null;
  }
  export class Client {
    constructor(options: { connectionString: string });
    on(name: "error", listener: (error: Error) => void): this;
    connect(): Promise<void>;
    query<Row = unknown>(text: string, values?: readonly unknown[]): Promise<Result<Row>>;
    end(): Promise<void>;
  }
  export class Pool extends Client {
    constructor(options: { connectionString: string; max?: number });
  }
}

declare module "connect-pg-simple" {
  import type session from "express-session";
  import type { Pool } from "pg";
  interface Options {
    readonly pool: Pool;
    readonly createTableIfMissing?: boolean;
    readonly pruneSessionInterval?: number | false;
  }
  function pgSimple(of: typeof session): new (options: Options) => session.Store & {
    close(): Promise<void>;
  };
  export default pgSimple;
}

declare module "session-file-store" {
  import type session from "express-session";
  interface Options {
    readonly path: string;
    readonly retries?: number;
    readonly reapInterval?: number;
    readonly logFn?: (line: string) => void;
  }
  function fileStore(of: typeof session): new (options: Options) => session.Store;
  export default fileStore;
}

declare module "express4" {
  export { default } from "express";
}

declare module "passport" {
  import type { RequestHandler } from "express";
  type Done<Value> = (error: unknown, value?: Value) => void;
  export class Passport {
    initialize(): RequestHandler;
    session(): RequestHandler;
    serializeUser(serialize: (user: unknown, done: Done<unknown>) => void): void;
    deserializeUser(deserialize: (kept: unknown, done: Done<unknown>) => void): void;
  }
}
