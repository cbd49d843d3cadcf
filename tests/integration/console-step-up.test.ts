import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { at, startConsole } from "./console-harness.ts";
import type { Answer, ConsoleService, Visitor } from "./console-harness.ts";

const FRESH_MS = 5 * 60_000;

let now = Date.now();
let s: ConsoleService;
let ada: Visitor;
let bob: Visitor;

beforeAll(async () => {
  const clock = { now: () => now, monotonic: () => now };
  s = await startConsole({
    library: { clock: clock as never },
    env: { SOJOURN_CONSOLE_FOUR_EYES: "true" },
  });
  [ada, bob] = [await s.arrive("ada", "admin"), await s.arrive("bob", "admin")];
});

afterAll(async () => {
  await s.service.stop();
});

/** What needs a fresh passkey. */
async function guarded(who: Visitor, id: string): Promise<readonly Answer[]> {
  return [
    await who.api("POST", "/v1/subjects/nobody/revoke", { body: {} }),
    await who.api("GET", "/v1/audit/export"),
    await who.api("POST", "/v1/keys", { body: { name: "x", scopes: ["sessions:read"] } }),
    await who.api("GET", `/v1/sessions/${id}/explain?reveal=true`),
    await who.send("POST", "/console/users", { body: { name: "eve", role: "admin" } }),
    await who.send("DELETE", "/console/passkeys/x"),
  ];
}

const codes = (answers: readonly Answer[]): unknown[] => answers.map(({ json }) => json["code"]);

describe("a fresh passkey", () => {
  it("[TN-03] is asked for by revoke-all, exports, keys, revealing and users, in RFC 9470's words", async () => {
    const { id } = await s.open("alice", { data: { cart: ["tea"] } });
    const answers = await guarded(ada, id);
    expect(codes(answers)).toEqual(answers.map(() => "step_up_required"));
    for (const answer of answers) {
      expect([answer.status, at(answer.json, "required.maxAge")]).toEqual([403, 300]);
      expect(answer.headers["www-authenticate"]).toContain("insufficient_user_authentication");
    }
  });

  it("[TN-03] is good for five minutes, not one millisecond longer", async () => {
    await ada.enroll();
    now += FRESH_MS - 1;
    const keys = (): Promise<Answer> => ada.api("POST", "/v1/subjects/nobody/revoke", { body: {} });
    expect((await keys()).status).toBe(200);
    now += 1;
    expect((await keys()).json["code"]).toBe("step_up_required");
    await ada.stepUp();
    expect((await keys()).status).toBe(200);
  });

  it("shows the values of session data to an administrator, and the trail says so", async () => {
    const { id } = await s.open("reader", { data: { cart: ["tea"] } });
    const closed = await ada.api("GET", `/v1/sessions/${id}/explain`);
    expect(at(closed.json, "data.keys")).toEqual([{ key: "cart", bytes: 7, sealed: false }]);
    expect(at(closed.json, "data.values")).toBeUndefined();
    await ada.stepUp();
    const opened = await ada.api("GET", `/v1/sessions/${id}/explain?reveal=true`);
    expect(at(opened.json, "data.values")).toEqual({ cart: ["tea"] });
    await expect
      .poll(async () => (await s.api("GET", `/v1/audit?session=${id}&name=data-revealed`)).text)
      .toContain('"actor":"console:ada"');
    const operator = await s.arrive("op", "operator");
    const refused = await operator.api("GET", `/v1/sessions/${id}/explain?reveal=true`);
    expect([refused.status, refused.json["scope"]]).toEqual([403, "data:read"]);
  });

  it("is registered shortly after a sign-in only: whoever finds an open browser adds none", async () => {
    const late = await s.arrive("late", "admin");
    now += FRESH_MS;
    const answer = await late.send("POST", "/console/passkeys/options");
    expect([answer.status, answer.json["code"]]).toEqual([403, "step_up_required"]);
  });

  it("comes in time or the session has ended: fifteen minutes without an act", async () => {
    const idle = await s.arrive("idle", "auditor");
    now += 14 * 60_000;
    const background = { headers: { "x-sojourn-background": "1" } };
    expect((await idle.api("GET", "/v1/sessions", background)).status).toBe(200);
    expect((await idle.api("GET", "/v1/overview")).status).toBe(200);
    now += 60_000;
    const over = await idle.api("GET", "/v1/sessions");
    expect([over.status, over.json["reason"]]).toEqual([401, "idle_timeout"]);
    const busy = await s.arrive("busy", "auditor");
    now += 14 * 60_000;
    await busy.api("GET", "/v1/sessions");
    now += 60_000;
    expect((await busy.api("GET", "/v1/sessions")).status).toBe(200);
  });
});

