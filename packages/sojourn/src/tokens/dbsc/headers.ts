/**
 * The header fields of Device Bound Session Credentials, as text. Browsers send two of them bare
 * where the draft says quoted (Chromium 156): both are read.
 */
import { SKIP_REASONS } from "./words.ts";
import type { SkipReason } from "./words.ts";

/** Of requests. Lower-case, as adapters ask for them. */
export const RESPONSE_HEADER = "secure-session-response";
export const SESSION_ID_HEADER = "sec-secure-session-id";
export const SKIPPED_HEADER = "secure-session-skipped";
/** Of responses. */
export const REGISTRATION_HEADER = "secure-session-registration";
export const CHALLENGE_HEADER = "secure-session-challenge";

const FIELD_CHARS_MAX = 8_192;
const SKIPPED_CHARS_MAX = 1_024;

export interface RegistrationOffer {
  readonly path: string;
  readonly challenge: string;
  readonly authorization: string;
}

/** Asks the browser to make a key and to post its proof to `path`. */
export function registrationHeader({ path, challenge, authorization }: RegistrationOffer): string {
  return `(ES256 RS256);path="${path}";challenge="${challenge}";authorization="${authorization}"`;
}

/** What the next proof has to answer. Always with the session it is for. */
export function challengeHeader(challenge: string, sessionIdentifier: string): string {
  return `"${challenge}";id="${sessionIdentifier}"`;
}

/** A text sent bare or as a quoted string. @returns `undefined` when there is none to be read. */
export function readText(field: string | undefined): string | undefined {
  if (field === undefined || field.length > FIELD_CHARS_MAX) return undefined;
  const text = field.trim();
  const quoted = text.length >= 2 && text.startsWith('"') && text.endsWith('"');
  const inner = quoted ? text.slice(1, -1) : text;
  return /^[A-Za-z0-9._~-]+$/.test(inner) ? inner : undefined;
}

/**
 * Why the browser sent the request without refreshing, where it says so of this session. The field
 * is nobody's signature: it may explain a missing cookie, never replace it.
 */
export function readSkipped(field: string | undefined, id: string): SkipReason | undefined {
  if (field === undefined || field.length > SKIPPED_CHARS_MAX) return undefined;
  for (const member of field.split(",")) {
    const [reason = "", ...parameters] = member.split(";").map((part) => part.trim());
    const ours = parameters.some((one) => {
      const [name = "", value] = one.split("=");
      return name.trim() === "session_identifier" && readText(value) === id;
    });
    const known = SKIP_REASONS.find((one) => one === reason);
    if (ours && known !== undefined) return known;
  }
  return undefined;
}
