/** Verify from a near-cache writes an answer down once: it must never outlive what it says. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { at, folder, startTestService } from "./service-harness.ts";
import type { Answer, TestService } from "./service-harness.ts";

const place = folder();
let s: TestService;

beforeAll(async () => {
  const store = `sqlite:${place.path}/sojourn.db`;
  s = await startTestService({ env: { SOJOURN_STORE: store, SOJOURN_NEAR_CACHE: "5s" } });
});

afterAll(async () => {
  await s.service.stop();
  place.remove();
});

/** Three times: the third is answered from what the second wrote down. */
async function verify(token: string, headers = {}): Promise<Answer> {
  const ask = (body: object): Promise<Answer> =>
    s.api("POST", "/v1/sessions/verify", { body, headers });
  await ask({ token });
  await ask({ token });
  const answer = await ask({ token });
  const { serverTime: _time, ...alone } = answer.json;
  expect((await ask({ tokens: [token, token] })).json["results"]).toEqual([alone, alone]);
  return answer;
}

describe("verify, of a session kept near", () => {
  it("says the same again, at another time", async () => {
    const { id, token } = await s.open("nina", { data: { cart: [1] } });
    const [one, other] = [await verify(token), await verify(token)];
    expect(one.json).toMatchObject({ state: "active", settled: true, session: { id } });
    const { serverTime: before, ...said } = one.json;
    const { serverTime: after, ...again } = other.json;
    expect(again).toEqual(said);
    expect(Date.parse(String(after))).toBeGreaterThan(Date.parse(String(before)) - 1);
    const body = { token, fields: ["id"] };
    const some = await s.api("POST", "/v1/sessions/verify", { body });
    expect(some.json["session"]).toEqual({ id });
  });

  it("shows a change of data, a lock and an end with the very next answer", async () => {
    const { id, token } = await s.open("nora", { data: { cart: [1] } });
    const before = await verify(token);
    await s.api("PATCH", `/v1/sessions/${id}`, { body: { data: { cart: [2] } } });
    const changed = await verify(token);
    expect(at(changed.json, "session.data")).toEqual({ cart: [2] });
    expect(changed.json["etag"]).not.toBe(before.json["etag"]);
    await s.api("POST", `/v1/sessions/${id}/lock`, { body: {} });
    const locked = await verify(token);
    expect(locked.json["state"]).toBe("locked");
    expect(at(locked.json, "session.data")).toBeUndefined();
    await s.api("POST", `/v1/sessions/${id}/revoke`, { body: {} });
    const ended = await verify(token);
    expect(ended.json).toMatchObject({ state: "ended", reason: "revoked" });
    expect(ended.json["session"]).toBeUndefined();
  });

  it("tells the new token from the one that it replaced", async () => {
    const { id, token } = await s.open("nell");
    const body = { amr: ["otp"] };
    const raised = await s.api("POST", `/v1/sessions/${id}/step-up`, { body });
    const newest = String(raised.json["token"]);
    expect((await verify(newest)).json).toMatchObject({ state: "active", settled: true });
    expect((await verify(token)).json).toMatchObject({ state: "active", settled: false });
    // At once they share one read of the session.
    const tokens = [token, newest, token, newest];
    const both = await s.api("POST", "/v1/sessions/verify", { body: { tokens } });
    const results = both.json["results"] as object[];
    const told = results.map((result) => [
      at(result, "settled"),
      (at(result, "session.assurance.amr") as string[]).length,
    ]);
    const [old, fresh] = [
      [false, 1],
      [true, 2],
    ];
    expect(told).toEqual([old, fresh, old, fresh]);
  });

  it("follows a change of the policy that says when to warn", async () => {
    await s.api("POST", "/v1/tenants", { body: { id: "warned" } });
    const headers = { authorization: `Bearer ${await s.key("warned")}` };
    const opened = await s.api("POST", "/v1/sessions", {
      body: { subject: "nick", amr: ["pwd"] },
      headers,
    });
    const token = String(opened.json["token"]);
    const before = await verify(token, headers);
    const changed = await s.api("PATCH", "/v1/tenants/warned", {
      body: { policy: { warnBeforeMs: "20m" } },
      headers: { "if-match": "*" },
    });
    expect(changed.status, changed.text).toBe(200);
    const after = await verify(token, headers);
    const warnOf = ({ json }: Answer): number => Date.parse(String(at(json, "session.warnAt")));
    expect(warnOf(before) - warnOf(after)).toBe(15 * 60_000);
  });
});
