/** Does a logout end the session on the server, for good? */
import { Jar, readSetCookie } from "./cookies.ts";
import { fail, pass, skipped, skipAll, warn } from "./findings.ts";
import type { Check, Finding } from "./findings.ts";
import type { Answer } from "./http.ts";
import type { LoginPlan } from "./plan.ts";
import { works } from "./check-login.ts";
import type { Known } from "./check-login.ts";
import type { Site } from "./site.ts";
import { headersOf, VECTORS } from "./vectors.ts";

export const LOGOUT_CHECKS: readonly Check[] = [
  "logout-ends",
  "logout-clears",
  "logout-site-data",
  "logout-get",
  "logout-straggler",
];

/** How long a slow request has been under way when the logout is sent. */
const HEAD_START_MS = 150;
const ON_THE_SERVER =
  "End the session where the server keeps it. A cookie that holds the session itself needs a " +
  "list of what was ended.";

export async function checkLogout(site: Site, person: Known): Promise<Finding[]> {
  const { logoutPath, login } = site.plan;
  if (logoutPath === undefined) {
    return skipAll(LOGOUT_CHECKS, "How to sign out is not known.", "Give --logout-path.");
  }
  const straggling = await straggler(site, person, logoutPath);
  const byGet = await logoutByGet(site, person, logoutPath);
  const jar = login === undefined ? person.jar : new Jar();
  if (login !== undefined) await site.login(login, jar);
  const before = jar.copy();
  if (!(await works(site, person, before))) {
    const why = "There was no session left to sign out from.";
    return [
      ...skipAll(["logout-ends", "logout-clears", "logout-site-data"], why),
      byGet,
      straggling,
    ];
  }
  const answer = await site.post(jar, logoutPath, "", false);
  const alive = await works(site, person, before);
  if (answer.status >= 400) {
    const why = `The logout was answered ${answer.status}.`;
    const fix = "Check --logout-path; it is sent as a form by POST.";
    return [
      ...skipAll(["logout-ends", "logout-clears", "logout-site-data"], why, fix),
      byGet,
      straggling,
    ];
  }
  return [ends(person, alive), clears(person, answer), siteData(answer), byGet, straggling];
}

function ends(person: Known, alive: boolean): Finding {
  return alive
    ? fail(
        "logout-ends",
        `After the logout the same ${person.cookieName} is still signed in.`,
        ON_THE_SERVER,
      )
    : pass("logout-ends", "After the logout the old cookie is worth nothing.");
}

function clears({ cookieName }: Known, { setCookies }: Answer): Finding {
  const gone = setCookies.map(readSetCookie).some(({ name, expired, value }) => {
    return name === cookieName && (expired || value === "");
  });
  if (gone) return pass("logout-clears", `The logout deletes ${cookieName}.`);
  const fix = "Delete it with the attributes it was set with, and Max-Age=0.";
  return warn("logout-clears", `The logout leaves ${cookieName} in the browser.`, fix);
}

function siteData({ headers }: Answer): Finding {
  const check = "logout-site-data";
  if (headers["clear-site-data"] !== undefined) {
    return pass(check, "The logout sends Clear-Site-Data.");
  }
  const says = "What pages stored and cached in the browser survives the logout.";
  return warn(check, says, 'Send Clear-Site-Data: "cache", "cookies", "storage" with it.');
}

/** An image of another site must not sign people out. */
async function logoutByGet(site: Site, person: Known, path: string): Promise<Finding> {
  const check = "logout-get";
  const { login } = site.plan;
  const vector = VECTORS.find(({ from, action }) => from === "other" && action === "top-get");
  if (login === undefined || vector === undefined) {
    return skipped(check, "It would cost the one session there is.", "Give --login-path instead.");
  }
  const jar = new Jar();
  await site.login(login, jar);
  const before = jar.copy();
  await site.as(jar, path, { headers: headersOf(vector, site.plan.url) });
  if ((await works(site, person, before)) && (await works(site, person, jar))) {
    return pass(check, "A GET does not sign out.");
  }
  const fix = "Take POST only: a link that is loaded in advance signs out, too.";
  return warn(check, "A link or an image of any site signs people out: GET does it.", fix);
}

/** A request that began before the logout must not undo it. */
async function straggler(site: Site, person: Known, logoutPath: string): Promise<Finding> {
  const { login, slowPath } = site.plan;
  if (slowPath === undefined) {
    const fix = "Name a path with --slow-path that writes to the session and takes a second.";
    return skipped("logout-straggler", "No slow request is known.", fix);
  }
  if (login === undefined) {
    const why = "It would cost the one session there is.";
    return skipped("logout-straggler", why, "Give --login-path instead.");
  }
  return race(site, person, { login, slowPath, logoutPath });
}

async function race(
  site: Site,
  person: Known,
  paths: { readonly login: LoginPlan; readonly slowPath: string; readonly logoutPath: string },
): Promise<Finding> {
  const check = "logout-straggler";
  const jar = new Jar();
  await site.login(paths.login, jar);
  const before = jar.copy();
  const { body = "", json = false } = site.plan.write ?? {};
  let over = false;
  const slow = site.post(jar, paths.slowPath, body, json).finally(() => (over = true));
  await new Promise((resolve) => void setTimeout(resolve, HEAD_START_MS));
  if (!over) await site.post(jar, paths.logoutPath, "", false);
  const early = over;
  const { status, elapsedMs } = await slow;
  if (early) {
    const why = `${paths.slowPath} was answered after ${Math.round(elapsedMs)} ms (${status}).`;
    return skipped(check, why, "Name a path with --slow-path that takes a second.");
  }
  if (!(await works(site, person, before)) && !(await works(site, person, jar))) {
    return pass(check, "A request that was under way does not undo the logout.");
  }
  const says = "A request that was under way during the logout signed the person in again.";
  return fail(check, says, "Let writes change what is there, and never create it anew.");
}
