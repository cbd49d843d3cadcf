/** Search and operations of an installation; neither runs before it is started. */
import { Operations } from "../operations/operations.ts";
import type { OperationsParts } from "../operations/operations.ts";
import { Search } from "../search/search.ts";
import type { SearchParts } from "../search/search.ts";

export interface SearchHouse {
  /** Asked at any time; fed from `start` on. */
  readonly search: Search;
  /** Started at any time; worked on from `work` on. */
  readonly operations: Operations;
}

export function openSearch(parts: SearchParts & Omit<OperationsParts, "search">): SearchHouse {
  const search = new Search(parts);
  return { search, operations: new Operations({ ...parts, search }) };
}
