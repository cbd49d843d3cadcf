/** Secrets and signatures of Standard Webhooks 1.0.0: HMAC-SHA256 over id, time and body. */
import { createHmac, randomBytes } from "node:crypto";

const PREFIX = "whsec_";
/** The specification: 24 to 64. */
const SECRET_BYTES = 32;
const SECOND_MS = 1_000;

export function newWebhookSecret(): string {
  return PREFIX + randomBytes(SECRET_BYTES).toString("base64");
}

export interface Message {
  /** The same at every try. */
  readonly id: string;
  readonly body: string;
}

/** @param secrets Two while one takes the place of the other: a receiver needs to know one. */
export function signedHeaders(
  { id, body }: Message,
  secrets: readonly string[],
  now: number,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(now / SECOND_MS));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), "base64");
    const hmac = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`);
    return `v1,${hmac.digest("base64")}`;
  });
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signatures.join(" "),
  };
}
