/** Who asks, behind the proxies that are configured. */
import { clientOf, forwardedRules } from "sojourn";
import type { ServerConfig } from "../config/config.ts";
import { headerOf, peerOf } from "./guards.ts";
import type { RequestInHand } from "./types.ts";

type Arrival = Pick<RequestInHand, "headers" | "raw">;
export type AddressReader = (request: Arrival) => string | undefined;

export function addressReader(config: ServerConfig): AddressReader {
  const { proxies, forwardedHeader } = config.library;
  const rules = forwardedRules({
    ...(proxies === undefined ? {} : { proxies }),
    ...(forwardedHeader === undefined ? {} : { header: forwardedHeader }),
  });
  return (request) => {
    const { remoteAddress, encrypted } = peerOf(request);
    const header = (name: string): string | undefined => headerOf(request, name);
    return clientOf(rules, { remoteAddress, header, encrypted }).address;
  };
}
