/** Between browser and node: what a request looks like to an adapter, and its answer. */
import type { RequestView, ResponseHead } from "sojourn";
import type { Errand } from "./errands.ts";
import type { SessionModel } from "./model.ts";

export const COOKIE = "__Host-session";

/** A cookie as a browser holds it. */
export interface Held {
  readonly token: string;
  readonly session: SessionModel;
}

/** A request of this browser's, as an adapter would show it. */
export function viewOf(held: Held | undefined, agent: string, errand: Errand): RequestView {
  const headers = new Map([
    ["user-agent", agent],
    ["sec-fetch-site", "same-origin"],
  ]);
  if (held !== undefined) headers.set("cookie", `${COOKIE}=${held.token}`);
  return {
    method: "POST",
    path: "/",
    header: (name) => headers.get(name),
    remoteAddress: "192.0.2.1",
    encrypted: true,
    activity: errand.activity !== false,
    canSetToken: errand.canSetToken !== false,
  };
}

/** Response headers that only cookies matter of. */
export function headInto(cookies: string[]): ResponseHead {
  return {
    get: () => undefined,
    set: () => undefined,
    addCookie: (value) => void cookies.push(value),
  };
}
