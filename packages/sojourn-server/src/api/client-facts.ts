/** What a back end says of the person's client. */
import { lockoutNetwork } from "sojourn";
import { z } from "zod";

/** One that cannot be read would slip past every lock of a network. */
function isAddress(text: string): boolean {
  try {
    return !text.includes("/") && lockoutNetwork(text).bits > 0;
  } catch {
    return false;
  }
}

export const clientFacts = z.strictObject({
  userAgent: z.string().max(1_024).optional(),
  address: z.string().max(64).refine(isAddress, "an IPv4 or IPv6 address").optional().meta({
    description: "Where the client is: locks of networks ask for it. Never stored.",
  }),
});
