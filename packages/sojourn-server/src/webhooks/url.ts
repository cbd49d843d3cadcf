/** URLs of endpoints, as far as they can be judged before their names are resolved. */
import { isIP } from "node:net";
import type { AddressRule } from "./addresses.ts";

export const URL_CHARS_MAX = 2_048;
const LOOPBACK = "127.0.0.1";

/** @returns what is wrong, without a word of what was given; it may hold a secret. */
export function urlProblem(text: string, rule: AddressRule): string | undefined {
  if (text.length > URL_CHARS_MAX) return `at most ${URL_CHARS_MAX} characters`;
  if (!URL.canParse(text)) return "an absolute URL, like https://example.com/hooks";
  const { protocol, username, password, hostname } = new URL(text);
  if (username !== "" || password !== "") return "without user and password";
  const host = hostname.replaceAll(/^\[|\]$/g, "");
  if (protocol === "http:") return plainHttpProblem(host, rule);
  if (protocol !== "https:") return "begins with https://";
  // Where a name leads to is judged each time it is sent.
  if (isIP(host) === 0 || rule(host, false)) return undefined;
  return "leads to an address that is not public; webhooks.networks allows more";
}

function plainHttpProblem(host: string, rule: AddressRule): string | undefined {
  if (rule(host === "localhost" ? LOOPBACK : host, true)) return undefined;
  return "begins with https://; plain HTTP goes to loopback only, where webhooks.networks allows it";
}
