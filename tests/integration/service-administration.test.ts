import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { explainReply } from "../../packages/sojourn-server/src/api/explain-schemas.ts";
import { auditPage } from "../../packages/sojourn-server/src/api/audit-schemas.ts";
import { healthReply } from "../../packages/sojourn-server/src/api/routes/health.ts";
import {
  inventoryReply,
  issuedReply,
  keyPage,
  keyReply,
} from "../../packages/sojourn-server/src/api/routes/keys.ts";
import { overviewReply } from "../../packages/sojourn-server/src/api/routes/overview.ts";
import { policyReply, simulateReply } from "../../packages/sojourn-server/src/api/routes/policy.ts";
import { at, startTestService } from "./service-harness.ts";
import type { Answer, Json, TestService } from "./service-harness.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;

interface Clock {
  readonly name: string;
  readonly at: string;
  readonly passed: boolean;
  readonly from: string;
  readonly next: boolean;
}

interface Shape {
  safeParse(value: unknown): { readonly error?: { readonly issues: readonly unknown[] } };
}

let now = Date.now();
let s: TestService;

beforeAll(async () => {
  const clock = { now: () => now, monotonic: () => now };
  s = await startTestService({
    library: {
      clock: clock as never,
      policy: { extends: "saas", idleMs: 30 * MINUTE, absoluteMs: 8 * HOUR },
      tighten: { tenants: { acme: { idleMs: 10 * MINUTE } } },
    },
    env: { SOJOURN_RATE_LIMIT: "0" },
  });
});

afterAll(async () => {
  await s.service.stop();
});

function expectShape(shape: Shape, answer: Answer): Json {
  expect(shape.safeParse(answer.json).error?.issues ?? [], answer.text).toEqual([]);
  return answer.json;
}

/** Explained, and held against the schema of the document. */
async function explained(id: string): Promise<Json> {
  return expectShape(explainReply, await s.api("GET", `/v1/sessions/${id}/explain`));
}

function clocksOf(json: Json): Record<string, Clock> {
  const clocks = json["clocks"] as readonly Clock[];
  return Object.fromEntries(clocks.map((clock) => [clock.name, clock]));
}

function brokenIn(json: Json): unknown[] {
  const rules = json["rules"] as readonly { name: string; holds: boolean }[];
  return rules.filter(({ holds }) => !holds).map(({ name }) => name);
}

/** Until the trail has what was told. */
async function recorded(id: string, name: string): Promise<void> {
  await expect
    .poll(async () => (await s.api("GET", `/v1/sessions/${id}/timeline`)).text, { timeout: 10_000 })
    .toContain(name);
}

