/** The application under examination: asked as its own pages ask, signed in as its people do. */
import { guessSession, longest, readSetCookie } from "./cookies.ts";
import type { Jar, SetCookie } from "./cookies.ts";
import type { Answer, Ask, Asking } from "./http.ts";
import type { LoginPlan, Plan } from "./plan.ts";

/** A link that somebody typed. */
const NAVIGATION = {
  "sec-fetch-site": "none",
  "sec-fetch-mode": "navigate",
  "sec-fetch-dest": "document",
} as const;

/** Words of an answer, by which people are told apart from nobody. */
function wordsIn({ body }: Answer): Set<string> {
  return new Set(body.split(/[^\p{L}\p{N}_.@-]+/u));
}

/** Says of an answer whether somebody is signed in. */
export type Recognizer = (answer: Answer) => boolean;

/**
 * Learn what only signed-in answers have: their status, or words that all of them share and no
 * anonymous one has. @returns `undefined` when there is no difference.
 */
export function learn(
  anonymous: readonly Answer[],
  signedIn: readonly [Answer, Answer],
): Recognizer | undefined {
  const [first, second] = signedIn;
  const { status } = first;
  if (second.status !== status) return undefined;
  if (anonymous.every((answer) => answer.status !== status)) {
    return (answer) => answer.status === status;
  }
  const again = wordsIn(second);
  const known = anonymous.map(wordsIn);
  const marks = [...wordsIn(first)].filter(
    (word) => again.has(word) && !known.some((words) => words.has(word)),
  );
  if (marks.length === 0) return undefined;
  return (answer) => {
    const words = wordsIn(answer);
    const found = marks.filter((word) => words.has(word)).length;
    return answer.status === status && found * 2 >= marks.length;
  };
}

/** Ends at the next `<`, so that a page of nothing but beginnings is read once. */
const INPUT = /<input\b[^<>]*>/gi;
const ATTRIBUTE = /\b(type|name|value)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))/gi;

/** Hidden fields of a page's forms: where frameworks put the token that goes with a form. */
export function hiddenFields(html: string): (readonly [string, string])[] {
  return [...html.matchAll(INPUT)].flatMap(([input]) => {
    const found = new Map(
      [...input.matchAll(ATTRIBUTE)].map(([, name = "", double, single, bare]) => [
        name.toLowerCase(),
        double ?? single ?? bare ?? "",
      ]),
    );
    const name = found.get("name");
    const hidden = found.get("type")?.toLowerCase() === "hidden";
    return name === undefined || !hidden ? [] : [[name, found.get("value") ?? ""] as const];
  });
}

export class Site {
  readonly plan: Plan;
  readonly ask: Ask;

  constructor(plan: Plan, ask: Ask) {
    this.plan = plan;
    this.ask = ask;
  }

  /** Ask as `jar`'s browser; what the answer sets goes into the jar. */
  async as(jar: Jar, path: string, how: Asking = {}): Promise<Answer> {
    const url = new URL(path, this.plan.url.origin);
    const headers = { ...NAVIGATION, ...how.headers, ...jar.headerFor(path) };
    const answer = await this.ask(url, { ...how, headers });
    jar.take(answer, url.pathname);
    return answer;
  }

  /** What a form or a script of an own page sends. */
  ownHeaders(json: boolean): Readonly<Record<string, string>> {
    return {
      origin: this.plan.url.origin,
      "sec-fetch-site": "same-origin",
      "sec-fetch-mode": json ? "cors" : "navigate",
      "sec-fetch-dest": json ? "empty" : "document",
      "content-type": json ? "application/json" : "application/x-www-form-urlencoded",
    };
  }

  post(jar: Jar, path: string, body: string, json: boolean): Promise<Answer> {
    return this.as(jar, path, { method: "POST", body, headers: this.ownHeaders(json) });
  }

  /** Load the page of the form, and send the form. */
  async login(login: LoginPlan, jar: Jar): Promise<Answer> {
    const page = await this.as(jar, login.path);
    return this.post(jar, login.path, loginBody(login, hiddenFields(page.body)), login.json);
  }

  /**
   * The session's cookie among those that an answer sets: as named by the user, by a name that
   * libraries use, or else one that scripts cannot read.
   *
   * @param atLogin Whatever a login sets, one of it is the session's.
   */
  sessionCookieOf(answer: Answer, atLogin = false): SetCookie | undefined {
    const alive = answer.setCookies.map(readSetCookie).filter(({ expired }) => !expired);
    const { sessionCookie } = this.plan;
    if (sessionCookie !== undefined) return alive.find(({ name }) => name === sessionCookie);
    const hidden = alive.filter(({ attributes }) => attributes.has("httponly"));
    return guessSession(alive) ?? longest(hidden) ?? (atLogin ? longest(alive) : undefined);
  }
}

export function loginBody(
  login: LoginPlan,
  hidden: readonly (readonly [string, string])[] = [],
): string {
  const fields = new Map([...(login.json ? [] : hidden), ...login.fields]);
  return login.json
    ? JSON.stringify(Object.fromEntries(fields))
    : new URLSearchParams([...fields]).toString();
}

/** Somebody who is signed in. */
export interface Person {
  /** The browser: replaced by nobody, filled by every answer. */
  readonly jar: Jar;
  /** The name of the session cookie; `undefined` when no answer set one. */
  readonly cookieName: string | undefined;
  /** As the login set it. */
  readonly cookie: SetCookie | undefined;
  readonly loginAnswer: Answer | undefined;
  /** `undefined` without --whoami-path, or when its answers do not differ. */
  readonly knows: Recognizer | undefined;
}
