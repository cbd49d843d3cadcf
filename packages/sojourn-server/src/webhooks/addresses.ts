/**
 * Where webhooks may go. A tenant names the URL, so the service could be sent against its own
 * network (SSRF): every address is judged after its name was resolved, and the connection goes to
 * the very address that was judged.
 */
import { BlockList, isIP } from "node:net";
import type { LookupFunction } from "node:net";
import { Names } from "./names.ts";

export type AddressRule = (address: string, plainHttp: boolean) => boolean;

/** Not of the public Internet: RFC 6890 and the registries of IANA. */
const PRIVATE_V4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
];
/** Of IPv6 only this is public… */
const PUBLIC_V6 = "2000::/3";
/** …without Teredo and its like, documentation, and what carries an IPv4 address in it (6to4). */
const PRIVATE_V6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];
const LOOPBACK = ["127.0.0.0/8", "::1/128"];
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

const closed = blockList([...PRIVATE_V4, ...PRIVATE_V6]);
const publicV6 = blockList([PUBLIC_V6]);
const loopback = blockList(LOOPBACK);

/** @returns undefined for what is no network like 10.0.0.0/8. */
export function readNetwork(text: string): readonly [string, number] | undefined {
  const [, address = "", bits = ""] = /^([0-9a-f.:]+)\/(\d{1,3})$/i.exec(text) ?? [];
  const family = isIP(address);
  const most = family === 4 ? 32 : 128;
  return family === 0 || Number(bits) > most ? undefined : [address, Number(bits)];
}

/**
 * Public addresses, and networks that the installation allows besides. Without TLS only loopback,
 * where it is allowed.
 */
export function addressRule(networks: readonly string[]): AddressRule {
  const allowed = blockList(networks);
  return (address, plainHttp) => {
    const plain = MAPPED.exec(address)?.[1] ?? address;
    if (plainHttp) return has(loopback, plain) && has(allowed, plain);
    if (has(allowed, plain)) return true;
    if (isIP(plain) === 4) return !has(closed, plain);
    return isIP(plain) === 6 && has(publicV6, plain) && !has(closed, plain);
  };
}

/** A name led to an address that is not allowed, or to none. */
export class AddressError extends Error {
  readonly code: "refused-address" | "unresolved";

  constructor(code: AddressError["code"]) {
    super(code);
    this.name = "AddressError";
    this.code = code;
  }
}

const shared = new Names();

/** Resolves, judges, and hands on what was judged. One address that is not allowed is enough. */
export function judgedLookup(
  rule: AddressRule,
  plainHttp: boolean,
  names: Names = shared,
): LookupFunction {
  return (hostname, options, callback) => {
    void names.addressesOf(hostname).then((addresses = []) => {
      const [first] = addresses;
      if (first === undefined) {
        callback(new AddressError("unresolved"), "", 0);
      } else if (!addresses.every(({ address }) => rule(address, plainHttp))) {
        callback(new AddressError("refused-address"), "", 0);
      } else if (options.all === true) {
        callback(null, [...addresses]);
      } else callback(null, first.address, first.family);
    });
  };
}

function has(list: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 4 ? "ipv4" : "ipv6");
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of networks) {
    const network = readNetwork(text);
    if (network === undefined) throw new TypeError(`no network: ${text}`);
    const [address, bits] = network;
    list.addSubnet(address, bits, isIP(address) === 4 ? "ipv4" : "ipv6");
  }
  return list;
}
