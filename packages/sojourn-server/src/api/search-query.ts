/** What a request asks of the search, and how fresh an answer is. */
import { present } from "../config/present.ts";
import type { SearchFilter } from "../search/facets.ts";
import type { Freshness } from "../search/search.ts";
import { instant } from "./views.ts";

type Given = Omit<
  { readonly [Field in keyof SearchFilter]?: SearchFilter[Field] | undefined },
  "createdFrom" | "createdBefore"
> & {
  readonly createdFrom?: string | undefined;
  readonly createdBefore?: string | undefined;
};

export function searchFilter({ createdFrom, createdBefore, ...rest }: Given): SearchFilter {
  const at = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Date.parse(text);
  return present({ ...rest, createdFrom: at(createdFrom), createdBefore: at(createdBefore) });
}

/** The other way. */
export function filterView(filter: SearchFilter): Record<string, string> {
  const { createdFrom, createdBefore, ...rest } = filter;
  return {
    ...(rest as Record<string, string>),
    ...(createdFrom === undefined ? {} : { createdFrom: instant(createdFrom) }),
    ...(createdBefore === undefined ? {} : { createdBefore: instant(createdBefore) }),
  };
}

export function freshnessView(
  { asOf, complete }: Freshness,
  now: number,
): { asOf: string; lagSeconds: number; complete: boolean } {
  return { asOf: instant(asOf), lagSeconds: Math.max(0, now - asOf) / 1_000, complete };
}
