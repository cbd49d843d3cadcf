/** The service where somebody acts as a subject: who may, what is told, what stays out of reach. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keyFileAt } from "../support/key-file.ts";
import { at, bearer, cookie, folder, startTestService } from "./service-harness.ts";
import type { Answer, Json, TestService } from "./service-harness.ts";

const AUDIENCE = "https://api.example";
const ACTING = { subject: "alice", amr: ["pwd"], actor: "support:kim", cause: "ticket 4711" };

describe("somebody who acts as a subject", () => {
  const place = folder();
  let s: TestService;

  beforeAll(async () => {
    const env = {
      SOJOURN_TOKEN_KEYS: await keyFileAt(join(place.path, "keys.jwks")),
      SOJOURN_TOKEN_ISSUER: "https://auth.example",
      SOJOURN_TOKEN_AUDIENCES: AUDIENCE,
    };
    s = await startTestService({ env });
  });

  afterAll(async () => {
    await s.service.stop();
    place.remove();
  });

  const open = (body: Json = ACTING): Promise<Answer> => s.api("POST", "/v1/sessions", { body });

  it("[TN-04] needs a scope of its own, and a reason", async () => {
    const usual = bearer(await s.key("default", ["sessions:read", "sessions:write"]));
    const refused = await s.bare("POST", "/v1/sessions", { ...usual, body: ACTING });
    expect([refused.status, refused.json["scope"]]).toEqual([403, "sessions:impersonate"]);
    const { cause: _cause, ...without } = ACTING;
    const unsaid = await open(without);
    expect([unsaid.status, at(unsaid.json, "errors.0.path")]).toEqual([400, "open.cause"]);
  });

  it("[TN-04] is shown with every verdict, in the person's list, and in access tokens as act", async () => {
    const { json } = await open();
    expect(at(json, "session.actor")).toBe("support:kim");
    const span = Date.parse(String(at(json, "session.absoluteExpiresAt"))) - Date.now();
    expect(span).toBeLessThanOrEqual(3_600_000);
    const body = { token: json["token"] };
    const verified = await s.api("POST", "/v1/sessions/verify", { body });
    expect(at(verified.json, "session.actor")).toBe("support:kim");
    const path = `/v1/sessions/${String(at(json, "session.id"))}`;
    const wish = { audience: AUDIENCE, clientId: "app" };
    const issued = await s.api("POST", `${path}/access-token`, { body: wish });
    const [, payload = ""] = String(issued.json["token"]).split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Json;
    expect(claims).toMatchObject({ sub: "alice", act: { sub: "support:kim" } });
    const own = await s.api("GET", "/v1/subjects/alice/sessions");
    expect((own.json["items"] as Json[]).map(({ actor }) => actor)).toContain("support:kim");
  });

  it("[TN-04] gets no further by factors, and may not end the person's other sessions", async () => {
    const { json } = await open();
    const path = `/v1/sessions/${String(at(json, "session.id"))}`;
    const factors = { body: { amr: ["pwd", "otp"] } };
    const stepped = await s.api("POST", `${path}/step-up`, factors);
    expect([stepped.status, stepped.json["code"]]).toEqual([403, "forbidden"]);
    const asked = { token: json["token"], require: { maxAge: 300 } };
    const verified = await s.api("POST", "/v1/sessions/verify", { body: asked });
    expect(verified.json["unmet"]).toEqual({ maxAge: 300 });
    const list = await s.bare("GET", "/v1/session/list", cookie(String(json["token"])));
    expect(list.status).toBe(403);
  });

  it("[TN-04] stands in the audit trail by both names, with the reason", async () => {
    const { json } = await open({ ...ACTING, subject: "bob" });
    const id = String(at(json, "session.id"));
    await s.api("POST", `/v1/sessions/${id}/revoke`, { body: { cause: "done" } });
    const entriesOf = async (): Promise<Json[]> => {
      const { json: page } = await s.api("GET", "/v1/audit?subject=bob");
      return page["items"] as Json[];
    };
    await expect.poll(async () => (await entriesOf()).length, { timeout: 10_000 }).toBe(4);
    const entries = await entriesOf();
    const told = entries.map(({ name, subject, actor }) => [name, subject, actor]);
    expect(told.toReversed()).toEqual([
      ["session-established", "bob", "support:kim"],
      ["impersonation-started", "bob", "support:kim"],
      ["impersonation-ended", "bob", "support:kim"],
      ["session-ended", "bob", expect.stringMatching(/^key:/)],
    ]);
    const started = entries.find(({ name }) => name === "impersonation-started");
    expect(started).toMatchObject({ session: id, cause: "ticket 4711" });
  });
});
