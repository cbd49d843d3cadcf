/**
 * What a dry run leaves behind: proof that this caller has seen how many sessions an action would
 * meet, not long ago. Made of a keyed hash, so that any process of the installation can tell.
 */
import { createHmac, timingSafeEqual } from "node:crypto";

/** What was tried out, in full. */
export interface Tried {
  readonly tenant: string;
  /** Id of the key, or whoever else came. */
  readonly caller: string;
  /** Action, filter, exceptions, words. */
  readonly what: unknown;
}

export interface Outcome {
  readonly count: number;
  /** Nothing in the tenant is left out: the count has to be typed. */
  readonly everything: boolean;
  /** When it was counted: sessions opened later are not meant. */
  readonly at: number;
}

const VALID_MS = 10 * 60_000;
const LABEL = "sojourn-server/1/dry-run";
const TOKEN = /^([\w-]{1,256})\.([\w-]{43})$/;

export function dryRunToken(secrets: readonly string[], tried: Tried, outcome: Outcome): string {
  const told = Buffer.from(JSON.stringify(outcome)).toString("base64url");
  return `${told}.${macOf(secrets[0] ?? "", tried, told).toString("base64url")}`;
}

export function dryRunUntil({ at }: Outcome): number {
  return at + VALID_MS;
}

/** @returns `undefined` when it is of something else, of somebody else, or over. */
export function readDryRun(
  secrets: readonly string[],
  token: string,
  tried: Tried,
  now: number,
): Outcome | undefined {
  const [, told, mac] = TOKEN.exec(token) ?? [];
  if (told === undefined || mac === undefined) return undefined;
  const given = Buffer.from(mac, "base64url");
  if (!secrets.some((secret) => timingSafeEqual(macOf(secret, tried, told), given))) {
    return undefined;
  }
  const outcome = JSON.parse(Buffer.from(told, "base64url").toString()) as Outcome;
  return now < dryRunUntil(outcome) ? outcome : undefined;
}

function macOf(secret: string, { tenant, caller, what }: Tried, told: string): Buffer {
  const text = JSON.stringify([tenant, caller, what, told]);
  return createHmac("sha256", `${LABEL}\n${secret}`).update(text).digest();
}
