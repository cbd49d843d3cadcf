/**
 * Why a session cookie was not set, or a credential not used: a closed vocabulary, each word with
 * what it means, what mends it, and its place in the documents. Nothing here holds a secret.
 */
import type { EventName } from "../protocol/events.ts";
import type { Core } from "./core.ts";
import type { Emitter } from "./emitter.ts";

/** Why a request counts as plain HTTP. */
export type PlainNotice = "plain-http" | "proxy-not-trusted" | "proxy-silent" | "proxy-contradicts";
/** Why a cookie that should have been set was not, or will not arrive. Add, never rename. */
export type CookieNotice =
  | PlainNotice
  | "headers-sent"
  | "late-successor"
  | "bearer"
  | "third-party"
  | "name-taken"
  | "cookies-too-large";
/** Why a credential that came was not used. Add, never rename. */
export type CredentialNotice =
  | PlainNotice
  | "conflict"
  | "bearer-disagrees"
  | "name-variant"
  | "nameless"
  | "other-name"
  | "header-too-long"
  | "malformed"
  | "foreign-key"
  | "forged"
  | "no-session";
type Why = CookieNotice | CredentialNotice;

interface Meaning {
  readonly says: string;
  readonly fix: string;
}

const MEANINGS: Readonly<Record<Why, Meaning>> = {
  "plain-http": {
    says: "The request came by plain HTTP, where anybody on the way can read a credential.",
    fix:
      "Use https. In development http://localhost and http://127.0.0.1 are fine, too, where the " +
      "peer is known: sojourn/fetch has to be given { remoteAddress }; " +
      "without any TLS there is cookie: { secure: false }.",
  },
  "proxy-not-trusted": {
    says: "A forwarding header says https, but who sent it is not among `proxies`.",
    fix: 'Name the network of the proxy: proxies: ["10.0.0.0/8"], or ["loopback"].',
  },
  "proxy-silent": {
    says: "The trusted proxy does not say by which scheme the client came.",
    fix:
      "Let it set X-Forwarded-Proto (nginx: proxy_set_header X-Forwarded-Proto $scheme), or name " +
      "the header it does set in `forwardedHeader`.",
  },
  "proxy-contradicts": {
    says: "Forwarding headers disagree: the one that counts says http, another says https.",
    fix:
      "Let inner proxies pass X-Forwarded-Proto on instead of writing their own, and list every " +
      "hop in `proxies`.",
  },
  "headers-sent": {
    says: "The headers of the response had left before the session was changed.",
    fix: "Change the session before anything is written to the response.",
  },
  "late-successor": {
    says: "The renewed cookie waited too long: it could overwrite a newer one by now.",
    fix: "None is needed: the next request is offered it again. Answer within `transitMs`.",
  },
  bearer: {
    says: "The request came with a bearer token, and such clients get no cookie.",
    fix: "Give them the `token` that the call returned, or log in without Authorization.",
  },
  "third-party": {
    says: "The response belongs to a page of another site, and browsers drop the cookie there.",
    fix:
      "Embedded pages need cookie: { partitioned: true }; others sign in on a page of their own, " +
      "not in a frame or a fetch of another site.",
  },
  "name-taken": {
    says: "The application sets a cookie of the same name itself, and the browser keeps the last.",
    fix: "Give one of them another name: cookie: { name } of `createSessions`.",
  },
  "cookies-too-large": {
    says:
      "The Set-Cookie lines of this response exceed 4096 bytes together; proxies with usual " +
      "buffers answer 502 instead.",
    fix: "Set fewer or smaller cookies of your own, or raise proxy_buffer_size.",
  },
  conflict: {
    says: "The session cookie came more than once with different values, so none is believed.",
    fix:
      "Another host or path of the domain sets one of this name: keep the prefix __Host-, and " +
      "delete the other cookie.",
  },
  "bearer-disagrees": {
    says: "Cookie and bearer token are of different sessions, so none is believed.",
    fix: "Send one of them.",
  },
  "name-variant": {
    says: "A cookie came whose name differs from the session cookie's in case or blanks only.",
    fix: "Look for what rewrites the Cookie header, or who plants such a cookie.",
  },
  nameless: {
    says: "A cookie without a name came whose value looks like the session cookie.",
    fix: "Somebody may have planted it: delete it, and keep the prefix __Host-.",
  },
  "other-name": {
    says: "A session token came in a cookie of another name than the one in use here.",
    fix:
      "The name depends on https and on cookie: { name, prefix }: after a change, and between " +
      "http://localhost and https, people sign in once more.",
  },
  "header-too-long": {
    says: "The Cookie header is longer than 65536 characters and was not searched.",
    fix: "Find out which cookies grow, and remove them.",
  },
  malformed: {
    says: "The value has not the shape of a session token: cut off, quoted, or of another library.",
    fix: "Delete the cookie, or give this application a cookie name of its own.",
  },
  "foreign-key": {
    says: "The token was made under a secret that is not in `secrets`.",
    fix:
      "Keep the secret when the process restarts, give every process the same ones, and keep an " +
      "old one in the list until its sessions have ended.",
  },
  forged: {
    says: "The signature of the token is wrong: it was altered, or is of another tenant.",
    fix: "Nothing to mend here, unless `tenant` was changed.",
  },
  "no-session": {
    says: "The token is genuine, but there is no such session any more.",
    fix:
      "Its row was erased some time after its end, or the store was emptied; a memory store is " +
      "with every restart.",
  },
};
export const NOTICES: readonly Why[] = Object.keys(MEANINGS) as Why[];

