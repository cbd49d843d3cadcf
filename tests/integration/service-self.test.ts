import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../packages/sojourn/src/testing/manual-clock.ts";
import { at, bearer, cookie, startTestService } from "./service-harness.ts";
import type { TestService } from "./service-harness.ts";

const HOUR_MS = 3_600_000;

let s: TestService;
const clock = new ManualClock();

beforeAll(async () => {
  s = await startTestService({ library: { clock } });
});

afterAll(async () => {
  await s.service.stop();
});

describe("looking at one's session", () => {
  it("accepts the cookie and the bearer token alike", async () => {
    const { id, token } = await s.open("self");
    for (const sent of [cookie(token), bearer(token)]) {
      const answer = await s.bare("GET", "/v1/session", sent);
      expect(answer.status).toBe(200);
      expect(answer.json["session"]).toMatchObject({ id, state: "active", subject: "self" });
    }
  });

  it("[TO-10] leaves the idle deadline alone; extend moves it, never past the end", async () => {
    const { token } = await s.open("peek");
    const first = await s.bare("GET", "/v1/session", cookie(token));
    clock.advance(2 * HOUR_MS);
    const second = await s.bare("GET", "/v1/session", cookie(token));
    const deadline = at(first.json, "session.idleExpiresAt");
    expect(at(second.json, "session.idleExpiresAt")).toBe(deadline);
    const extended = await s.bare("POST", "/v1/session/extend", cookie(token));
    expect(extended.status).toBe(200);
    const later = String(at(extended.json, "session.idleExpiresAt"));
    expect(Date.parse(later)).toBe(Date.parse(String(deadline)) + 2 * HOUR_MS);
    expect(later <= String(at(extended.json, "session.absoluteExpiresAt"))).toBe(true);
  });

  it("touch records activity", async () => {
    const { token } = await s.open("touch");
    clock.advance(HOUR_MS);
    const answer = await s.bare("POST", "/v1/session/touch", cookie(token));
    expect(at(answer.json, "session.seenAt")).toBe(new Date(clock.now()).toISOString());
  });

  it("[CK-15] is never kept by a cache, with a cookie or without", async () => {
    const { token } = await s.open("cache");
    const logout = cookie(token);
    const refreshed = await s.bare("POST", "/v1/session/refresh", cookie(token));
    expect(refreshed.headers["set-cookie"]).toHaveLength(1);
    const answers = [
      refreshed,
      await s.bare("GET", "/v1/session", logout),
      await s.bare("GET", "/v1/session/data", logout),
      await s.bare("DELETE", "/v1/session", logout),
    ];
    for (const { headers } of answers) {
      expect(headers["cache-control"]).toContain("no-store");
      expect(headers.vary).toContain("Cookie");
    }
  });

  it("[ID-09] accepts the token in its cookie or as bearer, and nowhere else", async () => {
    const { token } = await s.open("carrier");
    const attempts = [
      await s.bare("GET", `/v1/session?sid=${token}`),
      await s.bare("GET", `/v1/session?token=${token}`),
      await s.bare("POST", "/v1/session/extend", { body: { token } }),
      await s.bare("GET", "/v1/session", { headers: { "x-session": token } }),
      await s.bare("GET", "/v1/session", { headers: { cookie: `sid=${token}` } }),
      await s.bare("GET", "/v1/session", { headers: { authorization: `Basic ${token}` } }),
    ];
    expect(attempts.map(({ status }) => status)).toEqual(attempts.map(() => 401));
  });

  it("[ID-02] accepts no service key where a session token is expected", async () => {
    const key = await s.key("default");
    for (const sent of [cookie(key), bearer(key)]) {
      const answer = await s.bare("GET", "/v1/session", sent);
      expect([answer.status, answer.json["code"]]).toEqual([401, "unauthenticated"]);
    }
    const verified = await s.api("POST", "/v1/sessions/verify", { body: { token: key } });
    expect(verified.json["state"]).toBe("unknown");
  });

  it("tells the reason of an end only to the holder of the credential", async () => {
    const { id, token } = await s.open("holder");
    await s.api("POST", `/v1/sessions/${id}/revoke`, { body: { cause: "x" } });
    const holder = await s.bare("GET", "/v1/session", cookie(token));
    expect([holder.status, holder.json["code"]]).toEqual([401, "session_ended"]);
    expect(holder.json["reason"]).toBe("revoked");
    expect(holder.headers["set-cookie"]).toBeUndefined();
    const nobody = await s.bare("GET", "/v1/session", cookie("sj1s_forged"));
    expect([nobody.status, nobody.json["code"]]).toEqual([401, "unauthenticated"]);
    expect(nobody.json["reason"]).toBeUndefined();
    expect(nobody.headers["www-authenticate"]).toMatch(/^Bearer/);
  });

  it("shows a locked session and what unlocks it, and keeps its data shut", async () => {
    const { id, token } = await s.open("locked", { data: { a: 1 } });
    await s.api("POST", `/v1/sessions/${id}/lock`, { body: { factors: 1 } });
    const seen = await s.bare("GET", "/v1/session", cookie(token));
    expect(seen.json["session"]).toMatchObject({ state: "locked", required: { factors: 1 } });
    const data = await s.bare("GET", "/v1/session/data", cookie(token));
    expect([data.status, at(data.json, "required.factors")]).toEqual([423, 1]);
  });
});

