/** Somebody who uses an example without a browser: cookies are kept, forms are posted. */
import type { Answered, Asking } from "../support/servers.ts";
import { ask, Jar, SAME_ORIGIN } from "../support/servers.ts";
import { forwarded } from "./application.ts";

export const ORIGIN = "https://app.example.test";
const FORM = "application/x-www-form-urlencoded";

export type Act = "login" | "add" | "elsewhere" | "logout";
export type Fields = Readonly<Record<string, string>>;

/** How an example's forms are posted. */
export type Posting = (
  act: Act,
  fields: Fields,
  page: string,
) => Asking & { readonly path: string };

/** Forms whose action is a path, by act. */
export function formsAt(paths: Readonly<Record<Act, string>>): Posting {
  return (act, fields) => ({
    path: paths[act],
    body: new URLSearchParams(fields).toString(),
    headers: { "content-type": FORM },
  });
}

export interface Seen {
  readonly answer: Answered;
  /** `undefined` on the sign-in page. */
  readonly name: string | undefined;
  readonly notes: readonly string[];
  /** Where the person is signed in. */
  readonly places: number;
}

/** In the page, or in the data that SvelteKit streams behind it. */
const PLACE = /<li class="place|\{createdAt:/g;

export class Visitor {
  readonly jar: Jar = new Jar();
  readonly #url: string;
  readonly #posting: Posting;
  #page = "";

  constructor(url: string, posting: Posting) {
    this.#url = url;
    this.#posting = posting;
  }

  /** The session cookie as `Cookie` header text; empty without one. */
  get cookie(): string {
    return this.jar.header;
  }

  async see(path: string = "/", headers: Asking["headers"] = {}): Promise<Seen> {
    const answer = this.jar.take(
      await this.#ask(path, { headers: { cookie: this.cookie, ...headers } }),
    );
    this.#page = answer.body;
    return seenIn(answer);
  }

  async post(act: Act, fields: Fields = {}, headers: Asking["headers"] = {}): Promise<Answered> {
    const { path, ...how } = this.#posting(act, fields, this.#page);
    return this.send(path, { ...how, headers: { ...how.headers, ...headers } });
  }

  /** Post as a page of the application does. */
  async send(path: string, how: Asking): Promise<Answered> {
    const headers = { cookie: this.cookie, origin: ORIGIN, ...SAME_ORIGIN, ...how.headers };
    return this.jar.take(await this.#ask(path, { method: "POST", ...how, headers }));
  }

  async login(name: string): Promise<Answered> {
    await this.see();
    const answer = await this.post("login", { name });
    await this.see();
    return answer;
  }

  /** A second window of the same browser, with cookies of its own from now on. */
  twin(): Visitor {
    const twin = new Visitor(this.#url, this.#posting);
    for (const [name, value] of this.jar.cookies) twin.jar.cookies.set(name, value);
    twin.#page = this.#page;
    return twin;
  }

  #ask(path: string, how: Asking): Promise<Answered> {
    const { cookie, ...rest } = { ...how.headers };
    const sent = cookie === undefined || cookie === "" ? rest : { ...rest, cookie };
    const headers = { accept: "text/html", ...forwarded(ORIGIN), ...sent };
    return ask(`${this.#url}${path}`, { ...how, headers, host: new URL(ORIGIN).host });
  }
}

function seenIn(answer: Answered): Seen {
  const page = answer.body.replace(/<!--.*?-->/g, "");
  const [, name] = /id="user"[^>]*>([^<]*)</.exec(page) ?? [];
  const notes = [...page.matchAll(/<li class="note[^>]*>([^<]*)</g)].map(([, note = ""]) => note);
  return { answer, name, notes, places: page.match(PLACE)?.length ?? 0 };
}