/** Where more is said: a page in the package, below `node_modules`. */
export function noticeLink(why: string): string {
  return `sojourn/docs/guide/diagnostics.md#${why}`;
}

export function meaningOf(why: Why): Meaning {
  return MEANINGS[why];
}

/** Notices of one process that are news once: a browser repeats its cookie with every request. */
const ONCE: ReadonlySet<EventName> = new Set(["cookie-conflict", "credential-ignored"]);
const TOLD_BY = {
  "cookie-not-set": "cookie not set",
  "cookie-conflict": "cookie not used",
  "credential-ignored": "credential not used",
} as const;

export interface Notice {
  readonly event: keyof typeof TOLD_BY;
  readonly why: Why;
  readonly cookie: string;
  readonly sent?: boolean;
  /** Development only: where in the application, which peer. */
  readonly detail?: string | undefined;
}

/** Tell listeners. @returns the value of the header `Sojourn-Notice`, in development only. */
export function tell(core: Core, tenant: string, notice: Notice): string | undefined {
  const { event, why, cookie, sent = false, detail } = notice;
  const link = noticeLink(why);
  if (event === "cookie-not-set") core.emit(event, { tenant, why, sent, link, detail });
  else core.emit(event, { tenant, why, cookie, link, detail });
  return core.development ? lineOf(event, why, detail) : undefined;
}

function lineOf(event: keyof typeof TOLD_BY, why: string, detail: string | undefined): string {
  const { says, fix } = MEANINGS[why as CookieNotice];
  const where = detail === undefined ? "" : ` (${detail})`;
  return `${TOLD_BY[event]}: ${why}${where}. ${says} ${fix} See ${noticeLink(why)}`;
}

/** Of a set-up where nobody can sign in: told in production, too. */
const NOBODY_SIGNS_IN: ReadonlySet<string> = new Set<PlainNotice>([
  "plain-http",
  "proxy-not-trusted",
  "proxy-silent",
]);

/**
 * One line in the log for each notice; for what browsers repeat, the first time only. In production
 * once each what keeps everybody from signing in; the rest is for who listens to the events.
 */
export function logNotices(
  emitter: Emitter,
  log: (line: string) => void,
  production: boolean,
): void {
  const told = new Set<string>();
  if (production) {
    emitter.on("cookie-not-set", ({ why, detail }) => {
      if (!NOBODY_SIGNS_IN.has(why) || told.has(why)) return;
      told.add(why);
      log(lineOf("cookie-not-set", why, detail));
    });
    return;
  }
  for (const name of Object.keys(TOLD_BY) as (keyof typeof TOLD_BY)[]) {
    emitter.on(name, ({ why, detail }) => {
      if (ONCE.has(name) && told.has(why)) return;
      told.add(why);
      log(lineOf(name, why, detail));
    });
  }
}
