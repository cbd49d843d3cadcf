/**
 * The requests a browser sends from its own page, a sibling's and another site's, recorded from
 * Chromium: each distinct row of `csrf-vectors.tsv`, against which a test holds this table.
 */
import type { Asking } from "./http.ts";

/** Who began the request: the application's own page, a host of the same site, another site. */
export type Initiator = "own" | "sibling" | "other";

export interface Vector {
  readonly from: Initiator;
  /** What the page did; actions that send the same are one row. */
  readonly action: string;
  readonly method: string;
  /** `page`: the origin of the page; `null`: that word; `-`: no header. */
  readonly origin: "page" | "null" | "-";
  readonly site: string;
  readonly mode: string;
  readonly dest: string;
  /** Values of SameSite whose cookies came along; `default` is a cookie without the attribute. */
  readonly arrives: readonly string[];
  /** `-` without a body. */
  readonly type: string;
}

const TYPES: Readonly<Record<string, string>> = {
  form: "application/x-www-form-urlencoded",
  text: "text/plain",
  "text utf-8": "text/plain;charset=UTF-8",
  json: "application/json",
};

/** from | action | method | Origin | site | mode | dest | cookies that arrive | content type */
const TABLE = `
other | fetch-nocors | POST | page | cross-site | no-cors | empty | - | text
other | fetch-cors-json | OPTIONS | page | cross-site | cors | empty | - | -
other | img-get | GET | - | cross-site | no-cors | image | - | -
other | beacon | POST | page | cross-site | no-cors | empty | - | text utf-8
other | form-iframe | POST | page | cross-site | navigate | iframe | - | form
other | sandbox-form+form-iframe-noref | POST | null | cross-site | navigate | iframe | - | form
other | top-form+same-host-307 | POST | page | cross-site | navigate | document | none default | form
other | top-get | GET | - | cross-site | navigate | document | lax none default | -
sibling | fetch-nocors | POST | page | same-site | no-cors | empty | strict lax none default | text
sibling | beacon | POST | page | same-site | no-cors | empty | strict lax none default | text utf-8
sibling | fetch-cors-json | OPTIONS | page | same-site | cors | empty | - | -
sibling | img-get | GET | - | same-site | no-cors | image | strict lax none default | -
sibling | form-iframe | POST | page | same-site | navigate | iframe | strict lax none default | form
sibling | sandbox-form | POST | null | cross-site | navigate | iframe | none | form
sibling | form-iframe-noref | POST | null | same-site | navigate | iframe | strict lax none default | form
sibling | top-form+same-host-307 | POST | page | same-site | navigate | document | strict lax none default | form
sibling | top-get | GET | - | same-site | navigate | document | strict lax none default | -
own | fetch-nocors | POST | page | same-origin | no-cors | empty | strict lax none default | text
own | fetch-cors-json | POST | page | same-origin | cors | empty | strict lax none default | json
own | img-get | GET | - | same-origin | no-cors | image | strict lax none default | -
own | beacon | POST | page | same-origin | no-cors | empty | strict lax none default | text utf-8
own | form-iframe | POST | page | same-origin | navigate | iframe | strict lax none default | form
own | sandbox-form | POST | null | cross-site | navigate | iframe | none | form
own | form-iframe-noref | POST | null | same-origin | navigate | iframe | strict lax none default | form
own | top-form+same-host-307 | POST | page | same-origin | navigate | document | strict lax none default | form
own | top-get | GET | - | same-origin | navigate | document | strict lax none default | -
`;

export const VECTORS: readonly Vector[] = TABLE.trim().split("\n").map(readRow);

function readRow(line: string): Vector {
  const [from = "", action = "", method = "", origin, ...rest] = line.split(" | ");
  const [site = "", mode = "", dest = "", arrives = "", type = ""] = rest;
  return {
    from: from as Initiator,
    action,
    method,
    origin: origin as Vector["origin"],
    site,
    mode,
    dest,
    arrives: arrives === "-" ? [] : arrives.split(" "),
    type: TYPES[type] ?? type,
  };
}

/** A page of the application, of a sibling or of somebody else, for an application at `url`. */
function originOf(from: Initiator, url: URL): string {
  if (from === "own") return url.origin;
  if (from === "other") return `${url.protocol}//evil.test`;
  const { hostname, protocol, port } = url;
  // Hosts without a domain have no siblings; another port is the same site and another origin.
  const bare = hostname === "localhost" || /^[\d.]+$|^\[/.test(hostname);
  if (bare) return `${protocol}//${hostname}:${port === "1" ? "2" : "1"}`;
  return `${protocol}//sojourn-doctor.${hostname}${port === "" ? "" : `:${port}`}`;
}

/** The headers that the vector's request to `url` has. */
export function headersOf(vector: Vector, url: URL): NonNullable<Asking["headers"]> {
  const { from, origin, site, mode, dest, type } = vector;
  const page = originOf(from, url);
  return {
    ...(origin === "-" ? {} : { origin: origin === "null" ? "null" : page }),
    "sec-fetch-site": site,
    "sec-fetch-mode": mode,
    "sec-fetch-dest": dest,
    ...(type === "-" ? {} : { "content-type": type }),
    ...(vector.method === "OPTIONS"
      ? {
          "access-control-request-method": "POST",
          "access-control-request-headers": "content-type",
        }
      : {}),
  };
}

/**
 * Would a cookie of this SameSite come along? `none` everywhere: the recording browser keeps
 * third-party cookies out of frames and fetches, others do not.
 *
 * @param sameSite `strict`, `lax`, `none`, or `default` where the attribute is missing.
 */
export function cookieArrives(vector: Vector, sameSite: string): boolean {
  return sameSite === "none" ? vector.method !== "OPTIONS" : vector.arrives.includes(sameSite);
}

const ACTIONS: Readonly<Record<string, string>> = {
  "fetch-nocors": "a script",
  "fetch-cors-json": "a script that asks first",
  beacon: "a beacon",
  "form-iframe": "a form in a frame",
  "form-iframe-noref": "a form in a frame without a referrer",
  "sandbox-form": "a form in a sandboxed frame",
  "top-form": "a form",
  "same-host-307": "a form that is redirected",
};
const PAGES: readonly (readonly [Initiator, string])[] = [
  ["other", "another site"],
  ["sibling", "a sibling host"],
  ["own", "an own page"],
];

/** What sends these requests, in words: `from another site: a script, a form`. */
export function wordsOf(vectors: readonly Vector[]): string {
  const parts = PAGES.flatMap(([initiator, page]) => {
    const actions = vectors
      .filter(({ from }) => from === initiator)
      .flatMap(({ action }) => action.split("+"))
      .map((action) => ACTIONS[action] ?? action);
    return actions.length === 0 ? [] : [`from ${page}: ${[...new Set(actions)].join(", ")}`];
  });
  return parts.join("; ");
}