describe("one's data", () => {
  it("is merged per key, and conditionally with If-Match", async () => {
    const { token } = await s.open("data", { data: { a: 1, b: 2 } });
    const path = "/v1/session/data";
    const read = await s.bare("GET", path, cookie(token));
    const etag = String(read.headers.etag);
    const changed = await s.bare("PATCH", path, {
      body: { b: null, c: [1] },
      ...cookie(token, { "if-match": etag }),
    });
    expect(changed.json["data"]).toEqual({ a: 1, c: [1] });
    const stale = await s.bare("PATCH", path, {
      body: { c: [2] },
      ...cookie(token, { "if-match": etag }),
    });
    expect(stale.status).toBe(412);
  });
});

describe("a request from another site", () => {
  it("[CS-01, CS-04] is refused when it changes something", async () => {
    const { token } = await s.open("csrf");
    for (const site of ["cross-site", "same-site"]) {
      const sent = cookie(token, { "sec-fetch-site": site, origin: "https://evil.example" });
      const answer = await s.bare("POST", "/v1/session/extend", sent);
      expect([answer.status, answer.json["code"]]).toEqual([403, "csrf_failed"]);
      expect((await s.bare("DELETE", "/v1/session", sent)).status).toBe(403);
    }
    expect((await s.bare("GET", "/v1/session", cookie(token))).status).toBe(200);
  });

  it("[CS-02] cannot send a form, plain text or a beacon", async () => {
    const { token } = await s.open("simple");
    const types = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"];
    for (const type of types) {
      const sent = cookie(token, { "content-type": type });
      const answer = await s.bare("PATCH", "/v1/session/data", { ...sent, raw: "a=1" });
      expect([answer.status, answer.json["code"]]).toEqual([415, "invalid_request"]);
    }
  });

  it("[CS-03, TE-05] changes nothing by GET: there is no way to sign out by one", async () => {
    const { token } = await s.open("get");
    for (const path of ["/v1/session/extend", "/v1/session/touch", "/v1/session/refresh"]) {
      const answer = await s.bare("GET", path, cookie(token));
      expect([answer.status, answer.headers.allow]).toEqual([405, "POST"]);
    }
    expect((await s.bare("GET", "/v1/session", cookie(token))).status).toBe(200);
  });

  it("[TR-06] gets no CORS header, however it asks", async () => {
    const { token } = await s.open("cors");
    const origin = "https://evil.example";
    const asked = [
      await s.bare("GET", "/v1/session", cookie(token, { origin, "sec-fetch-site": "cross-site" })),
      await s.bare("OPTIONS", "/v1/session", {
        headers: { origin, "access-control-request-method": "DELETE" },
      }),
      await s.bare("GET", "/openapi.json", { headers: { origin } }),
    ];
    for (const { headers } of asked) {
      const cors = Object.keys(headers).filter((name) => name.startsWith("access-control-"));
      expect(cors).toEqual([]);
    }
  });

  it("[TR-08] can neither embed nor read an answer", async () => {
    const { token } = await s.open("embed");
    const { headers } = await s.bare("GET", "/v1/session", cookie(token));
    expect(headers["cross-origin-resource-policy"]).toBe("same-origin");
    expect(headers["x-frame-options"]).toBe("DENY");
    expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'");
  });
});

