/**
 * Who the client is when proxies stand in between. Forwarding headers are believed only from
 * configured hops and read from the right: what a hop wrote is as good as that hop, and the first
 * address that is no hop is the client. `X-Real-IP` and the header not chosen are never read.
 */
import { ConfigError } from "../engine/errors.ts";
import type { ConfigProblem } from "../engine/errors.ts";
import { LOOPBACK_NETWORKS, contains, printAddress, readAddress, readNetwork } from "./address.ts";
import type { Address, Network } from "./address.ts";
import { readForwarded } from "./forwarded-elements.ts";
import type { ForwardedElement } from "./forwarded-elements.ts";
import { COMMA, hasHostCharacters, trimmed } from "./grammar.ts";

export type ForwardedHeader = "x-forwarded" | "forwarded";

export interface ForwardedOptions {
  /** Networks (`10.0.0.0/8`), addresses, or the word `loopback`. Empty: no header is believed. */
  readonly proxies?: readonly string[];
  /** Which headers the hops write: `X-Forwarded-*` (default) or `Forwarded` (RFC 7239). */
  readonly header?: ForwardedHeader;
}

/** Frozen. Made by {@link forwardedRules} only. */
export interface ForwardedRules {
  readonly networks: readonly Network[];
  readonly header: ForwardedHeader;
}

/** What the connection itself says. */
export interface Connection {
  /** The peer of the socket; `undefined` where the runtime does not tell. */
  readonly remoteAddress: string | undefined;
  /** Looks a request header up by its lower-case name. */
  readonly header: (name: string) => string | null | undefined;
  /** True when the socket itself is TLS. */
  readonly encrypted: boolean;
}

export interface Client {
  /** Canonical text; `undefined` when the runtime does not tell the peer. */
  readonly address: string | undefined;
  readonly protocol: "http" | "https";
  /** As the client asked for it, port included. For display: no decision may rest on it. */
  readonly host: string | undefined;
  /** `proxy` when a configured hop's header contributed. */
  readonly via: "socket" | "proxy";
}

/** More hops than any deployment has; the rest of a longer chain is not read. */
const FORWARDED_HOPS_MAX = 32;
/** Networks one configuration may list; each request behind a proxy is compared with all. */
const NETWORKS_MAX = 256;
const HOST_MAX_CHARS = 261;

function networkOf(entry: unknown): readonly Network[] | string {
  if (entry === "loopback") return LOOPBACK_NETWORKS;
  const network = typeof entry === "string" ? readNetwork(entry) : "takes a string";
  if (typeof network === "string") return network;
  return network.bits === 0 ? "believes everybody; name the hops" : [network];
}

function networksOf(given: unknown, problems: ConfigProblem[]): Network[] {
  const networks: Network[] = [];
  if (!Array.isArray(given) || given.length > NETWORKS_MAX) {
    const message = `takes a list of at most ${NETWORKS_MAX}, e.g. ["10.0.0.0/8", "loopback"]`;
    problems.push({ path: "proxies", message });
    return networks;
  }
  for (const [index, entry] of (given as unknown[]).entries()) {
    const read = networkOf(entry);
    if (typeof read === "string") problems.push({ path: `proxies[${index}]`, message: read });
    else networks.push(...read);
  }
  return networks;
}

/**
 * Validate the list of proxies.
 *
 * @throws {ConfigError} listing every entry that cannot be meant; a network of 0 bits is one,
 *   because believing everybody lets every client choose its own address.
 */
