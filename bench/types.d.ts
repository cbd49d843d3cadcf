/** What the benchmarks use of a package that comes without types. */
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