describe("four eyes", () => {
  beforeAll(async () => {
    [ada, bob] = [await s.arrive("ada2", "admin"), await s.arrive("bob2", "admin")];
    await Promise.all([ada.enroll(), bob.enroll()]);
  });

  async function asked(): Promise<{ readonly key: string; readonly approval: string }> {
    const name = `shop-${now}-${Math.random().toString(36).slice(2)}`;
    const made = await ada.api("POST", "/v1/keys", { body: { name, scopes: ["sessions:read"] } });
    const key = String(at(made.json, "key.id"));
    const answer = await ada.api("POST", `/v1/keys/${key}/revoke`);
    expect([answer.status, at(answer.json, "approval.state")]).toEqual([202, "pending"]);
    return { key, approval: String(at(answer.json, "approval.id")) };
  }

  async function stateOf(id: string): Promise<unknown> {
    const { json } = await ada.api("GET", "/v1/keys");
    return (json["items"] as { id: string; state: string }[]).find((one) => one.id === id)?.state;
  }

  it("[TN-06] put aside what one administrator asks, and do it when a second approves", async () => {
    const { key, approval } = await asked();
    expect(await stateOf(key)).toBe("live");
    const own = await ada.send("POST", `/console/approvals/${approval}/approve`);
    expect([own.status, own.json["code"]]).toEqual([403, "forbidden"]);
    const list = await bob.send("GET", "/console/approvals");
    expect(list.text).toContain(approval);
    const done = await bob.send("POST", `/console/approvals/${approval}/approve`);
    expect([done.status, at(done.json, "result.status")]).toEqual([200, 200]);
    expect(await stateOf(key)).toBe("revoked");
    await expect
      .poll(async () => (await s.api("GET", "/v1/audit?name=service-key-revoked")).text)
      .toContain('"actor":"console:ada2"');
    const twice = await bob.send("POST", `/console/approvals/${approval}/approve`);
    expect([twice.status, twice.json["code"]]).toEqual([409, "conflict"]);
  });

  it("[TN-06] let a second reject, and are over after a day", async () => {
    const [first, second] = [await asked(), await asked()];
    const no = await bob.send("POST", `/console/approvals/${first.approval}/reject`);
    expect(at(no.json, "approval.state")).toBe("rejected");
    now += 24 * 3_600_000;
    bob = await s.arrive("bob3", "admin");
    await bob.enroll();
    const late = await bob.send("POST", `/console/approvals/${second.approval}/approve`);
    expect(late.status).toBe(409);
    ada = await s.arrive("ada2", "admin");
    await ada.stepUp();
    expect(await stateOf(first.key)).toBe("live");
    expect(await stateOf(second.key)).toBe("live");
  });

  it("want an administrator with a fresh passkey, who sees the tenant", async () => {
    ada = await s.arrive("ada4", "admin");
    await ada.enroll();
    const { key, approval } = await asked();
    const operator = await s.arrive("op2", "operator");
    const elsewhere = await s.arrive("acme2", "admin", ["acme"]);
    const stale = await s.arrive("stale", "admin");
    const path = `/console/approvals/${approval}/approve`;
    const answers = [
      await operator.send("POST", path),
      await elsewhere.send("POST", path),
      await stale.send("POST", path),
    ];
    expect(answers.map(({ status }) => status)).toEqual([403, 404, 403]);
    expect(codes(answers)).toEqual(["forbidden", "not_found", "step_up_required"]);
    expect(await stateOf(key)).toBe("live");
  });

  it("are not done when whoever asked may not any more", async () => {
    ada = await s.arrive("ada5", "admin");
    await ada.enroll();
    const { key, approval } = await asked();
    const user = await s.service.console?.users.look("ada5");
    await s.service.console?.users.disable(user?.id ?? "");
    const answer = await bob.send("POST", `/console/approvals/${approval}/approve`);
    expect(answer.status).toBe(409);
    ada = bob;
    expect(await stateOf(key)).toBe("live");
  });
});
