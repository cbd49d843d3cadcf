/** The key a session is bound to, as a part of its cold column. See `parts.ts`. */
import { BINDING_TIERS } from "../../engine/record.ts";
import type { DeviceBinding } from "../../engine/record.ts";
import { listOf, numberOf } from "./parts.ts";
import type { Part } from "./parts.ts";

export function bindingParts(binding: DeviceBinding, createdAt: number): Part[] {
  const { tier, key, thumbprint, boundAt, proofs, lastProof } = binding;
  const last = lastProof === undefined ? [] : [lastProof.challenge, lastProof.at - createdAt];
  return [BINDING_TIERS.indexOf(tier), key, thumbprint, boundAt - createdAt, proofs, ...last];
}

export function decodeBinding(
  part: Part | undefined,
  createdAt: number,
): { readonly binding?: DeviceBinding } {
  const [number, key, thumbprint, boundAt, proofs, challenge, at] = listOf(part);
  const tier = BINDING_TIERS[numberOf(number)];
  if (typeof key !== "string" || typeof thumbprint !== "string" || tier === undefined) return {};
  const lastProof =
    typeof challenge === "string"
      ? { lastProof: { challenge, at: createdAt + numberOf(at) } }
      : undefined;
  const binding = { tier, key, thumbprint, boundAt: createdAt + numberOf(boundAt) };
  return { binding: { ...binding, proofs: numberOf(proofs), ...lastProof } };
}
