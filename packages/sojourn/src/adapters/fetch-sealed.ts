/** Sealed sessions in front of a fetch handler: at the edge, in serverless functions. */
import { hostTime } from "#platform";
import { ConfigError, CrossSiteError } from "../engine/errors.ts";
import type { DataSnapshot } from "../engine/data.ts";
import { readCookie } from "../http/cookie.ts";
import { CSRF_VARY, csrfRules, judgeCsrf } from "../http/csrf.ts";
import type { CsrfOptions, CsrfRules } from "../http/csrf.ts";
import { problemOf, problemOfError } from "../http/problem.ts";
import type { ProblemAnswer } from "../http/problem.ts";
import { forbidCaching, tellCaches } from "../sessions/cache-fields.ts";
import type { SealedSessions, SealedStanding } from "../sessions/sealed/sealed-sessions.ts";
import { unknownOptions } from "../engine/given.ts";
import { originOf } from "../sessions/request-view.ts";
import { FetchHead, responseOf, viewOfRequest } from "./fetch-parts.ts";

/** The session of one request. */
export interface SealedRequest {
  /** After {@link SealedRequest.change}: what it is worth since. */
  readonly standing: Exclude<SealedStanding, { readonly state: "unavailable" }>;
  /**
   * Change data where it is kept: merged per key, `null` removes one. The answer carries the copy.
   * Nothing was written unless it is `active`; when it is `unavailable`, answer 503.
   *
   * @throws {SojournError} (rejects) when the data cannot be taken.
   */
  change(data: DataSnapshot): Promise<SealedStanding>;
}

export interface SealedOptions {
  /** False for polls, heartbeats and streams: they do not slide the idle deadline. Default true. */
  readonly activity?: (request: Request) => boolean;
  /** As `createSessions` takes it. */
  readonly csrf?: Omit<CsrfOptions, "development">;
  /** Answer a refused request (cross-site 403, trouble 503) in the application's own way. */
  readonly onRefusal?: (problem: ProblemAnswer, request: Request) => Response | Promise<Response>;
}

export type SealedHandler = (
  request: Request,
  sealed: SealedRequest,
) => Response | Promise<Response>;

const EVENT_STREAM = "text/event-stream";
const VARY = `Cookie, ${CSRF_VARY}`;
/** The longest an honest message is under way: a token that leaves later may be an old one. */
const TRANSIT_MS = 5_000;

/**
 * Wrap a handler: it gets what the request's sealed session is worth, and its answer gets the
 * cookies. No call unless one is due. Cross-site requests and trouble are answered here.
 */
export function sealedSessions(
  of: SealedSessions,
  handler: SealedHandler,
  options: SealedOptions = {},
): (request: Request) => Promise<Response> {
  const desk = new SealedDesk(of, options);
  if (typeof handler !== "function") {
    throw new ConfigError([{ path: "handler", message: "takes (request, sealed) => Response" }]);
  }
  const { onRefusal = responseOf } = options;
  return async (request) => {
    const reading = await desk.begin(request);
    if ("problem" in reading) return onRefusal(reading, request);
    return reading.finish(await handler(request, reading));
  };
}

/** What the adapters for fetch and Hono share. */
export class SealedDesk {
  readonly #of: SealedSessions;
  readonly #csrf: CsrfRules;
  readonly #activity: ((request: Request) => boolean) | undefined;

  /** @throws {ConfigError} listing every problem. */
  constructor(of: SealedSessions, options: SealedOptions) {
    const problems = unknownOptions(options, ["activity", "csrf", "onRefusal"]);
    if (typeof (of as Partial<SealedSessions> | undefined)?.change !== "function") {
      problems.unshift({ path: "sealed", message: "takes what createSealedSessions() returned" });
    }
    if (problems.length > 0) throw new ConfigError(problems);
    this.#of = of;
    this.#csrf = csrfRules({ ...options.csrf, development: false });
    this.#activity = options.activity;
  }

  async begin(request: Request): Promise<SealedReading | ProblemAnswer> {
    const { headers } = request;
    const cookies = headers.get("cookie");
    const carried = readCookie(cookies, this.#of.cookieName).kind !== "absent";
    const verdict = judgeCsrf(this.#csrf, originOf(viewOfRequest(request), carried));
    if (!verdict.allowed && !verdict.reportOnly) {
      return problemOfError(new CrossSiteError(verdict.check, verdict.detail));
    }
    const streams = headers.get("accept") === EVENT_STREAM;
    const context = {
      activity: !streams && (this.#activity?.(request) ?? true),
      // A browser that says nothing is a context, too.
      fingerprint: headers.get("user-agent") ?? "",
    };
    const takenAt = hostTime.monotonic();
    const standing = await this.#of.read(cookies, context);
    if (standing.state === "unavailable") return problemOf("unavailable");
    const change = (data: DataSnapshot): Promise<SealedStanding> =>
      this.#of.change(cookies, data, context);
    return new SealedReading({ name: this.#of.cookieName, standing, takenAt, change });
  }
}

interface ReadingParts {
  readonly name: string;
  readonly standing: SealedRequest["standing"];
  readonly takenAt: number;
  change(data: DataSnapshot): Promise<SealedStanding>;
}

export class SealedReading implements SealedRequest {
  standing: SealedRequest["standing"];
  readonly #parts: ReadingParts;
  #takenAt: number;

  constructor(parts: ReadingParts) {
    this.standing = parts.standing;
    this.#parts = parts;
    this.#takenAt = parts.takenAt;
  }

  async change(data: DataSnapshot): Promise<SealedStanding> {
    const takenAt = hostTime.monotonic();
    const standing = await this.#parts.change(data);
    if (standing.state === "unavailable") return standing;
    this.standing = standing;
    this.#takenAt = takenAt;
    return standing;
  }

  /** Put the cookies on the answer. One that sets them itself, an origin's, is newer than ours. */
  finish(answer: Response): Response {
    const { standing } = this;
    if (standing.state === "unknown" && standing.why === "absent") return answer;
    // Below are 101, an upgrade, and 0, `Response.error()`: neither takes a header.
    if (answer.status < 200) return answer;
    const head = new FetchHead(answer);
    const lines = "setCookies" in standing && this.#mayLeave(answer) ? standing.setCookies : [];
    for (const line of lines) head.addCookie(line);
    if (lines.length > 0) forbidCaching(head, VARY);
    else tellCaches(head, VARY, standing.state === "active");
    return head.response;
  }

  #mayLeave({ headers }: Response): boolean {
    const opening = `${this.#parts.name}=`;
    if (headers.getSetCookie().some((line) => line.startsWith(opening))) return false;
    return hostTime.monotonic() - this.#takenAt < TRANSIT_MS;
  }
}
