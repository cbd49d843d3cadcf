/** Web origins in the one form browsers serialise: `https://app.example`, no default port. */
import { isLoopbackAddress, printAddress, readAddress, readNumber } from "./address.ts";

/** Longest origin that is read: a scheme, a DNS name and a port. */
const ORIGIN_MAX_CHARS = 300;
const DEFAULT_PORTS: Readonly<Record<string, number>> = Object.freeze({ http: 80, https: 443 });

/** `host[:port]` taken apart. The port is `undefined` when none is given. */
export interface HostPort {
  /** Lower case, IPv6 canonical and in brackets. */
  readonly host: string;
  readonly port: number | undefined;
}

function isDomain(host: string): boolean {
  if (host.length > 253) return false;
  for (const label of host.split(".")) {
    if (label.length > 63 || !/^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/.test(label)) return false;
  }
  // A last label of digits is an IPv4 address to browsers, and was none to us.
  return !/(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(host);
}

function canonicalHost(text: string): string | undefined {
  const host = text.toLowerCase();
  if (host.startsWith("[")) {
    const inner = host.endsWith("]") ? host.slice(1, -1) : "";
    if (!inner.includes(":") || inner.includes("%")) return undefined;
    const address = readAddress(inner);
    // A mapped address prints as IPv4 and would not be what browsers write.
    return address?.length === 8 ? `[${printAddress(address)}]` : undefined;
  }
  if (readAddress(host) !== undefined) return host;
  return isDomain(host) ? host : undefined;
}

/** Read `host[:port]`. @returns `undefined` for anything else, user names and paths included. */
export function readHostPort(text: string): HostPort | undefined {
  if (text.length > ORIGIN_MAX_CHARS) return undefined;
  const colon = text.lastIndexOf(":");
  const hasPort = colon !== -1 && colon > text.lastIndexOf("]");
  const host = canonicalHost(hasPort ? text.slice(0, colon) : text);
  if (host === undefined) return undefined;
  if (!hasPort) return { host, port: undefined };
  const port = readNumber(text.slice(colon + 1), 65_535);
  return port < 1 ? undefined : { host, port };
}

/** Serialise as browsers do: the port only when it is not the scheme's own. */
export function printOrigin(scheme: string, { host, port }: HostPort): string {
  const shown = port !== undefined && port !== DEFAULT_PORTS[scheme];
  return `${scheme}://${host}${shown ? `:${port}` : ""}`;
}

/** Read a configured origin. @returns an object with the sentence when it cannot be meant. */
export function readOrigin(
  text: string,
  schemes: "web" | "any",
): string | { readonly problem: string } {
  if (text.length > ORIGIN_MAX_CHARS) return { problem: "is too long for an origin" };
  if (text === "null") return { problem: '"null" is every sandboxed page at once' };
  if (text.includes("*")) return { problem: "takes exact origins; list each one" };
  const mark = text.indexOf("://");
  const scheme = text.slice(0, Math.max(mark, 0)).toLowerCase();
  if (!/^[a-z][a-z0-9+.-]*$/.test(scheme)) {
    return { problem: 'takes scheme and host, e.g. "https://app.example"' };
  }
  const web = scheme === "http" || scheme === "https";
  if (!web && schemes === "web") return { problem: "takes an http or https origin" };
  const rest = text.slice(mark + 3);
  if (/[/?#\\@]/.test(rest)) {
    return { problem: "is an origin: no path, no slash at the end, no user name, no query" };
  }
  const hostPort = readHostPort(rest);
  if (hostPort === undefined) {
    return { problem: "has no usable host; write international names as xn--… and ports 1–65535" };
  }
  return printOrigin(scheme, hostPort);
}

/** True for `localhost`, names under it, 127.0.0.0/8 and `[::1]`. */
export function isLoopbackHost(host: string): boolean {
  if (host === "localhost" || host.endsWith(".localhost")) return true;
  return isLoopbackAddress(host.startsWith("[") ? host.slice(1, -1) : host);
}
