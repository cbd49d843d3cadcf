/** What the endpoints of bound sessions answer, and whom. */
import { NO_STORE } from "../http/headers.ts";
import type { RequestView } from "./request-view.ts";

/** To be sent as it is. */
export interface BindingAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Nobody frames it, embeds it or reads it from elsewhere, and no cache keeps it. */
const GUARDS = {
  "cache-control": NO_STORE,
  "cross-origin-resource-policy": "same-origin",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
};
const RETRY_AFTER_SECONDS = "1";
const ORIGIN = /^https:\/\/[A-Za-z0-9.[\]:-]+$/;

export function refusal(
  status: number,
  headers: Readonly<Record<string, string>> = {},
): BindingAnswer {
  return { status, headers: { ...GUARDS, ...headers }, body: "" };
}

/** Trouble is 503: a browser takes any other refusal for the end of the session. */
export function troubled(): BindingAnswer {
  return refusal(503, { "retry-after": RETRY_AFTER_SECONDS });
}

export function told(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): BindingAnswer {
  return { status, headers: { ...GUARDS, "content-type": "application/json", ...headers }, body };
}

/** False for what a page of another origin sent. Not every browser says where it comes from. */
export function isFromHere(view: RequestView): boolean {
  const site = view.header("sec-fetch-site");
  return site === undefined || site === "same-origin";
}

/** The https origin of a page that asks; `undefined` when it does not say one. */
export function pageOrigin(view: RequestView): string | undefined {
  const origin = view.header("origin");
  return origin !== undefined && ORIGIN.test(origin) ? origin : undefined;
}

/** As the browser says it; what is behind a proxy may know another host. */
export function originOf(view: RequestView): string {
  return pageOrigin(view) ?? `https://${view.header("host")}`;
}
