/** The key a session is bound to, in the cold part of a row. */
import { invariant } from "../../engine/invariant.ts";
import { BINDING_TIERS } from "../../engine/record.ts";
import type { DeviceBinding } from "../../engine/record.ts";
import type { ByteReader, ByteWriter } from "./bytes.ts";

export function writeBinding(out: ByteWriter, binding: DeviceBinding, createdAt: number): void {
  const { tier, key, thumbprint, boundAt, proofs, lastProof } = binding;
  out.count(BINDING_TIERS.indexOf(tier)).text(key).text(thumbprint);
  out.span(boundAt - createdAt).count(proofs);
  out.count(lastProof === undefined ? 0 : 1);
  if (lastProof !== undefined) out.text(lastProof.challenge).span(lastProof.at - createdAt);
}

export function readBinding(read: ByteReader, createdAt: number): DeviceBinding {
  const tier = BINDING_TIERS[read.count()];
  invariant(tier !== undefined, "a stored tier is one of the known ones");
  const binding = { tier, key: read.text(), thumbprint: read.text() };
  const boundAt = createdAt + read.span();
  const proofs = read.count();
  if (read.count() === 0) return { ...binding, boundAt, proofs };
  const lastProof = { challenge: read.text(), at: createdAt + read.span() };
  return { ...binding, boundAt, proofs, lastProof };
}
