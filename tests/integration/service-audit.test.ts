/** What the service takes down, who may read it, and that no way of ending loses any of it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import {
  at,
  bearer,
  cookie,
  folder,
  SECRET,
  sojourn,
  startTestService,
} from "./service-harness.ts";
import type { Json, TestService } from "./service-harness.ts";

const AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/** Until the drainer has come by. */
type Entries = readonly Json[];

describe("the audit of the service", () => {
  const place = folder();
  let s: TestService;

  beforeAll(async () => {
    s = await startTestService({ env: { SOJOURN_STORE: `sqlite:${place.path}/sojourn.db` } });
  });

  afterAll(async () => {
    await s.service.stop();
    place.remove();
  });

  const entries = async (query: string, min = 1): Promise<Entries> =>
    eventually(async () => {
      const { json } = await s.api("GET", `/v1/audit?${query}`);
      const items = json["items"] as Entries;
      return items.length >= min ? items : undefined;
    });

  it("[LG-03] tells when, who, what, why, from where, and in which request", async () => {
    const { id } = await s.open("ann");
    const headers = { "x-request-id": "req-4711" };
    await s.api("POST", `/v1/sessions/${id}/revoke`, { headers, body: { cause: "lost_laptop" } });
    const [ended] = await entries(`session=${id}&name=session-ended`);
    expect(ended).toMatchObject({
      name: "session-ended",
      tenant: "default",
      subject: "ann",
      session: id,
      reason: "revoked",
      cause: "lost_laptop",
      request: "req-4711",
      from: { address: "127.0.0.0/24" },
    });
    expect(String(ended?.["actor"])).toMatch(/^key:test-/);
    expect(String(ended?.["key"])).toMatch(/^[\w-]{24}$/);
    expect(Date.parse(String(ended?.["at"]))).toBeGreaterThan(Date.now() - 60_000);
    const [opened] = await entries(`session=${id}&name=session-established`);
    expect(opened?.["detail"]).toMatchObject({ kind: "user", amr: ["pwd"] });
  });

  it("tells of a person's own act by the person, the network and the family of the browser", async () => {
    const { token, id } = await s.open("bea");
    const sent = cookie(token, { "user-agent": AGENT });
    expect((await s.bare("DELETE", "/v1/session", sent)).status).toBe(200);
    const [ended] = await entries(`session=${id}&name=session-ended`);
    const { actor, from, reason } = ended ?? {};
    expect([actor, reason]).toEqual(["bea", "logout"]);
    const ref = expect.stringMatching(/^[\w-]{16}$/) as unknown;
    expect(from).toEqual({ address: "127.0.0.0/24", ref, agent: "Firefox" });
  });

  it("[LG-07] is read with the scope audit:read, and of the key's own tenant alone", async () => {
    await s.open("cid");
    const without = await s.key("default", ["sessions:read", "sessions:write"]);
    for (const path of ["/v1/audit", "/v1/audit/export"]) {
      const refused = await s.bare("GET", path, bearer(without));
      expect([refused.status, refused.json["scope"]]).toEqual([403, "audit:read"]);
    }
    const auditor = bearer(await s.key("other", ["audit:read"]));
    const own = await eventually(async () => {
      const { json } = await s.bare("GET", "/v1/audit", auditor);
      const items = json["items"] as Entries;
      return items.length > 0 ? items : undefined;
    });
    expect(new Set(own.map(({ tenant }) => tenant))).toEqual(new Set(["other"]));
    expect(own[0]).toMatchObject({ name: "service-key-created" });
    const exported = await s.bare("GET", "/v1/audit/export", auditor);
    expect(exported.text).not.toContain('"cid"');
    const body = { subject: "cid", amr: ["pwd"] };
    const write = await s.bare("POST", "/v1/sessions", { ...auditor, body });
    expect([write.status, write.json["scope"]]).toEqual([403, "sessions:write"]);
    const revoke = await s.bare("POST", "/v1/subjects/cid/revoke", { ...auditor, body: {} });
    expect(revoke.status).toBe(403);
  });

  it("pages with a cursor that fits one filter alone, and refuses what cannot be meant", async () => {
    for (let count = 0; count < 5; count += 1) await s.open("dan");
    await entries("subject=dan&limit=200", 5);
    const seen: unknown[] = [];
    let cursor = "";
    do {
      const path = `/v1/audit?subject=dan&limit=2${cursor}`;
      const { json } = await s.api("GET", path);
      seen.push(...(json["items"] as Entries).map(({ id }) => id));
      const next = json["nextCursor"];
      cursor = typeof next === "string" ? `&cursor=${next}` : "";
    } while (cursor !== "");
    expect([seen.length, new Set(seen).size]).toEqual([5, 5]);
    const first = await s.api("GET", "/v1/audit?subject=dan&limit=2");
    const next = String(first.json["nextCursor"]);
    const foreign = await s.api("GET", `/v1/audit?subject=ann&cursor=${next}`);
    expect([foreign.status, foreign.json["code"]]).toEqual([400, "invalid_request"]);
    for (const query of [
      "limit=0",
      "limit=1000000000",
      "from=yesterday",
      "session=nobody",
      "format=xml",
      "who=x",
      "cursor=AAAA",
    ]) {
      expect([query, (await s.api("GET", `/v1/audit?${query}`)).status]).toEqual([
        query,
        query === "format=xml" || query === "who=x" ? 422 : 400,
      ]);
    }
    expect((await s.api("GET", "/v1/audit/export?format=xml")).status).toBe(400);
    const future = await s.api("GET", "/v1/audit?from=2999-01-01T00:00:00Z");
    expect(future.json["items"]).toEqual([]);
  });

  it("[LG-04] gives one line per entry, whatever was written into its fields", async () => {
    const odd = 'x\r\nCEF:0|a|b=c\\d "q" \u001b[31m\u0000\u2028\u202e\ud800 é';
    const { id } = await s.open("eve");
    await s.api("POST", `/v1/sessions/${id}/revoke`, { body: { cause: odd, actor: odd } });
    const [entry] = await entries(`session=${id}&name=session-ended`);
    expect([entry?.["cause"], entry?.["actor"]]).toEqual([odd, odd]);
    const query = `session=${id}&name=session-ended`;
    const json = await s.api("GET", `/v1/audit/export?${query}`);
    expect(json.headers["content-type"]).toBe("application/x-ndjson");
    expect(json.text).toMatch(/^[ -~]+\n$/);
    expect(JSON.parse(json.text)).toMatchObject({ cause: odd, actor: odd });
    const cef = await s.api("GET", `/v1/audit/export?${query}&format=cef`);
    expect(cef.text.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\u2028]/u);
    expect(cef.text).toMatch(
      /^CEF:0\|Sojourn\|sojourn-server\|1\|session-ended\|session-ended\|3\|/,
    );
    expect(cef.text).toContain('msg=x\\r\\nCEF:0|a|b\\=c\\\\d "q" ·[31m');
  });

  it("[LG-02] holds no token, no key and no value of session data", async () => {
    const { id, token } = await s.open("fay", { data: { card: "canary-4242" } });
    await s.api("PATCH", `/v1/sessions/${id}`, { body: { data: { card: "canary-4343" } } });
    await s.api("POST", "/v1/sessions/verify", { body: { token: `${token}x` } });
    const changed = await entries(`session=${id}&name=session-data-changed`);
    expect(changed[0]?.["detail"]).toMatchObject({ keys: ["card"] });
    const { text } = await s.api("GET", "/v1/audit/export");
    const spool = join(place.path, "audit-spool");
    const files = everyFile(spool).map((path) => readFileSync(path, "latin1"));
    for (const secret of [token.slice(5), "canary-4", "sj1s_", "sj1k_", SECRET]) {
      expect([secret.slice(0, 6), [text, ...files].some((one) => one.includes(secret))]).toEqual([
        secret.slice(0, 6),
        false,
      ]);
    }
  });

  it("keeps a few of a flood of forged tokens, and how many they stand for", async () => {
    const tokens = Array.from({ length: 400 }, (_, each) => `sj1s_forged${each}`);
    await s.api("POST", "/v1/sessions/verify", { body: { tokens } });
    await sleep(1_100);
    await s.api("POST", "/v1/sessions/verify", { body: { token: "sj1s_one-more" } });
    const { out } = await sojourn(["audit", "list", "--name", "token-forged", "--json"], {
      SOJOURN_SECRETS: SECRET,
      SOJOURN_STORE: `sqlite:${place.path}/sojourn.db`,
    });
    const { items } = JSON.parse(out) as { items: Entries };
    expect(items.length).toBeLessThan(40);
    const kept = items.map((item) => Number(at(item, "detail.suppressed") ?? 0) + 1);
    // One more was sent by the test of secrets.
    expect(kept.reduce((sum, one) => sum + one, 0)).toBeGreaterThanOrEqual(401);
  });
});

function everyFile(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true }).flatMap((one) =>
    one.isDirectory() ? everyFile(join(path, one.name)) : [join(path, one.name)],
  );
}
