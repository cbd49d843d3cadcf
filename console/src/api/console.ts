/** Who uses the console, for which tenant, and what this service lets them do. */
import { createContext, useContext } from "react";
import type { Me } from "./types.ts";

export interface RouteRow {
  readonly method: string;
  readonly path: string;
  readonly scope?: string;
  readonly stepUp?: boolean;
  readonly fourEyes?: boolean;
  readonly allowed: boolean;
}

export interface ConsoleState {
  readonly me: Me;
  readonly tenant: string;
  readonly setTenant: (tenant: string) => void;
  /** Whether the service has this route at all. */
  readonly has: (route: `${string} /${string}`) => boolean;
  /** Whether the service has this route and the person's role may use it. */
  readonly may: (route: `${string} /${string}`) => boolean;
  /** Whether it asks for a second admin first. */
  readonly fourEyes: (route: `${string} /${string}`) => boolean;
}

const Context = createContext<ConsoleState | undefined>(undefined);
export const ConsoleProvider = Context.Provider;

export function useConsole(): ConsoleState {
  const state = useContext(Context);
  if (state === undefined) throw new Error("useConsole() outside the console");
  return state;
}

const PLACE = /\{[^}]+\}|:[a-zA-Z]+|\*/g;

/** `/v1/keys/:id` and `/v1/keys/{id}` are one route. */
export function routeKey(method: string, path: string): string {
  return `${method} ${path.replaceAll(PLACE, "*")}`;
}