describe("refreshing", () => {
  it("gives a cookie client its token as a cookie only", async () => {
    const { token } = await s.open("fresh-cookie");
    const answer = await s.bare("POST", "/v1/session/refresh", cookie(token));
    expect(answer.json["token"]).toBeUndefined();
    expect(answer.text).not.toContain("sj1s_");
    const [set = ""] = answer.headers["set-cookie"] ?? [];
    expect(set).toMatch(/^session=sj1s_[\w-]+; .*HttpOnly/);
  });

  it("gives a bearer client its token in the body only", async () => {
    const { token } = await s.open("fresh-bearer");
    const answer = await s.bare("POST", "/v1/session/refresh", bearer(token));
    expect(answer.headers["set-cookie"]).toBeUndefined();
    expect(answer.json["token"]).toMatch(/^sj1s_/);
    expect(answer.json["token"]).not.toBe(token);
    const next = await s.bare("GET", "/v1/session", bearer(String(answer.json["token"])));
    expect(next.status).toBe(200);
  });
});

describe("signing out", () => {
  it("[CK-14] ends the session, clears the cookie and the client's data", async () => {
    const { token } = await s.open("out");
    const answer = await s.bare("DELETE", "/v1/session", cookie(token));
    expect(answer.json["ended"]).toBe(1);
    expect(answer.headers["set-cookie"]?.[0]).toMatch(/^session=; .*Max-Age=0/);
    expect(answer.headers["clear-site-data"]).toBe('"cache", "cookies", "storage"');
    const after = await s.bare("GET", "/v1/session", cookie(token));
    expect([after.status, after.json["reason"]]).toEqual([401, "logout"]);
  });

  it("succeeds again for a session that has ended already", async () => {
    const { token } = await s.open("twice");
    await s.bare("DELETE", "/v1/session", cookie(token));
    const again = await s.bare("DELETE", "/v1/session", cookie(token));
    expect([again.status, again.json["ended"]]).toEqual([200, 0]);
    expect(again.headers["set-cookie"]?.[0]).toMatch(/Max-Age=0/);
  });

  it("[TE-04] ends all others and stays, or ends all", async () => {
    const here = await s.open("scopes");
    const there = await s.open("scopes");
    const others = await s.bare("DELETE", "/v1/session?scope=others", cookie(here.token));
    expect(others.json["ended"]).toBe(1);
    expect((await s.bare("GET", "/v1/session", cookie(there.token))).status).toBe(401);
    expect((await s.bare("GET", "/v1/session", cookie(here.token))).status).toBe(200);
    const all = await s.bare("DELETE", "/v1/session?scope=all", cookie(here.token));
    expect(all.json["ended"]).toBe(1);
    expect(all.headers["set-cookie"]?.[0]).toMatch(/Max-Age=0/);
  });
});

