/** Does a login give a new session, whatever the browser came with? */
import { randomBytes } from "node:crypto";
import { Jar } from "./cookies.ts";
import { fail, pass, skipped, skipAll, warn } from "./findings.ts";
import type { Check, Finding } from "./findings.ts";
import type { LoginPlan } from "./plan.ts";
import { loginBody } from "./site.ts";
import type { Person, Site } from "./site.ts";
import { headersOf, VECTORS } from "./vectors.ts";

export const LOGIN_CHECKS: readonly Check[] = [
  "fixation-kept",
  "fixation-adopted",
  "fixation-revived",
  "login-csrf",
];
const NEW_ID =
  "Give every login a new id (express-session: req.session.regenerate() before you write the user).";

/** Whom the checks need: a person with a cookie that can be recognized. */
export interface Known extends Person {
  readonly cookieName: string;
  readonly knows: NonNullable<Person["knows"]>;
}

export function isKnown(person: Person): person is Known {
  return person.knows !== undefined && person.cookieName !== undefined;
}

/** Is somebody signed in with this cookie and no other? */
async function worksAlone(site: Site, person: Known, value: string): Promise<boolean> {
  const jar = new Jar();
  jar.put(person.cookieName, value);
  return works(site, person, jar);
}

/** Is somebody signed in with these cookies? They stay as they are. */
export async function works(site: Site, person: Known, jar: Jar): Promise<boolean> {
  return person.knows(await site.as(jar.copy(), site.plan.whoamiPath ?? "/"));
}

export async function checkLogin(site: Site, person: Known): Promise<Finding[]> {
  const { login } = site.plan;
  if (login === undefined) {
    const why = "--cookie hands a session over; how it is made cannot be seen.";
    return skipAll(LOGIN_CHECKS, why, "Give --login-path with --field instead.");
  }
  return [
    await kept(site, person, login),
    await adopted(site, person, login),
    await revived(site, person, login),
    await loginCsrf(site, person, login),
  ];
}

/** The cookie that a visitor had must not be the one of the person. */
async function kept(site: Site, person: Known, login: LoginPlan): Promise<Finding> {
  const check = "fixation-kept";
  const jar = new Jar();
  await site.as(jar, site.plan.url.pathname);
  await site.as(jar, login.path);
  const before = jar.copy();
  const value = before.get(person.cookieName);
  if (value === undefined) return pass(check, "There is no session before the login to be kept.");
  await site.login(login, jar);
  if (!(await works(site, person, before))) return pass(check, "A login makes a new session id.");
  return fail(
    check,
    `The ${person.cookieName} of a visitor is signed in after the login: who planted it is, too.`,
    NEW_ID,
  );
}

/** A value that nobody issued must not become somebody's session. */
async function adopted(site: Site, person: Known, login: LoginPlan): Promise<Finding> {
  const check = "fixation-adopted";
  const planted = likeness(person.jar.get(person.cookieName) ?? "");
  const jar = new Jar();
  jar.put(person.cookieName, planted);
  await site.login(login, jar);
  if (!(await worksAlone(site, person, planted))) {
    return pass(check, "A made-up session id is not taken over.");
  }
  const says = `A made-up ${person.cookieName} became the session of the person who signed in.`;
  return fail(check, says, `Take only ids that the store knows. ${NEW_ID}`);
}

/** Random text of the same length and alphabet, so that it is not refused for its shape alone. */
function likeness(value: string): string {
  const bytes = randomBytes(value.length);
  return Array.from(value, (character, at) => {
    const byte = bytes[at] ?? 0;
    if (/[0-9]/.test(character)) return String(byte % 10);
    if (/[a-f]/.test(character)) return "abcdef"[byte % 6] ?? "a";
    if (/[a-z]/.test(character)) return String.fromCharCode(97 + (byte % 26));
    return /[A-Z]/.test(character) ? String.fromCharCode(65 + (byte % 26)) : character;
  }).join("");
}

/** The id of a session that has ended must not be worth anything again. */
async function revived(site: Site, person: Known, login: LoginPlan): Promise<Finding> {
  const check = "fixation-revived";
  const { logoutPath } = site.plan;
  if (logoutPath === undefined) {
    return skipped(check, "How to sign out is not known.", "Give --logout-path.");
  }
  const jar = new Jar();
  await site.login(login, jar);
  const old = jar.copy();
  await site.post(jar, logoutPath, "", false);
  if (await works(site, person, old)) {
    return skipped(check, "The logout does not end the session (see logout-ends).");
  }
  const again = old.copy();
  await site.login(login, again);
  if (!(await works(site, person, old))) {
    return pass(check, "The id of an ended session does not come back with the next login.");
  }
  const says = `The ${person.cookieName} of an ended session is signed in again after a login.`;
  return fail(check, says, NEW_ID);
}

/** Can another site sign its victim in as the attacker? */
async function loginCsrf(site: Site, person: Known, login: LoginPlan): Promise<Finding> {
  const check = "login-csrf";
  const vector = VECTORS.find(
    ({ from, action }) => from === "other" && action.startsWith("top-form"),
  );
  if (vector === undefined) return skipped(check, "There is no such request to send.");
  const jar = new Jar();
  const type = login.json ? { "content-type": "text/plain" } : {};
  await site.as(jar, login.path, {
    method: "POST",
    body: loginBody(login),
    headers: { ...headersOf(vector, site.plan.url), ...type },
  });
  if (jar.get(person.cookieName) === undefined || !(await works(site, person, jar))) {
    return pass(check, "A form of another site signs nobody in.");
  }
  return warn(
    check,
    "A form of another site can sign people in as somebody else, who then reads what they enter.",
    "Refuse the login, too, when Sec-Fetch-Site or Origin says that another site sent it.",
  );
}
