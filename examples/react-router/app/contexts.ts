/** What requests carry through middleware, loaders and actions. */
import { createContext } from "react-router";
import type { Session } from "sojourn";
import type { FetchConnection } from "sojourn/fetch";
import type { Notebook } from "./sessions.server.ts";

export const sessionContext = createContext<Session<Notebook>>();

/** `app/server.ts` says who is at the other end; Vite's own server is for this machine alone. */
export const connectionContext = createContext<FetchConnection>(
  import.meta.env.DEV ? { remoteAddress: "127.0.0.1" } : {},
);
