/** The whole examination, one part after the other; what fails on the way costs its part only. */
import { checkCookieAnswers, checkSessionPage } from "./check-caches.ts";
import { checkConnection } from "./check-connection.ts";
import { checkCookie, checkVisitor } from "./check-cookie.ts";
import { checkCrossSite, CSRF_CHECKS } from "./check-cross-site.ts";
import { checkLogin, isKnown, LOGIN_CHECKS } from "./check-login.ts";
import { checkLogout, LOGOUT_CHECKS } from "./check-logout.ts";
import { Jar } from "./cookies.ts";
import { fail, pass, skipAll } from "./findings.ts";
import type { Check, Finding } from "./findings.ts";
import { RequestError } from "./http.ts";
import type { Answer, Ask } from "./http.ts";
import type { Plan } from "./plan.ts";
import { learn, Site } from "./site.ts";
import type { Person } from "./site.ts";

export interface Report {
  readonly url: string;
  readonly sessionCookie: string | undefined;
  readonly findings: readonly Finding[];
}

/** @throws {RequestError} when the address itself cannot be reached. */
export async function examine(plan: Plan, ask: Ask): Promise<Report> {
  const site = new Site(plan, ask);
  const home = plan.url.pathname + plan.url.search;
  const first = await site.as(new Jar(), home);
  const findings = await guarded(["https", "hsts", "redirect", "plain-cookie"], () =>
    checkConnection(site, first),
  );
  const { person, page, said } = await enter(site);
  const cookie = person?.cookie ?? site.sessionCookieOf(first);
  const answers: (readonly [string, Answer])[] = [[home, first]];
  if (person?.loginAnswer !== undefined) answers.push(["the login", person.loginAnswer]);
  if (page !== undefined) answers.push([plan.whoamiPath ?? "", page]);
  findings.push(
    ...checkCookie(
      site,
      cookie,
      answers.map(([, answer]) => answer),
    ),
    checkVisitor(site, first, cookie?.name),
    ...said,
    checkSessionPage(page),
    checkCookieAnswers(answers, cookie),
    ...(await withPerson(site, person)),
  );
  return { url: plan.url.href, sessionCookie: person?.cookieName ?? cookie?.name, findings };
}

async function withPerson(site: Site, person: Person | undefined): Promise<Finding[]> {
  if (person === undefined) {
    const { login, cookies } = site.plan;
    const rest = [...CSRF_CHECKS, ...LOGIN_CHECKS, ...LOGOUT_CHECKS];
    if (login !== undefined || cookies.length > 0) return skipAll(rest, "Signing in failed.");
    const fix = "Give --login-path with --field and --whoami-path, or --cookie.";
    return skipAll(rest, "Nobody is signed in.", fix);
  }
  const crossSite = await guarded(CSRF_CHECKS, () => checkCrossSite(site, person));
  if (!isKnown(person)) {
    const why = "Whether somebody is signed in cannot be told from the answers.";
    const fix = "Give --whoami-path: a page that differs for the person and for nobody.";
    return [...crossSite, ...skipAll([...LOGIN_CHECKS, ...LOGOUT_CHECKS], why, fix)];
  }
  return [
    ...crossSite,
    ...(await guarded(LOGIN_CHECKS, () => checkLogin(site, person))),
    ...(await guarded(LOGOUT_CHECKS, () => checkLogout(site, person))),
  ];
}

/** A request without an answer costs its own part of the report, not the rest. */
async function guarded(
  checks: readonly Check[],
  run: () => Promise<Finding[]>,
): Promise<Finding[]> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return skipAll(checks, error.message);
  }
}

interface Entered {
  readonly person: Person | undefined;
  /** What the person sees. */
  readonly page: Answer | undefined;
  readonly said: readonly Finding[];
}

/** What is usually behind a login without a cookie, by how it was asked. */
const NO_TLS =
  "Mostly no Secure cookie is set over plain HTTP: examine the https address, or let the " +
  "application trust what its proxy says (X-Forwarded-Proto).";
const TLS_UNKNOWN =
  "Mostly the application takes the request for plain HTTP: let it trust what its proxy says " +
  "(X-Forwarded-Proto). Else look into its log, and check --login-path and --field.";

const NOBODY = { person: undefined, page: undefined } as const;

/** Sign in as the flags say, and learn to tell somebody from nobody. */
async function enter(site: Site): Promise<Entered> {
  const { login, cookies } = site.plan;
  if (login === undefined && cookies.length === 0) {
    const fix = "Give --login-path with --field, or --cookie.";
    return { ...NOBODY, said: skipAll(["login"], "Nobody was to be signed in.", fix) };
  }
  try {
    return login === undefined ? await handOver(site) : await signIn(site);
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return { ...NOBODY, said: [fail("login", error.message, "Check --login-path.")] };
  }
}

async function signIn(site: Site): Promise<Entered> {
  const { login } = site.plan;
  if (login === undefined) return { ...NOBODY, said: [] };
  const jar = new Jar();
  const before = await site.as(jar, login.path);
  const answer = await site.login(login, jar);
  if (answer.status >= 400) {
    const fields = login.fields.map(([name]) => name).join(", ");
    const says = `POST ${login.path} with ${fields} was answered ${answer.status}.`;
    const fix = "Check path, names and values; scripts that send JSON need --json-body.";
    return { ...NOBODY, said: [fail("login", says, fix)] };
  }
  if (jar.size === 0) {
    const says = `POST ${login.path} was answered ${answer.status}, and nothing has set a cookie.`;
    const fix = site.plan.url.protocol === "https:" ? TLS_UNKNOWN : NO_TLS;
    return { ...NOBODY, said: [fail("login", says, fix)] };
  }
  // A login that keeps a visitor's session may set no cookie at all.
  const cookie =
    site.sessionCookieOf(answer) ??
    site.sessionCookieOf(before) ??
    site.sessionCookieOf(answer, true);
  const cookieName = site.plan.sessionCookie ?? cookie?.name;
  return recognize(site, { jar, cookie, cookieName, loginAnswer: answer, knows: undefined });
}

async function handOver(site: Site): Promise<Entered> {
  const jar = new Jar();
  for (const [name, value] of site.plan.cookies) jar.put(name, value);
  const cookieName = site.plan.sessionCookie ?? site.plan.cookies[0]?.[0];
  const nothing = { cookie: undefined, loginAnswer: undefined, knows: undefined };
  return recognize(site, { jar, cookieName, ...nothing });
}

/** Compare what nobody sees with what the person sees. */
async function recognize(site: Site, person: Person): Promise<Entered> {
  const { whoamiPath } = site.plan;
  if (whoamiPath === undefined) {
    const why = "Whether somebody is signed in now cannot be told.";
    const said = skipAll(["login"], why, "Give --whoami-path.");
    return { person, page: undefined, said };
  }
  const anonymous = [await site.as(new Jar(), whoamiPath), await site.as(new Jar(), whoamiPath)];
  const page = await site.as(person.jar, whoamiPath);
  const knows = learn(anonymous, [page, await site.as(person.jar, whoamiPath)]);
  if (knows === undefined) {
    const says = `${whoamiPath} answers the person as it answers nobody.`;
    const fix = "Check --field or --cookie, and choose a --whoami-path that names the person.";
    return { ...NOBODY, said: [fail("login", says, fix)] };
  }
  return { person: { ...person, knows }, page, said: [pass("login", "Somebody is signed in.")] };
}