describe("explain", () => {
  it("tells the clocks of an active session, what set them, and which one comes next", async () => {
    const { id } = await s.open("alice", { data: { cart: ["tea"] } });
    const json = await explained(id);
    const { idle, absolute } = clocksOf(json);
    expect([json["state"], brokenIn(json)]).toEqual(["active", []]);
    expect([idle?.from, idle?.next, absolute?.next]).toEqual(["override", true, false]);
    expect(Date.parse(idle?.at ?? "") - now).toBe(30 * MINUTE);
    expect(Date.parse(absolute?.at ?? "") - now).toBe(8 * HOUR);
    expect(at(json, "data.keys")).toEqual([{ key: "cart", bytes: 7, sealed: false }]);
    expect(at(json, "tokens.confirmed")).toBe(1);
    expect(JSON.stringify(json)).not.toContain("tea");
  });

  it("says what keeps a session from being active: a factor, a lock, an end, the epoch", async () => {
    const pending = await s.open("p", { pending: true });
    expect(brokenIn(await explained(pending.id))).toEqual(["factor"]);
    const locked = await s.open("l");
    await s.api("POST", `/v1/sessions/${locked.id}/lock`);
    expect(brokenIn(await explained(locked.id))).toEqual(["lock"]);
    const revoked = await s.open("r");
    await s.api("POST", `/v1/sessions/${revoked.id}/revoke`, { body: { cause: "lost" } });
    const json = await explained(revoked.id);
    expect([json["state"], brokenIn(json), at(json, "session.end.cause")]).toEqual([
      "ended",
      ["ended"],
      "lost",
    ]);
    expect(String(json["says"])).toMatch(/ended from elsewhere/);
  });

  it("ends the idle clock at the deadline, not one millisecond before", async () => {
    const { id } = await s.open("idle");
    now += 30 * MINUTE - 1;
    expect((await explained(id))["state"]).toBe("active");
    now += 1;
    const json = await explained(id);
    expect([json["state"], clocksOf(json)["idle"]?.passed]).toEqual(["ended", true]);
    expect(clocksOf(json)["absolute"]?.next).toBe(false);
  });

  it("tells what a tenant's tightening set", async () => {
    const authorization = `Bearer ${await s.key("acme")}`;
    const body = { subject: "alice", amr: ["pwd"] };
    const opened = await s.bare("POST", "/v1/sessions", { headers: { authorization }, body });
    const path = `/v1/sessions/${String(at(opened.json, "session.id"))}/explain`;
    const { json } = await s.bare("GET", path, { headers: { authorization } });
    expect(clocksOf(json)["idle"]?.from).toBe("tenant acme");
    expect((await s.api("GET", path)).status).toBe(404);
  });

  it("reveals values for the scope data:read alone, decrypted, and notes who looked", async () => {
    const { id } = await s.open("secretive", { data: { note: "canary" } });
    const reading = await s.key("default", ["sessions:read"]);
    const path = `/v1/sessions/${id}/explain?reveal=true`;
    const refused = await s.bare("GET", path, { headers: { authorization: `Bearer ${reading}` } });
    expect([refused.status, refused.json["scope"]]).toEqual([403, "data:read"]);
    expect(refused.text).not.toContain("canary");
    const json = expectShape(explainReply, await s.api("GET", path));
    expect(at(json, "data.values")).toEqual({ note: "canary" });
    await recorded(id, "data-revealed");
  });

  it("tells the life of one session in its timeline, page by page", async () => {
    const { id } = await s.open("told");
    await s.api("POST", `/v1/sessions/${id}/lock`);
    await s.api("POST", `/v1/sessions/${id}/revoke`);
    await recorded(id, "session-ended");
    const path = `/v1/sessions/${id}/timeline?limit=2`;
    const first = expectShape(auditPage, await s.api("GET", path));
    const cursor = `&cursor=${String(first["nextCursor"])}`;
    const second = expectShape(auditPage, await s.api("GET", path + cursor));
    const names = [first, second].flatMap((page) =>
      (page["items"] as { name: string }[]).map(({ name }) => name),
    );
    expect(names).toEqual(["session-ended", "session-locked", "session-established"]);
    const other = await s.open("other");
    const foreign = await s.api("GET", `/v1/sessions/${other.id}/timeline?limit=2${cursor}`);
    expect(foreign.status).toBe(400);
  });
});

