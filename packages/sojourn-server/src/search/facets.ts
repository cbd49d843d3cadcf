/** What sessions can be searched by, and whether one is what was asked for. */
import { isIP } from "node:net";
import type { EndReason, SessionState, SessionSummary } from "sojourn";
import { networkOf } from "../api/circumstances.ts";
import { agentOf } from "../audit/agents.ts";

/** Facets with one value, or several for roles. */
export const FACETS = [
  "subject",
  "device",
  "address",
  "role",
  "client",
  "agent",
  "acr",
  "kind",
] as const;
export type Facet = (typeof FACETS)[number];

export interface SearchFilter extends Partial<Readonly<Record<Facet, string>>> {
  /** Default: `live`, or `ended` where a reason is asked for. */
  readonly state?: SessionState | "live" | "any";
  readonly reason?: EndReason;
  readonly createdFrom?: number;
  readonly createdBefore?: number;
}

/** A session as it is judged now. */
export interface Found {
  readonly summary: SessionSummary;
  readonly state: SessionState;
  readonly reason?: EndReason | undefined;
}

/** @returns value by value; a facet without any is left out. */
export function facetsOf(summary: SessionSummary): readonly (readonly [Facet, string])[] {
  const { subject, device, client, assurance, kind, roles = [] } = summary;
  const found: (readonly [Facet, string])[] = [["kind", kind]];
  const add = (facet: Facet, value: string | null | undefined): void => {
    if (value !== null && value !== undefined && value !== "") found.push([facet, value]);
  };
  add("subject", subject);
  add("device", device?.id);
  add("address", device?.address === undefined ? undefined : networkIn(device.address));
  add("agent", device?.label === undefined ? undefined : agentIn(device.label));
  add("client", client);
  add("acr", assurance.acr);
  for (const role of new Set(roles)) add("role", role);
  return found;
}

/** The network of an address, with or without its prefix; anything else as it is. */
function networkIn(text: string): string {
  const [address = ""] = text.split("/");
  return isIP(address) === 0 ? text : networkOf(address);
}

const FAMILIES = /\b(Edge|Opera|Samsung Internet|Firefox|Chrome|Safari)\b/;

/** The family of a browser in a label like `Firefox on Linux`, or in a `User-Agent`. */
function agentIn(label: string): string | undefined {
  const family = agentOf(label);
  return FAMILIES.exec(label)?.[1] !== undefined && !label.includes("/")
    ? FAMILIES.exec(label)?.[1]
    : family;
}

export function stateAsked({ state, reason }: SearchFilter): NonNullable<SearchFilter["state"]> {
  return state ?? (reason === undefined ? "live" : "ended");
}

/** Every facet that is asked for, with the text that is filed. */
export function wanted(filter: SearchFilter): readonly (readonly [Facet, string])[] {
  return FACETS.flatMap((facet) => {
    const value = filter[facet];
    if (value === undefined) return [];
    return [[facet, facet === "address" ? networkIn(value) : value] as const];
  });
}

/** Whether a session is what is asked for. The index only proposes; this decides. */
export function matches(filter: SearchFilter, { summary, state, reason }: Found): boolean {
  const asked = stateAsked(filter);
  if (asked === "live" ? state === "ended" : asked !== "any" && asked !== state) return false;
  if (filter.reason !== undefined && filter.reason !== reason) return false;
  const { createdFrom = -Infinity, createdBefore = Infinity } = filter;
  if (summary.createdAt < createdFrom || summary.createdAt >= createdBefore) return false;
  const has = facetsOf(summary);
  return wanted(filter).every(([facet, value]) =>
    has.some(([name, text]) => name === facet && text === value),
  );
}
