/**
 * What a token is worth, as the text of its JSON. Of a session that is kept near the same is asked
 * again and again: each time the token is judged, and only the writing down is done once.
 */
import type { Requirement, Session, Standing } from "sojourn";
import { describeToken } from "sojourn/tokens";
import type { z } from "zod";
import { present } from "../config/present.ts";
import { etagOf } from "./conditional.ts";
import type { VerdictView, verifyBody } from "./schemas.ts";
import type { House } from "./types.ts";
import { instant, pick, sessionOf, sessionView, unmetView } from "./views.ts";

export type VerifyBody = z.infer<typeof verifyBody>;

interface Asked {
  readonly token: string;
  readonly body: VerifyBody;
  readonly tenant: string;
}

/**
 * The answer of the last time. With the read of the session and the token all of it is given, but
 * for the warning, which comes from a policy that may change meanwhile.
 */
interface Answered {
  readonly token: string;
  readonly warnAt: number | undefined;
  readonly text: string;
}

export const VERIFY_PATH = "/v1/sessions/verify";

/** Tokens of one batch that are looked at together. */
const AT_ONCE = 16;
const SECOND_MS = 1_000;
/** By the read of the session: as long as the near-cache keeps that, and as many. */
const answered = new WeakMap<object, Answered>();

/** The text of the answer to a verify, of one token or of many. */
export async function verifyText(house: House, tenant: string, body: VerifyBody): Promise<string> {
  const end = `"serverTime":"${instant(house.now())}"}`;
  const { token, tokens = [] } = body;
  if (token !== undefined) {
    return `${(await verdictText(house, { body, tenant, token })).slice(0, -1)},${end}`;
  }
  const verdicts: string[] = [];
  for (let from = 0; from < tokens.length; from += AT_ONCE) {
    const some = tokens.slice(from, from + AT_ONCE);
    const texts = some.map((one) => verdictText(house, { body, tenant, token: one }));
    verdicts.push(...(await Promise.all(texts)));
  }
  return `{"results":[${verdicts.join(",")}],${end}`;
}

async function verdictText(house: House, asked: Asked): Promise<string> {
  const { body, tenant, token } = asked;
  const { activity, canSetToken, client, boundCookie, skipped } = body;
  const standing = await house.sessions.authenticate(token, {
    tenant,
    activity,
    canSetToken,
    boundCookie,
    skipped,
    ...(client?.userAgent === undefined ? {} : { fingerprint: client.userAgent }),
    address: client?.address,
  });
  house.metrics.verifies.count(standing.state);
  const session = sessionOf(standing);
  if (session === undefined) return JSON.stringify(verdictWithout(standing));
  return isPlain(standing, body)
    ? plainText(house, session, asked)
    : JSON.stringify(verdictOf(house, standing, asked, session));
}

/** Does the answer say nothing but what the session is? */
function isPlain(standing: Standing, { require, fields }: Asked["body"]): boolean {
  if (standing.state !== "active" || require !== undefined || fields !== undefined) return false;
  return standing.successor === undefined && standing.unproven === undefined;
}

function plainText(house: House, session: Session, asked: Asked): string {
  const { token } = asked;
  const { source, warnAt } = session;
  const last = source === undefined ? undefined : answered.get(source);
  if (last?.token === token && last.warnAt === warnAt) return last.text;
  const text = JSON.stringify(verdictOf(house, { state: "active", session }, asked, session));
  // Without a near-cache no read is met twice.
  if (source !== undefined && house.near !== undefined)
    answered.set(source, { token, warnAt, text });
  return text;
}

function verdictWithout(standing: Standing): VerdictView {
  const { state } = standing;
  if (standing.state !== "ended") return { state, cacheSeconds: 0 };
  const { reason, message } = standing;
  return { state, reason, ...present({ message }), cacheSeconds: 0 };
}

function verdictOf(
  house: House,
  standing: Standing,
  { body, token }: Asked,
  session: Session,
): VerdictView {
  const unmet = body.require === undefined ? undefined : unmetOf(session, body.require);
  const view = pick(sessionView(session, house.now()), body.fields);
  const successor = standing.state === "active" ? standing.successor : undefined;
  const newest = describeToken(token)?.generation === session.generation;
  return {
    state: standing.state,
    ...(view === undefined ? {} : { session: view }),
    ...(successor === undefined ? {} : { successor }),
    ...(unmet === undefined ? {} : { unmet }),
    ...unprovenView(standing),
    etag: etagOf(session.version),
    cacheSeconds: 0,
    settled: newest && !session.hasSuccessor,
  };
}

function unprovenView(standing: Standing): Pick<VerdictView, "unproven"> {
  const unproven = "unproven" in standing ? standing.unproven : undefined;
  return unproven === undefined
    ? {}
    : { unproven: { ...unproven, headers: { ...unproven.headers } } };
}

function unmetOf(
  session: Session,
  required: NonNullable<Asked["body"]["require"]>,
): VerdictView["unmet"] {
  const { acr, maxAge, factors, elevated } = required;
  const wanted: Requirement = {
    ...(acr === undefined ? {} : { acr }),
    ...(maxAge === undefined ? {} : { maxAgeMs: maxAge * SECOND_MS }),
    ...(factors === undefined ? {} : { factors }),
    ...(elevated === undefined ? {} : { elevated }),
  };
  return unmetView(session.unmet(wanted));
}
