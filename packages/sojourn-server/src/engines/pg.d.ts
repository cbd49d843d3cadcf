/** The parts of `pg`, which has no types of its own, that the service uses. */
declare module "pg" {
  interface Options {
    readonly host: string;
    readonly port: number;
    readonly user?: string;
    readonly password?: string;
    readonly database?: string;
    readonly ssl?: { readonly rejectUnauthorized: boolean; readonly ca?: string };
    readonly application_name: string;
    readonly connectionTimeoutMillis: number;
    readonly query_timeout: number;
    readonly keepAlive: boolean;
    readonly max?: number;
  }

  interface Queries {
    query(text: string): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
    on(event: "error", listener: (error: Error) => void): this;
    off(event: "error", listener: (error: Error) => void): this;
    end(): Promise<void>;
  }

  export interface Client extends Queries {
    connect(): Promise<void>;
    query(query: object): Promise<never>;
    query(text: string): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
    release(destroy?: boolean): void;
  }

  export interface Pool extends Queries {
    connect(): Promise<Client>;
    on(event: "error", listener: (error: Error) => void): this;
    on(event: "connect", listener: (client: Client) => void): this;
    off(event: "error", listener: (error: Error) => void): this;
    off(event: "connect", listener: (client: Client) => void): this;
  }

  const pg: {
    readonly Client: new (options: Options) => Client;
    readonly Pool: new (options: Options) => Pool;
  };
  export default pg;
}
