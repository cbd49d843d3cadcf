import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ArgumentError,
  ClockJumpedError,
  ConfigError,
  ContentionError,
  DataTooLargeError,
  InvariantError,
  SessionEndedError,
  SessionLockedError,
  SojournError,
  StoreUnavailableError,
} from "../engine/errors.ts";
import { PROBLEMS, PROBLEM_CODES } from "../protocol/problem.ts";
import { problemOf, problemOfError } from "./problem.ts";

describe("problemOf", () => {
  it("writes the members of RFC 9457 plus code, retryable and the code's own", () => {
    const made = problemOf("csrf_failed", { check: "origin", instance: "/requests/1" });
    expect(made.status).toBe(403);
    expect(made.headers).toEqual({
      "content-type": "application/problem+json",
      "cache-control": "no-store",
    });
    expect(JSON.parse(made.body)).toEqual({
      type: "urn:sojourn:problem:csrf_failed",
      title: "Cross-site request refused",
      status: 403,
      detail: "The request did not prove its origin.",
      instance: "/requests/1",
      code: "csrf_failed",
      retryable: false,
      check: "origin",
    });
  });

  it("has an error status, a title and a detail for every code", () => {
    expect(Object.keys(PROBLEMS).toSorted()).toEqual([...PROBLEM_CODES].toSorted());
    for (const code of PROBLEM_CODES) {
      const { status, title, detail } = PROBLEMS[code];
      expect(status).toBeGreaterThanOrEqual(400);
      expect(title).not.toBe("");
      expect(detail).toMatch(/\.$/);
    }
  });

  it("challenges every 401 and a step-up, and nothing else", () => {
    const challenge = (made: { headers: Readonly<Record<string, string>> }) =>
      made.headers["www-authenticate"];
    expect(challenge(problemOf("unauthenticated"))).toBe('Bearer realm="session"');
    expect(challenge(problemOf("unauthenticated", { challenge: "invalid_token" }))).toContain(
      'error="invalid_token"',
    );
    expect(challenge(problemOf("session_ended", { reason: "logout" }))).toContain(
      'error="invalid_token"',
    );
    const stepUp = problemOf("step_up_required", { required: { acr: "aal2", maxAge: 300 } });
    expect(stepUp.status).toBe(403);
    expect(challenge(stepUp)).toBe(
      'Bearer realm="session", error="insufficient_user_authentication", ' +
        'error_description="A stronger or fresher sign-in is needed.", acr_values="aal2", max_age="300"',
    );
    expect(challenge(problemOf("forbidden"))).toBeUndefined();
  });

  it("sends Retry-After with 503 and 429, at least one second and at most a day", () => {
    const after = (retryAfterSeconds?: number) =>
      problemOf("unavailable", retryAfterSeconds === undefined ? {} : { retryAfterSeconds })
        .headers["retry-after"];
    expect(after()).toBe("1");
    expect(after(2.1)).toBe("3");
    expect(after(0)).toBe("1");
    expect(after(Number.NaN)).toBe("1");
    expect(after(Number.POSITIVE_INFINITY)).toBe("86400");
    expect(problemOf("rate_limited", { retryAfterSeconds: 9 }).headers["retry-after"]).toBe("9");
    expect(problemOf("not_found").headers["retry-after"]).toBeUndefined();
  });

  it("keeps what is for headers out of the body", () => {
    const { problem } = problemOf("unauthenticated", {
      challenge: "invalid_token",
      retryAfterSeconds: 1,
    });
    expect(Object.keys(problem)).toEqual([
      "type",
      "title",
      "status",
      "detail",
      "code",
      "retryable",
    ]);
  });
});

describe("problemOfError", () => {
  it("[I7] answers store trouble with 503 and Retry-After, never with 401, and no word of it", () => {
    for (const error of [
      new StoreUnavailableError("find at 10.1.2.3", { cause: new Error("password=hunter2") }),
      new ContentionError("replace"),
      new ClockJumpedError(-5000),
      new SojournError("ERR_STORE_SCHEMA", "file /var/lib/x is newer"),
      Object.assign(new Error("from another copy"), { code: "ERR_STORE_UNAVAILABLE" }),
    ]) {
      const made = problemOfError(error);
      expect(made.status).toBe(503);
      expect(made.problem.code).toBe("unavailable");
      expect(made.headers["retry-after"]).toBe("1");
      expect(made.headers["www-authenticate"]).toBeUndefined();
      expect(made.body).not.toMatch(/hunter2|10\.1\.2\.3|\/var|copy|5000/);
    }
    expect(problemOfError(new StoreUnavailableError("find")).problem.retryable).toBe(true);
    const final = new StoreUnavailableError("migrate", { retryable: false });
    expect(problemOfError(final).problem.retryable).toBe(false);
  });

  it("maps every error of the library to its status and code", () => {
    const table: [unknown, number, object][] = [
      [new SessionEndedError("logout"), 401, { code: "session_ended", reason: "logout" }],
      [new SessionLockedError(2), 423, { code: "session_locked", required: { factors: 2 } }],
      [
        new DataTooLargeError(65_536, 70_000),
        413,
        { code: "payload_too_large", limitBytes: 65_536 },
      ],
      [
        new ArgumentError("open.subject", "takes text"),
        400,
        {
          code: "invalid_request",
          errors: [{ path: "open.subject", message: "takes text" }],
        },
      ],
      [
        new ArgumentError("amr", "names no factor", "ERR_ASSURANCE"),
        422,
        { code: "invalid_request" },
      ],
      [new SojournError("ERR_DATA_NOT_JSON", "has a cycle"), 422, { code: "invalid_request" }],
      [new SojournError("ERR_LIMIT_REACHED", "3 sessions"), 409, { code: "limit_reached" }],
      [new SojournError("ERR_STALE_EPOCH", "x"), 409, { code: "conflict" }],
      [new SojournError("ERR_VERSION_CONFLICT", "x"), 412, { code: "version_conflict" }],
    ];
    for (const [error, status, members] of table) {
      const made = problemOfError(error);
      expect(made.status).toBe(status);
      expect(made.problem).toMatchObject({ ...members, status });
    }
    expect(problemOfError(new SessionEndedError(undefined)).problem).not.toHaveProperty("reason");
  });

  it("answers anything else with 500 and without a word of it", () => {
    const hostile = new Proxy(new Error("secret"), {
      get() {
        throw new Error("secret");
      },
      has() {
        throw new Error("secret");
      },
    });
    for (const error of [
      new Error("secret"),
      new TypeError("secret"),
      "secret",
      undefined,
      null,
      7,
      { code: "secret" },
      Object.assign(new Error("secret"), { code: "toString" }),
      Object.assign(new Error("secret"), { code: "ECONNREFUSED" }),
      new InvariantError("secret"),
      new ConfigError([{ path: "secret", message: "secret" }]),
      new SojournError("ERR_DATA_UNREADABLE", "secret"),
      hostile,
    ]) {
      const made = problemOfError(error);
      expect(made.status).toBe(500);
      expect(made.problem).toMatchObject({ code: "internal", retryable: false });
      expect(made.body).not.toContain("secret");
    }
    const foreign = Object.assign(new Error("secret"), { code: "ERR_INVALID_ARGUMENT" });
    expect(problemOfError(foreign).body).not.toContain("secret");
  });

  it("is total over anything that can be thrown", () => {
    fc.assert(
      fc.property(fc.anything(), fc.string({ unit: "binary" }), (thrown, detail) => {
        expect(problemOfError(thrown, { detail }).status).toBe(500);
      }),
    );
  });
});
