/**
 * What an access token says to each audience besides the claims of RFC 9068: only what its template
 * declares. A signed token is readable by whoever holds it, so names and values that are about a
 * person are refused unless the token is encrypted. RFC 9068 section 6; OWASP JWT cheat sheet.
 */
import { ArgumentError } from "../../engine/errors.ts";
import type { ConfigProblem } from "../../engine/errors.ts";
import { OWN_CLAIMS } from "./access-claims.ts";
import type { SessionSummary } from "../../engine/record.ts";

export type ClaimValue =
  | string
  | number
  | boolean
  | null
  | readonly ClaimValue[]
  | { readonly [name: string]: ClaimValue };

export interface ClaimsTemplate {
  /** Every name that {@link ClaimsTemplate.from} may give; default: none. */
  readonly claims?: readonly string[];
  /** The values, from the session. Names beyond `claims` are refused, `undefined` is left out. */
  readonly from?: (session: SessionSummary) => Readonly<Record<string, ClaimValue | undefined>>;
  /** Instead of the issuer's. */
  readonly accessTtlMs?: number;
  /** Encrypt the signed token for this audience: what is about a person may be in it then. */
  readonly encrypt?: (token: string) => Promise<string>;
}

export type ClaimsTemplates = Readonly<Record<string, ClaimsTemplate>>;

const CLAIMS_MAX = 64;
const NAME = /^[A-Za-z][A-Za-z0-9_.:/#-]{0,127}$/;

/** OpenID Connect Core 5.1, and what people name secrets and identity numbers. Word by word. */
const PERSONAL =
  "name given family middle nickname preferred username profile picture photo email mail phone " +
  "mobile gender sex birthdate birthday birth dob address street postal zip city zoneinfo ssn " +
  "passport iban ip password passwd pwd secret token credential otp pin key cookie session";
const PERSONAL_WORDS: ReadonlySet<string> = new Set(PERSONAL.split(" "));
/** They say that something is so, not what it is. */
const HARMLESS = /(?:^|_)(?:verified|count|policy|role|roles|level|tier|id)$/;

const EMAIL = /[^\s@]@[^\s@]+\.[a-z]{2,}/i;
const CREDENTIAL = /\bsj1[a-z]_|\beyJ[\w-]+\.[\w-]+\.|-----BEGIN /;

export function templateProblems(templates: unknown): ConfigProblem[] {
  const path = "templates";
  if (typeof templates !== "object" || templates === null) {
    return [{ path, message: "takes an object: a template for each audience" }];
  }
  const list = Object.entries(templates as ClaimsTemplates);
  if (list.length === 0) return [{ path, message: "names no audience, so nothing can be issued" }];
  return list.flatMap(([audience, template]) =>
    audience === ""
      ? [{ path, message: "has an audience without a name" }]
      : claimProblems(`templates[${JSON.stringify(audience)}].claims`, template),
  );
}

function claimProblems(path: string, { claims = [], encrypt }: ClaimsTemplate): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (claims.length > CLAIMS_MAX) {
    problems.push({ path, message: `declares ${claims.length} claims; at most ${CLAIMS_MAX}` });
  }
  for (const name of claims) {
    const shown = JSON.stringify(name);
    if (!NAME.test(name)) problems.push({ path, message: `${shown} is no name of a claim` });
    else if (OWN_CLAIMS.includes(name)) {
      problems.push({ path, message: `${shown} is set by the issuer alone` });
    } else if (encrypt === undefined && isPersonal(name)) {
      const message = `${shown} is about a person or a secret, and a signed token hides nothing`;
      problems.push({
        path,
        message: `${message}; encrypt this audience's tokens, or leave it out`,
      });
    }
  }
  return problems;
}

function isPersonal(name: string): boolean {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();
  if (HARMLESS.test(words)) return false;
  return words.split(/[^a-z0-9]+/).some((word) => PERSONAL_WORDS.has(word));
}

/** @throws {ArgumentError} for what is not declared, and for values about a person in the open. */
export function claimsFor(
  template: ClaimsTemplate,
  session: SessionSummary,
): Readonly<Record<string, ClaimValue>> {
  const { claims = [], from, encrypt } = template;
  const values: Record<string, ClaimValue> = {};
  for (const [name, value] of Object.entries(from?.(session) ?? {})) {
    if (value === undefined) continue;
    if (!claims.includes(name)) {
      throw new ArgumentError("templates", `the claim ${JSON.stringify(name)} is not declared`);
    }
    if (encrypt === undefined && isTelling(value)) {
      const message = `the value of ${JSON.stringify(name)} has an e-mail address or a credential in it`;
      throw new ArgumentError("templates", `${message}, and a signed token hides nothing`);
    }
    values[name] = value;
  }
  return values;
}

function isTelling(value: ClaimValue): boolean {
  if (typeof value === "string") return EMAIL.test(value) || CREDENTIAL.test(value);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value as Readonly<Record<string, ClaimValue>>).some(isTelling);
}