describe("one's list of sessions", () => {
  let here: { id: string; token: string };
  let there: { id: string; token: string };

  beforeEach(async () => {
    await s.api("POST", "/v1/subjects/lister/revoke");
    here = await s.open("lister");
    there = await s.open("lister", { device: { label: "Phone" } });
  });

  it("marks the one that asks, and shows no token", async () => {
    const answer = await s.bare("GET", "/v1/session/list", cookie(here.token));
    const items = answer.json["items"] as { id: string; current: boolean }[];
    expect(items.map(({ id, current }) => [id, current])).toEqual(
      expect.arrayContaining([
        [here.id, true],
        [there.id, false],
      ]),
    );
    expect(answer.text).not.toContain("sj1s_");
  });

  it("[TE-07] ends one of one's own; other people's and unknown ones are 404 alike", async () => {
    const stranger = await s.open("stranger");
    const unknown = `ses_${"A".repeat(24)}`;
    const answers = [];
    for (const id of [stranger.id, unknown, "nonsense"]) {
      answers.push(await s.bare("DELETE", `/v1/session/list/${id}`, cookie(here.token)));
    }
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect((await s.bare("GET", "/v1/session", cookie(stranger.token))).status).toBe(200);
    const own = await s.bare("DELETE", `/v1/session/list/${there.id}`, cookie(here.token));
    expect(own.status).toBe(200);
    expect((await s.bare("GET", "/v1/session", cookie(there.token))).status).toBe(401);
  });

  it("[TE-07] asks for a fresh factor when the last one is too long ago", async () => {
    const fresh = await s.bare("GET", "/v1/session/list", cookie(here.token));
    expect(fresh.status).toBe(200);
    clock.advance(2 * HOUR_MS);
    const requests: [string, string][] = [
      ["GET", "/v1/session/list"],
      ["DELETE", `/v1/session/list/${there.id}`],
      ["DELETE", "/v1/session?scope=others"],
      ["DELETE", "/v1/session?scope=all"],
    ];
    for (const [method, path] of requests) {
      const stale = await s.bare(method, path, cookie(here.token));
      expect([path, stale.status, stale.json["code"]]).toEqual([path, 403, "step_up_required"]);
      expect(stale.headers["www-authenticate"]).toMatch(
        /error="insufficient_user_authentication".*max_age=/,
      );
      expect(at(stale.json, "required.maxAge")).toBeGreaterThan(0);
    }
    const given = await s.api("POST", `/v1/sessions/${here.id}/step-up`, {
      body: { amr: ["pwd"] },
    });
    const again = cookie(String(given.json["token"]));
    expect((await s.bare("GET", "/v1/session/list", again)).status).toBe(200);
  });
});

describe("a policy that asks for a token as well", () => {
  it("[CS-07, CS-08] wants the session's own token, which peeking tells", async () => {
    const strict = await startTestService({ env: { SOJOURN_POLICY: "nist-aal1" } });
    try {
      const one = await strict.open("ann");
      const two = await strict.open("bob");
      const seen = await strict.bare("GET", "/v1/session", cookie(one.token));
      const csrf = String(seen.json["csrfToken"]);
      const touch = (token: string, value?: string) =>
        strict.bare(
          "POST",
          "/v1/session/touch",
          cookie(token, value === undefined ? {} : { "x-csrf-token": value }),
        );
      const without = await touch(one.token);
      expect([without.status, without.json["check"]]).toEqual([403, "token"]);
      expect((await touch(one.token, csrf)).status).toBe(200);
      expect((await touch(two.token, csrf)).status).toBe(403);
    } finally {
      await strict.service.stop();
    }
  });
});

describe("plain HTTP in production", () => {
  it("[TR-01, TR-04] neither sets nor accepts the cookie, and never redirects", async () => {
    const strict = await startTestService({ env: { SOJOURN_PRODUCTION: "true" } });
    try {
      const { token } = await strict.open("ann");
      for (const name of ["session", "__Host-session"]) {
        const headers = { cookie: `${name}=${token}`, "sec-fetch-site": "same-origin" };
        const answer = await strict.bare("GET", "/v1/session", { headers });
        expect(answer.status).toBe(401);
        expect(answer.headers.location).toBeUndefined();
        expect(answer.headers["set-cookie"]).toBeUndefined();
      }
    } finally {
      await strict.service.stop();
    }
  });
});
