/** What caches are told of a response. */
import { mergeCacheControl, mergeVary, NO_STORE, TARGETED_CACHE_FIELDS } from "../http/headers.ts";
import type { ResponseHead } from "./request-view.ts";

/** No cache keeps this response, whatever the application told those that read their own fields. */
export function forbidCaching(head: ResponseHead, vary: string): void {
  head.set("cache-control", mergeCacheControl(head.get("cache-control")));
  for (const name of TARGETED_CACHE_FIELDS) {
    if (head.get(name) !== undefined) head.set(name, NO_STORE);
  }
  head.set("vary", mergeVary(head.get("vary"), vary));
}

/**
 * The response depends on the session. What no cache may keep needs no `Vary`; what caches may
 * keep, an anonymous page or what the application lets them, does.
 */
export function tellCaches(head: ResponseHead, vary: string, personal: boolean): void {
  const own = head.get("cache-control") !== undefined;
  if (personal && !own) head.set("cache-control", NO_STORE);
  else head.set("vary", mergeVary(head.get("vary"), vary));
}