describe("service keys over HTTP", () => {
  it("are made, shown once, rotated with an overlap, and revoked", async () => {
    const scopes = ["sessions:read"];
    const body = { name: "shop", scopes };
    const made = expectShape(issuedReply, await s.api("POST", "/v1/keys", { body }));
    const works = async (secret: unknown): Promise<number> => {
      const headers = { authorization: `Bearer ${String(secret)}` };
      return (await s.bare("GET", "/v1/sessions", { headers })).status;
    };
    const id = String(at(made, "key.id"));
    expect(await works(made["secret"])).toBe(200);
    const path = `/v1/keys/${id}/rotate`;
    const overlap = { body: { overlapSeconds: 60 } };
    const next = expectShape(issuedReply, await s.api("POST", path, overlap));
    expect([next["replaces"], at(next, "key.scopes")]).toEqual([id, scopes]);
    expect([await works(made["secret"]), await works(next["secret"])]).toEqual([200, 200]);
    now += 60_000;
    expect(await works(made["secret"])).toBe(401);
    const gone = await s.api("POST", `/v1/keys/${String(at(next, "key.id"))}/revoke`);
    expect(at(expectShape(keyReply, gone), "key.state")).toBe("revoked");
    expect(await works(next["secret"])).toBe(401);
    const list = await s.api("GET", "/v1/keys");
    expectShape(keyPage, list);
    expect(list.text).not.toMatch(/sj1k_|verifier/);
  });

  it("can do no more than whoever makes them, and belong to one tenant", async () => {
    const limited = await s.key("default", ["keys:write", "sessions:read"]);
    const headers = { authorization: `Bearer ${limited}` };
    const body = { name: "greedy", scopes: ["sessions:read", "audit:read"] };
    const refused = await s.bare("POST", "/v1/keys", { headers, body });
    expect([refused.status, refused.json["scope"]]).toEqual([403, "audit:read"]);
    const foreign = { authorization: `Bearer ${await s.key("acme")}` };
    const wide = await s.api("POST", "/v1/keys", {
      body: { name: "wide", scopes: ["audit:read"] },
    });
    const id = String(at(wide.json, "key.id"));
    for (const action of ["rotate", "revoke"]) {
      const path = `/v1/keys/${id}/${action}`;
      expect((await s.bare("POST", path, { headers: foreign })).status).toBe(404);
    }
    const stronger = await s.bare("POST", `/v1/keys/${id}/rotate`, { headers });
    expect([stronger.status, stronger.json["scope"]]).toEqual([403, "audit:read"]);
    const seen = await s.bare("GET", "/v1/keys", { headers: foreign });
    expect(seen.text).not.toContain(id);
  });

  it("refuse names that are taken or none, and scopes that do not exist", async () => {
    const bad: readonly Json[] = [
      { name: "wide", scopes: ["audit:read"] },
      { name: "console:ada", scopes: ["audit:read"] },
      { name: "x", scopes: [] },
      { name: "x", scopes: ["everything"] },
      { name: "x" },
      { name: "x", scopes: ["audit:read"], tenant: "acme" },
    ];
    for (const body of bad) {
      const { status } = await s.api("POST", "/v1/keys", { body });
      expect([body, status === 400 || status === 422]).toEqual([body, true]);
    }
    const body = { overlapSeconds: -1 };
    expect((await s.api("POST", "/v1/keys/x/rotate", { body })).status).toBe(400);
  });

  it("are listed beside the cryptographic keys of the installation, none of them itself", async () => {
    const json = expectShape(inventoryReply, await s.api("GET", "/v1/signing-keys"));
    const items = json["items"] as { purpose: string; state: string }[];
    expect(items.length).toBeGreaterThan(3);
    expect(items.every(({ state }) => state === "active")).toBe(true);
  });
});

describe("a tenant at a glance", () => {
  it("counts what is live, and what the trail tells of the last day by hour and reason", async () => {
    const glance = async (): Promise<Json> => {
      now += 3_000;
      return expectShape(overviewReply, await s.api("GET", "/v1/overview"));
    };
    const counted = async (): Promise<Json> => {
      let told = await glance();
      for (let tries = 0; at(told, "last24h.behind") !== 0 && tries < 1_000; tries += 1) {
        told = await glance();
      }
      return told;
    };
    // What came before is in the trail once this is.
    await recorded((await s.open("first")).id, "session-established");
    const before = await counted();
    const { id } = await s.open("counted");
    await s.api("POST", `/v1/sessions/${id}/rotate`);
    now += 20 * MINUTE;
    expect((await s.api("POST", `/v1/sessions/${id}/extend`)).status).toBe(200);
    await s.api("POST", `/v1/sessions/${id}/revoke`);
    await recorded(id, "session-ended");
    const after = await counted();
    expect(at(after, "last24h.behind")).toBe(0);
    const grew = (path: string): number => Number(at(after, path)) - Number(at(before, path) ?? 0);
    expect(grew("last24h.signIns")).toBe(1);
    expect(grew("last24h.rotated")).toBe(1);
    expect(grew("last24h.endsByReason.revoked")).toBe(1);
    expect(at(after, "live.exact")).toBe(true);
    const hours = at(after, "last24h.hours") as { signIns: number }[];
    expect(hours).toHaveLength(24);
    const sum = hours.reduce((total, { signIns }) => total + signIns, 0);
    expect(sum).toBe(at(after, "last24h.signIns"));
  });

  it("tells how stores and processes are", async () => {
    const json = expectShape(healthReply, await s.api("GET", "/v1/health/nodes"));
    expect([at(json, "store.ok"), at(json, "control.ok"), at(json, "audit.state")]).toEqual([
      true,
      true,
      "ok",
    ]);
    expect(at(json, "frontier.missing")).toEqual([]);
  });

  it("tells how long verifications took in this process, once there was one", async () => {
    const { token } = await s.open("quick");
    await s.api("POST", "/v1/sessions/verify", { body: { token } });
    // It is counted behind its answer.
    const health = async (): Promise<Json> =>
      expectShape(healthReply, await s.api("GET", "/v1/health/nodes"));
    await expect.poll(async () => at(await health(), "node.verify.count")).toBe(1);
    const json = await health();
    expect(at(json, "node.verify.p99Ms")).toBe(at(json, "node.verify.p50Ms"));
  });
});

