/** A kit whose ids say where their subject is, as those of the library do. */
import { createHmac, randomBytes } from "node:crypto";
import type { SessionStore } from "sojourn";
import { caseKit } from "sojourn/testing";
import type { CaseKit, CaseKitOptions } from "sojourn/testing";

/** @param buckets Of the store, default 256. */
export async function splitKit(
  store: SessionStore,
  options: CaseKitOptions,
  buckets = 256,
): Promise<CaseKit> {
  const candidate = { id: "test", bucketKey: randomBytes(32).toString("base64url") };
  const { bucketKey } = await store.installation(candidate);
  const key = Buffer.from(bucketKey, "base64url");
  const part = (tenant: string, subject: string): number => {
    const hmac = createHmac("sha256", key);
    for (const text of [tenant, subject]) {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(Buffer.byteLength(text));
      hmac.update(length);
    }
    return hmac.update(tenant).update(subject).digest().readUInt16BE(0) % buckets;
  };
  return caseKit({ ...options, part });
}
