/** Replays what browsers send from other pages: which of it changes something here? */
import type { Person, Site } from "./site.ts";
import { hiddenFields } from "./site.ts";
import { fail, pass, skipAll, warn } from "./findings.ts";
import type { Check, Finding } from "./findings.ts";
import type { Answer } from "./http.ts";
import type { WritePlan } from "./plan.ts";
import { cookieArrives, headersOf, VECTORS, wordsOf } from "./vectors.ts";
import type { Vector } from "./vectors.ts";

export const CSRF_CHECKS: readonly Check[] = [
  "csrf-cross-site",
  "csrf-sibling",
  "csrf-cors",
  "csrf-own",
];
const REFUSE =
  "Refuse requests that change something unless Sec-Fetch-Site is same-origin or none, or Origin " +
  "is your own.";
/** A page in a sandbox is nobody's, its host's included. */
const SANDBOXED = /^sandbox-form/;

export async function checkCrossSite(site: Site, person: Person): Promise<Finding[]> {
  const { write } = site.plan;
  if (write === undefined) {
    const fix = "Name a path that changes something with --write-path, its body with --write-body.";
    return skipAll(CSRF_CHECKS, "No path that changes something is known.", fix);
  }
  const own = await ownRequest(site, person, write);
  if (own.status >= 400) {
    return skipAll(
      CSRF_CHECKS,
      `The page's own request to ${write.path} was answered ${own.status}, so nothing is shown.`,
      "Check --write-path and --write-body; --write-page brings the hidden fields of a form along.",
    );
  }
  const sameSite = sameSiteOf(person);
  const accepted: Vector[] = [];
  const refused: Vector[] = [];
  for (const vector of VECTORS) {
    if (vector.method !== "POST" || !cookieArrives(vector, sameSite)) continue;
    if (isOwn(vector) && vector.type !== site.ownHeaders(write.json)["content-type"]) continue;
    const answer = await replay(site, person, write, vector);
    (isLike(answer, own) ? accepted : refused).push(vector);
  }
  return [
    crossSite(accepted, sameSite),
    sibling(accepted),
    await preflights(site, write),
    ownFinding(refused, write),
  ];
}

/** How it looks when it is done right; with the hidden fields that the page has for it. */
async function ownRequest(site: Site, { jar }: Person, write: WritePlan): Promise<Answer> {
  const { path, page, json } = write;
  if (page === undefined || json) return site.post(jar, path, write.body, json);
  const { body } = await site.as(jar, page);
  const fields = new URLSearchParams(write.body);
  for (const [name, value] of hiddenFields(body)) if (!fields.has(name)) fields.set(name, value);
  return site.post(jar, path, fields.toString(), false);
}

async function replay(
  site: Site,
  { jar }: Person,
  write: WritePlan,
  vector: Vector,
): Promise<Answer> {
  const headers = headersOf(vector, site.plan.url);
  return site.as(jar, write.path, { method: vector.method, body: write.body, headers });
}

/** An own page's request needs no allowance; all others do. */
function isOwn({ from, action }: Vector): boolean {
  return from === "own" && !SANDBOXED.test(action);
}

/** Answered as the page's own request was: with the same class of status, to the same place. */
function isLike(answer: Answer, own: Answer): boolean {
  if (Math.floor(answer.status / 100) !== Math.floor(own.status / 100)) return false;
  return answer.headers["location"] === own.headers["location"];
}

/** `none` where it is not known: the worst case. */
function sameSiteOf({ cookie }: Person): string {
  if (cookie === undefined) return "none";
  const given = cookie.attributes.get("samesite")?.toLowerCase();
  return given === "strict" || given === "lax" || given === "none" ? given : "default";
}

function crossSite(accepted: readonly Vector[], sameSite: string): Finding {
  const check = "csrf-cross-site";
  // A sandboxed frame sends what any site can send, whoever's page it stands in.
  const found = accepted.filter(
    (vector) => vector.from === "other" || (!isOwn(vector) && vector.site === "cross-site"),
  );
  if (found.length > 0) return fail(check, listed(found), REFUSE);
  const kept =
    sameSite === "lax" || sameSite === "strict" ? `, and SameSite=${sameSite} helps` : "";
  return pass(check, `No request of another site changes anything${kept}.`);
}

function sibling(accepted: readonly Vector[]): Finding {
  const found = accepted.filter(({ from, site }) => from === "sibling" && site === "same-site");
  return found.length === 0
    ? pass("csrf-sibling", "No request of a sibling host changes anything.")
    : warn("csrf-sibling", `${listed(found)} SameSite does not hold these back.`, REFUSE);
}

function listed(found: readonly Vector[]): string {
  return `Accepted ${wordsOf(found)}.`;
}

/** May scripts of other pages send what they like, with the person's cookie? */
async function preflights(site: Site, write: WritePlan): Promise<Finding> {
  const check = "csrf-cors";
  const allowed: Vector[] = [];
  for (const vector of VECTORS.filter(({ method }) => method === "OPTIONS")) {
    const headers = headersOf(vector, site.plan.url);
    const url = new URL(write.path, site.plan.url.origin);
    const { headers: given } = await site.ask(url, { method: "OPTIONS", headers });
    const origin = given["access-control-allow-origin"];
    const credentials = given["access-control-allow-credentials"] === "true";
    if (credentials && origin === headers["origin"]) allowed.push(vector);
  }
  if (allowed.length === 0) return pass(check, "Scripts of other origins may not use the cookie.");
  return fail(
    check,
    `${write.path} allows scripts with the person's cookie: ${wordsOf(allowed)}.`,
    "Answer Access-Control-Allow-Origin with origins from a list, never with what was sent.",
  );
}

function ownFinding(refused: readonly Vector[], { page }: WritePlan): Finding {
  const check = "csrf-own";
  const found = page === undefined ? refused.filter(isOwn) : [];
  if (found.length === 0) return pass(check, "Requests of the application's own pages pass.");
  return warn(
    check,
    `Refused ${wordsOf(found)}.`,
    'Let Sec-Fetch-Site decide before Origin: pages without a referrer send "Origin: null".',
  );
}
