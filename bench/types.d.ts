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
