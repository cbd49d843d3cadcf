/**
 * A Sojourn service as the authority, for places without a store. By the web's `fetch` alone; each
 * question has a deadline, and after trouble nobody waits for the same silence again for a while.
 */
import { hostTime } from "#platform";
import { ArgumentError, ConfigError } from "../../engine/errors.ts";
import type { ConfigProblem } from "../../engine/errors.ts";
import { isWholeWithin, unknownOptions } from "../../engine/given.ts";
import { END_REASONS } from "../../protocol/words.ts";
import type { EndReason } from "../../protocol/words.ts";
import type { AuthorityAnswer, AuthorityQuestion, SealedAuthority } from "./authority.ts";
import { objectOf, readSessionView } from "./session-view.ts";
import type { Json } from "./session-view.ts";

export interface HttpAuthorityOptions {
  /** Of the service: `https://auth.example`. */
  readonly url: string | URL;
  /** With the scopes `sessions:read` and `sessions:write`; its tenant is the sessions'. */
  readonly serviceKey: string;
  /** For a whole question; 10–60 000 ms, default 3000. */
  readonly timeoutMs?: number;
  /** Default: the runtime's. */
  readonly fetch?: typeof fetch;
}

const KNOWN = ["url", "serviceKey", "timeoutMs", "fetch"];
const TIMEOUT_MS = 3_000;
/** So long after trouble every question is answered by it, at once. */
const PAUSE_MS = 1_000;
/** What the service takes of a user agent. */
const USER_AGENT_CHARS = 1_024;
const TROUBLE_MIN = 500;
const TOO_MANY = 429;

/**
 * Ask a service what a token is worth. Rejects for trouble, which is nobody's logout.
 * @throws {ConfigError} listing every problem.
 */
export function httpAuthority(options: HttpAuthorityOptions): SealedAuthority {
  checkAuthority(options);
  const service = new Service(options);
  return {
    async check(question) {
      const verdict = await service.call("POST", "/v1/sessions/verify", verifyBody(question));
      const answer = answerOf(question, verdict);
      const { data } = question;
      if (data === undefined || answer.state !== "live" || answer.session.state !== "active") {
        return answer;
      }
      const path = `/v1/sessions/ses_${answer.session.id}`;
      const changed = objectOf(await service.call("PATCH", path, { data }), "answer");
      return { ...answer, ...readSessionView(changed["session"]) };
    },
  };
}

function verifyBody(question: AuthorityQuestion): Json {
  const { token, activity, canSetToken, fingerprint, boundCookie } = question;
  // One that is longer says nothing: cut, it would be another client.
  const told = fingerprint !== undefined && fingerprint.length <= USER_AGENT_CHARS;
  const client = told ? { client: { userAgent: fingerprint } } : {};
  const device = boundCookie === undefined ? {} : { boundCookie };
  return { token, activity, canSetToken, ...client, ...device };
}

/** @throws {TypeError} for what is no verdict, or one on a session of another tenant. */
function answerOf(question: AuthorityQuestion, verdict: unknown): AuthorityAnswer {
  const { state, reason, successor, settled, session } = objectOf(verdict, "answer");
  if (state === "unknown") return { state };
  if (state === "ended") return { state, reason: reasonOf(reason) };
  const read = readSessionView(session);
  if (read.session.tenant !== question.tenant) {
    throw new TypeError("the service key is of another tenant than these sealed sessions");
  }
  if (typeof successor === "string") return { state: "live", ...read, token: successor };
  return { state: "live", ...read, ...(settled === false ? {} : { token: question.token }) };
}

/** A newer service may know more reasons; the session has ended all the same. */
function reasonOf(reason: unknown): EndReason {
  return END_REASONS.find((known) => known === reason) ?? "revoked";
}

class Service {
  readonly #options: HttpAuthorityOptions;
  readonly #base: string;
  #troubleAt = -Infinity;

  constructor(options: HttpAuthorityOptions) {
    this.#options = options;
    this.#base = new URL(options.url).href.replace(/\/+$/, "");
  }

  async call(method: "POST" | "PATCH", path: string, body: Json): Promise<unknown> {
    if (hostTime.monotonic() - this.#troubleAt < PAUSE_MS) {
      throw new TypeError("the service was in trouble a moment ago and is asked again soon");
    }
    const response = await this.#ask(method, path, body).catch((error: unknown) => {
      this.#troubleAt = hostTime.monotonic();
      throw error;
    });
    const { ok, status } = response;
    if (ok) return (await response.json()) as unknown;
    if (status >= TROUBLE_MIN || status === TOO_MANY) this.#troubleAt = hostTime.monotonic();
    throw await refusalOf(method, path, response);
  }

  /** A redirect could lead anywhere, with our key and a token: none is followed, on any runtime. */
  #ask(method: string, path: string, body: Json): Promise<Response> {
    const { serviceKey, timeoutMs = TIMEOUT_MS, fetch: ask = fetch } = this.#options;
    return ask(this.#base + path, {
      method,
      headers: { authorization: `Bearer ${serviceKey}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
  }
}

const HINTS: Readonly<Record<number, string>> = {
  401: "the service key is not known there: make one with sojourn keys create",
  403: "the service key needs the scopes sessions:read and sessions:write",
  404: "the address is to be that of the service itself, like https://auth.example",
  429: "the service's rate limit is too low for this place (SOJOURN_RATE_LIMIT)",
};

/** What was refused for the change itself is the caller's; everything else is set-up or trouble. */
async function refusalOf(method: string, path: string, response: Response): Promise<Error> {
  const { status } = response;
  if (method === "PATCH" && status < TROUBLE_MIN) {
    const { code, detail, limitBytes } = objectOf(await response.json(), "answer");
    if (code === "payload_too_large") {
      const message = `would make the session's data larger than ${String(limitBytes)} bytes`;
      return new ArgumentError("change.data", message, "ERR_DATA_TOO_LARGE");
    }
    if (code === "invalid_request" || code === "unknown_field") {
      return new ArgumentError("change.data", String(detail));
    }
  }
  // Neither a handle nor a token: an error may end up in any log.
  const what = path.replace(/ses_[\w-]+$/, "{id}");
  const hint = HINTS[status];
  return new TypeError(
    `${method} ${what} answered ${status}${hint === undefined ? "" : `: ${hint}`}`,
  );
}

function checkAuthority(options: HttpAuthorityOptions): void {
  const problems: ConfigProblem[] = unknownOptions(options, KNOWN);
  if (!URL.canParse(options.url)) {
    problems.push({ path: "url", message: "takes the service's address, https://auth.example" });
  }
  if (!/^sj1k_[\w-]+$/.test(options.serviceKey)) {
    problems.push({ path: "serviceKey", message: "takes a service key, sj1k_…" });
  }
  if (!isWholeWithin(options.timeoutMs ?? TIMEOUT_MS, 10, 60_000)) {
    problems.push({ path: "timeoutMs", message: "takes a whole number from 10 to 60000" });
  }
  if (problems.length > 0) throw new ConfigError(problems);
}
