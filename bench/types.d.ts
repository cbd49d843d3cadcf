/** What the benchmarks use of two packages that come without types. */

declare module "autocannon" {
  interface Options {
    readonly url: string;
    readonly connections: number;
    /** Requests in all. */
    readonly amount: number;
    readonly headers: Readonly<Record<string, string>>;
  }

  interface Result {
    readonly non2xx: number;
    readonly errors: number;
  }

  function autocannon(options: Options): Promise<Result>;
  export = autocannon;
}

declare module "express-session" {
  import type { RequestHandler } from "express";

  interface Options {
    readonly secret: string;
    readonly resave: boolean;
    readonly saveUninitialized: boolean;
  }

  function session(options: Options): RequestHandler;
  export = session;
}