describe("the policy over HTTP", () => {
  it("is told field by field with where each comes from, beside the presets", async () => {
    const json = expectShape(policyReply, await s.api("GET", "/v1/policy"));
    const fields = at(json, "policy.fields") as { field: string; from: string }[];
    expect(fields.find(({ field }) => field === "idleMs")?.from).toBe("override");
    expect((json["presets"] as { name: string }[]).map(({ name }) => name)).toContain("banking");
  });

  it("is tried on what has happened, and says who would have been signed out", async () => {
    const { id } = await s.open("simulated");
    await recorded(id, "session-established");
    now += 25 * MINUTE;
    const policy = { extends: "saas", idleMs: "5m", absoluteMs: "8h" };
    const body = { policy, from: new Date(now - HOUR).toISOString() };
    const answer = await s.api("POST", "/v1/policy/simulate", { body });
    const json = expectShape(simulateReply, answer);
    const items = json["items"] as { session: string; would: Json; happened: Json; why: string }[];
    const item = items.find(({ session }) => session === id);
    expect(item?.happened).toEqual({ state: "live" });
    const certain = { state: "ended", reason: "idle_timeout", certain: true };
    expect(item?.would).toMatchObject(certain);
    expect(Date.parse(String(item?.would["at"]))).toBe(now - 20 * MINUTE);
    const changed = at(json, "policy.fields") as { field: string; before: unknown }[];
    expect(changed.find(({ field }) => field === "idleMs")?.before).toBe(30 * MINUTE);
    expect((json["bounds"] as string[]).length).toBeGreaterThan(3);
    expect((await explained(id))["state"]).toBe("active");
    const acme = { authorization: `Bearer ${await s.key("acme")}` };
    const tightened = await s.bare("POST", "/v1/policy/simulate", { headers: acme, body });
    expect(tightened.status).toBe(200);
    const same = { policy: { extends: "saas", idleMs: "30m", absoluteMs: "8h" } };
    const still = await s.api("POST", "/v1/policy/simulate", {
      body: { ...same, from: body.from },
    });
    const kept = still.json["items"] as { session: string }[];
    expect(kept.find(({ session }) => session === id)).toBeUndefined();
  });

  it("is refused by its place when it makes no sense, and so is a window", async () => {
    const instant = (ms: number): string => new Date(now + ms).toISOString();
    const bad: readonly (readonly [Json, string])[] = [
      [{ policy: "nonsense" }, "policy"],
      [{ policy: { extends: "saas", idleMs: "forever" } }, "policy.idleMs"],
      [{ policy: { extends: "nothing" } }, "policy.extends"],
      [{ policy: "saas", from: instant(HOUR) }, "from"],
      [{ policy: "saas", from: instant(-100 * 24 * HOUR) }, "from"],
    ];
    for (const [body, path] of bad) {
      const answer = await s.api("POST", "/v1/policy/simulate", { body });
      expect([body, answer.status, at(answer.json, "errors.0.path")]).toEqual([body, 400, path]);
    }
    const reading = await s.key("default", ["policy:read"]);
    const headers = { authorization: `Bearer ${reading}` };
    const body = { policy: "saas" };
    const refused = await s.bare("POST", "/v1/policy/simulate", { headers, body });
    expect([refused.status, refused.json["scope"]]).toEqual([403, "audit:read"]);
  });
});
