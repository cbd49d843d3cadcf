/** What the audit keeps of a request: who was proved, and from where, as far as privacy lets it. */
import { isIP } from "node:net";
import { agentOf } from "../audit/agents.ts";
import type { Circumstances, ReadCircumstances, WholeAddress } from "../audit/entry.ts";
import type { ServerConfig } from "../config/config.ts";
import { present } from "../config/present.ts";
import { isObject } from "../config/sources.ts";
import { addressReader } from "./client-address.ts";
import { requestScope } from "./log.ts";
import type { RequestInHand } from "./types.ts";

const DAY_MS = 86_400_000;
const REMEMBERED_MAX = 1_000;
/** For the request that is being worked on; nothing outside of one. */
export function circumstancesReader(config: ServerConfig): ReadCircumstances {
  const client = addressReader(config);
  const { addresses, addressDays } = config.audit;
  const shorten = remembered(networkOf);
  const family = remembered(agentOf);
  const addressOf = (request: RequestInHand): string | undefined => {
    return addresses === "none" ? undefined : client(request);
  };
  const keepMs = addressDays * DAY_MS;
  const wholeOf = (address: string): WholeAddress | undefined =>
    addresses === "full" ? { address, keepMs } : undefined;
  const read = (
    request: RequestInHand,
    reference?: (address: string) => string | undefined,
  ): Circumstances => {
    const { caller, exchange } = request;
    const address = addressOf(request);
    const agent = family(request.headers["user-agent"] ?? "");
    const place =
      address === undefined ? {} : { address: shorten(address), ref: reference?.(address) };
    const origin =
      address === undefined && agent === undefined ? undefined : present({ ...place, agent });
    const told = caller === null ? undefined : clientAgentOf(request.body);
    return present({
      request: request.id,
      key: caller === null ? undefined : { id: caller.keyId, name: caller.name },
      self: exchange !== null,
      from: origin,
      whole: address === undefined ? undefined : wholeOf(address),
      client: told === undefined ? undefined : { agent: family(told) },
    });
  };
  return (reference) => {
    const request = requestScope.getStore();
    return request === undefined ? {} : read(request, reference);
  };
}

/** Requests come from few networks and programs; what they are is worked out once. */
function remembered<Value>(work: (text: string) => Value): (text: string) => Value {
  const known = new Map<string, Value>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const value = work(text);
    if (known.size >= REMEMBERED_MAX) known.clear();
    known.set(text, value);
    return value;
  };
}

/** IPv4 by 24 bits, IPv6 by 48: a site, and no household in it. */
export function networkOf(address: string): string {
  if (!address.includes(":")) return `${address.split(".").slice(0, 3).join(".")}.0/24`;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  const behind = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - groups.length - behind.length;
  const all = [...groups, ...Array.from({ length: zeros }, () => "0"), ...behind];
  return `${all.slice(0, 3).join(":")}::/48`.replace(/(?:(?:^|:)0)+::/, "::");
}

/** What a back end says of the person's browser, where its body has a place for it. */
function clientAgentOf(body: unknown): string | undefined {
  if (!isObject(body) || !isObject(body["client"])) return undefined;
  const { userAgent } = body["client"];
  return typeof userAgent === "string" ? userAgent : undefined;
}

/** A device as it is kept: of its address as much as of any other. */
export function keptDevice<Device extends { readonly address?: string | undefined }>(
  device: Device,
  addresses: ServerConfig["audit"]["addresses"],
): Device {
  const { address } = device;
  if (address === undefined || addresses === "full" || isIP(address) === 0) return device;
  return { ...device, address: addresses === "none" ? undefined : networkOf(address) };
}
