/** What the table is narrowed to: kept in the address, so that it can be sent to somebody. */
import { useMemo } from "react";
import { useLocation, useSearch } from "wouter";

export const STATES = ["live", "active", "pending", "locked", "ended", "any"] as const;
/** What a store answers by itself. */
const OWN_FACETS = ["subject", "state", "device", "createdFrom", "createdBefore"] as const;
/** What the search index adds. */
export const INDEX_FACETS = [
  ["address", "Network", "203.0.113.0/24"],
  ["agent", "Browser", "Firefox"],
  ["client", "Client", ""],
  ["role", "Role", ""],
  ["acr", "Assurance", ""],
] as const;
const FACETS = [...OWN_FACETS, ...INDEX_FACETS.map(([name]) => name), "reason"] as const;
export type Facet = (typeof FACETS)[number];
export type Filter = Readonly<Partial<Record<Facet, string>>>;

export function filterOf(search: string): Filter {
  const asked = new URLSearchParams(search);
  return Object.fromEntries(
    FACETS.flatMap((facet) => {
      const value = asked.get(facet);
      return value === null || value === "" ? [] : [[facet, value]];
    }),
  );
}

export function searchOf(filter: Filter): string {
  const given = Object.entries(filter).filter(([, value]) => value !== "");
  return new URLSearchParams(given).toString();
}

export function useFilter(): readonly [Filter, (filter: Filter) => void] {
  const search = useSearch();
  const [, navigate] = useLocation();
  const filter = useMemo(() => filterOf(search), [search]);
  const change = (next: Filter): void => {
    const text = searchOf(next);
    navigate(text === "" ? "/sessions" : `/sessions?${text}`, { replace: true });
  };
  return [filter, change];
}

/** Local times of the form as the service wants them. */
export function filterQuery(filter: Filter): Record<string, string | undefined> {
  const instant = (text: string | undefined): string | undefined => {
    const at = text === undefined ? NaN : Date.parse(text);
    return Number.isNaN(at) ? undefined : new Date(at).toISOString();
  };
  return {
    ...filter,
    createdFrom: instant(filter.createdFrom),
    createdBefore: instant(filter.createdBefore),
  };
}

const KEY = "sojourn-queries";
const SAVED_MAX = 50;

export interface Saved {
  readonly name: string;
  readonly search: string;
}

export function savedQueries(): readonly Saved[] {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "[]") as unknown;
    return Array.isArray(kept) ? (kept as Saved[]) : [];
  } catch {
    return [];
  }
}

export function keepQueries(queries: readonly Saved[]): void {
  localStorage.setItem(KEY, JSON.stringify(queries.slice(0, SAVED_MAX)));
}