export function forwardedRules(options: ForwardedOptions): ForwardedRules {
  const problems: ConfigProblem[] = [];
  const networks = networksOf(options.proxies ?? [], problems);
  const header: unknown = options.header ?? "x-forwarded";
  if (header !== "x-forwarded" && header !== "forwarded") {
    problems.push({ path: "forwardedHeader", message: 'takes "x-forwarded" or "forwarded"' });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze({
    networks: Object.freeze(networks),
    header: options.header ?? "x-forwarded",
  });
}

/** Canonical text without parsing where there is nothing to change. */
function canonical(remoteAddress: string | undefined): string | undefined {
  if (remoteAddress === undefined) return undefined;
  const address = readAddress(remoteAddress);
  return address === undefined ? undefined : printAddress(address);
}

function isHop(networks: readonly Network[], address: Address): boolean {
  for (const network of networks) {
    if (contains(network, address)) return true;
  }
  return false;
}

/** True when forwarding headers that this peer sends are read at all. */
export function isTrustedPeer(rules: ForwardedRules, remoteAddress: string | undefined): boolean {
  const peer = remoteAddress === undefined ? undefined : readAddress(remoteAddress);
  return peer !== undefined && isHop(rules.networks, peer);
}

/** The address of `node[:port]`, IPv6 bare or in brackets. RFC 7239 section 6. */
function addressOfNode(node: string): Address | undefined {
  if (node.startsWith("[")) {
    const close = node.indexOf("]");
    if (close === -1 || !isPortTail(node, close + 1)) return undefined;
    const inner = node.slice(1, close);
    return inner.includes(":") ? readAddress(inner) : undefined;
  }
  const colon = node.indexOf(":");
  if (colon === -1 || node.includes(":", colon + 1)) return readAddress(node);
  return isPortTail(node, colon) ? readAddress(node.slice(0, colon)) : undefined;
}

/** Nothing, or a colon and a port of one to five digits. An obfuscated port says nothing either. */
function isPortTail(node: string, start: number): boolean {
  if (start === node.length) return true;
  if (node.charAt(start) !== ":" || node.length - start > 6) return false;
  for (let index = start + 1; index < node.length; index += 1) {
    const code = node.charCodeAt(index);
    if (code < 0x30 || code > 0x39) return false;
  }
  return node.length > start + 1;
}

function protocolOf(text: string | undefined): "http" | "https" | undefined {
  if (text === undefined || text.length > 5) return undefined;
  const folded = text.toLowerCase();
  if (folded === "https" || folded === "wss") return "https";
  return folded === "http" || folded === "ws" ? "http" : undefined;
}

function hostOf(text: string | null | undefined): string | undefined {
  if (text === undefined || text === null || text.length > HOST_MAX_CHARS) return undefined;
  return hasHostCharacters(text) ? text : undefined;
}

/** Members of a comma-separated list, last one first, at most {@link FORWARDED_HOPS_MAX}. */
function fromTheRight(list: string | null | undefined): string[] {
  const found: string[] = [];
  if (list === undefined || list === null || list === "") return found;
  let end = list.length;
  for (let at = end - 1; at >= -1 && found.length < FORWARDED_HOPS_MAX; at -= 1) {
    if (at !== -1 && list.charCodeAt(at) !== COMMA) continue;
    found.push(trimmed(list, at + 1, end));
    end = at;
  }
  return found;
}

/** The `X-Forwarded-*` lists in the form of `Forwarded`, last element first. */
function readXForwarded(connection: Connection): ForwardedElement[] {
  const nodes = fromTheRight(connection.header("x-forwarded-for"));
  const protocols = fromTheRight(connection.header("x-forwarded-proto"));
  const hosts = fromTheRight(connection.header("x-forwarded-host"));
  const count = Math.max(nodes.length, 1);
  if (nodes.length + protocols.length + hosts.length === 0) return [];
  return Array.from({ length: count }, (_, index) => ({
    node: nodes[index],
    // Hops that append write one value each; hops that overwrite leave the last one's.
    protocol: protocols[protocols.length === count ? index : 0],
    host: hosts[hosts.length === count ? index : 0],
  }));
}

/** Walk from the right while the addresses are hops; the element reached describes the client. */
function walk(
  rules: ForwardedRules,
  peer: Address,
  elements: readonly ForwardedElement[],
): { readonly address: Address; readonly element: ForwardedElement | undefined } {
  let address = peer;
  let element: ForwardedElement | undefined;
  for (const next of elements) {
    element = next;
    const named = next.node === undefined ? undefined : addressOfNode(next.node);
    // Garbage, `unknown` and obfuscated names: the last address that could be trusted stays.
    if (named === undefined) break;
    address = named;
    if (!isHop(rules.networks, named)) break;
  }
  return { address, element };
}

/**
 * Find the client's address, protocol and host. Never throws; without configured proxies no
 * header but `Host` is looked at.
 *
 * @see RFC 7239; OWASP ASVS 5.0 4.1.3
 */
export function clientOf(rules: ForwardedRules, connection: Connection): Client {
  const protocol = connection.encrypted ? "https" : "http";
  const host = hostOf(connection.header("host"));
  const { remoteAddress } = connection;
  const peer =
    rules.networks.length === 0 || remoteAddress === undefined
      ? undefined
      : readAddress(remoteAddress);
  if (peer === undefined || !isHop(rules.networks, peer)) {
    return { address: canonical(remoteAddress), protocol, host, via: "socket" };
  }
  const elements =
    rules.header === "forwarded"
      ? readForwarded(connection.header("forwarded"))
      : readXForwarded(connection);
  const { address, element } = walk(rules, peer, elements);
  if (element === undefined) {
    return { address: printAddress(peer), protocol, host, via: "socket" };
  }
  return {
    address: printAddress(address),
    protocol: protocolOf(element.protocol) ?? protocol,
    host: hostOf(element.host) ?? host,
    via: "proxy",
  };
}
