/** Who else may keep what is meant for one person? OWASP ASVS 5.0 14.3.2, RFC 9111. */
import type { SetCookie } from "./cookies.ts";
import { fail, pass, skipped, warn } from "./findings.ts";
import type { Check, Finding } from "./findings.ts";
import type { Answer } from "./http.ts";

const NO_STORE = "Send Cache-Control: no-store with every answer that depends on the session.";

type Keeping = "nobody" | "browser" | "unsaid" | "anybody";

/** Who may keep an answer, by its Cache-Control. */
function keepersOf({ headers }: Answer): Keeping {
  const value = (headers["cache-control"] ?? "").toLowerCase();
  if (/\bno-store\b/.test(value)) return "nobody";
  if (/\b(?:private|no-cache)\b/.test(value)) return "browser";
  return /\bpublic\b|\bs-maxage\b|\bmax-age\s*=\s*"?[1-9]/.test(value) ? "anybody" : "unsaid";
}

/** @param page An answer that shows who is signed in. */
export function checkSessionPage(page: Answer | undefined): Finding {
  const check = "cache-session";
  if (page === undefined) {
    return skipped(check, "No page of a signed-in person was seen.", "Give --whoami-path.");
  }
  switch (keepersOf(page)) {
    case "nobody":
      return pass(check, "No cache keeps the page of a signed-in person.");
    case "browser":
      return warn(check, "The browser keeps the page after the logout: Back shows it.", NO_STORE);
    case "unsaid":
      return warn(check, "Nothing says that caches must not keep the page of a person.", NO_STORE);
    case "anybody":
      return shared(check, page);
  }
}

function shared(check: Check, { headers }: Answer): Finding {
  const varies = /\bcookie\b|\*/i.test(headers["vary"] ?? "");
  const says = "Cache-Control lets shared caches keep the page of a signed-in person";
  return varies
    ? warn(check, `${says}; only Vary keeps people apart.`, NO_STORE)
    : fail(check, `${says} and show it to others.`, NO_STORE);
}

/** @param answers Every answer seen, by what was asked. */
export function checkCookieAnswers(
  answers: readonly (readonly [what: string, answer: Answer])[],
  cookie: SetCookie | undefined,
): Finding {
  const check = "cache-cookie";
  const setting = answers.filter(([, { setCookies }]) =>
    setCookies.some((line) => cookie !== undefined && line.startsWith(`${cookie.name}=`)),
  );
  if (setting.length === 0) return skipped(check, "No answer with a session cookie was seen.");
  const open = setting.filter(([, answer]) => keepersOf(answer) === "anybody");
  if (open.length === 0) return pass(check, "No answer that sets the cookie may be shared.");
  return fail(
    check,
    `${open.map(([what]) => what).join(", ")}: sets the session cookie and lets shared caches ` +
      "keep it, so one person gets another's session.",
    "Send Cache-Control: no-store with every Set-Cookie of a session.",
  );
}
