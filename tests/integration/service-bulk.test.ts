/** Bulk requests and operations over HTTP, with everything that can be wrong about them. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { at, bearer, startTestService } from "./service-harness.ts";
import type { Answer, Json, TestService } from "./service-harness.ts";

const WITHIN = { timeout: 15_000, interval: 100 };

let s: TestService;
let names = 0;

beforeAll(async () => {
  s = await startTestService({ env: { SOJOURN_RATE_LIMIT: "0" } });
});

afterAll(async () => {
  await s.service.stop();
});

/** Sessions of a client application of their own. */
async function crowd(count: number): Promise<{ readonly client: string; readonly ids: string[] }> {
  names += 1;
  const client = `crowd-${names}`;
  const opened = Array.from({ length: count }, (_, n) =>
    s.open(n === 0 ? "eve" : `eve-${names}-${n}`, { clientId: client }),
  );
  return { client, ids: (await Promise.all(opened)).map(({ id }) => id) };
}

/** Whoever comes before the index has caught up is asked to come again. */
function again(ask: () => Promise<Answer>): Promise<Answer> {
  return vi.waitFor(
    async () => {
      const answer = await ask();
      expect(answer.status).not.toBe(503);
      return answer;
    },
    { timeout: 30_000, interval: 100 },
  );
}

function bulk(body: Json, headers: Record<string, string> = {}): Promise<Answer> {
  return again(() => s.api("POST", "/v1/bulk", { body, headers }));
}

async function tried(body: Json): Promise<string> {
  const answer = await bulk({ ...body, dryRun: true });
  expect([answer.status, answer.text]).toEqual([200, answer.text]);
  return String(answer.json["token"]);
}

async function finished(started: Answer): Promise<Json> {
  const id = String(at(started.json, "operation.id"));
  return vi.waitFor(
    async () => {
      const { json } = await s.api("GET", `/v1/operations/${id}`);
      const operation = json["operation"] as Json;
      expect(operation["state"]).not.toBe("running");
      return operation;
    },
    { timeout: 30_000, interval: 50 },
  );
}

async function stateOf(id: string): Promise<unknown> {
  return at((await s.api("GET", `/v1/sessions/${id}`)).json, "session.state");
}

describe("a bulk request", () => {
  it("is refused without a dry run, and nothing is changed", async () => {
    const { client, ids } = await crowd(2);
    const answer = await bulk({ action: "revoke", filter: { client } });
    expect([answer.status, answer.json["code"]]).toEqual([428, "precondition_required"]);
    expect(String(answer.json["detail"])).toContain("dryRun");
    expect(await stateOf(ids[0] ?? "")).toBe("active");
  });

  it("shows in a dry run how many and some of them, and changes nothing", async () => {
    const { client, ids } = await crowd(12);
    const answer = await bulk({ action: "revoke", filter: { client }, dryRun: true });
    expect(answer.json).toMatchObject({ dryRun: true, count: { value: 12, exact: true } });
    const sample = answer.json["sample"] as { id: string }[];
    expect(sample).toHaveLength(10);
    for (const { id } of sample) expect(ids).toContain(id);
    expect(await stateOf(ids[0] ?? "")).toBe("active");
  });

  it("means what was opened in the very millisecond before, and nothing after it", async () => {
    let heldAt: number | undefined = Date.now();
    const clock = { now: () => heldAt ?? Date.now(), learn: () => undefined };
    const still = await startTestService({ library: { clock } });
    const filter = { client: "hasty" };
    const dry = { action: "revoke", filter, dryRun: true };
    for (const clientId of ["hasty", "another"]) await still.open("eve", { clientId });
    const asked = again(() => still.api("POST", "/v1/bulk", { body: dry }));
    await sleep(100);
    heldAt = undefined;
    const { json } = await asked;
    expect(json).toMatchObject({ count: { value: 1, exact: true } });
    const later = await still.open("eve", { clientId: "hasty" });
    const body = { action: "revoke", filter, token: json["token"] };
    expect(at((await still.api("POST", "/v1/bulk", { body })).json, "operation.total")).toBe(1);
    await vi.waitFor(async () => {
      const { json: list } = await still.api("GET", "/v1/sessions?client=hasty&state=active");
      expect((list["items"] as Json[]).map(({ id }) => id)).toEqual([later.id]);
    }, WITHIN);
    await still.service.stop();
  });

  it("takes the token of the same request by the same key alone", async () => {
    const { client } = await crowd(2);
    const body = { action: "revoke", filter: { client } };
    const token = await tried(body);
    const others: Json[] = [
      { ...body, filter: { client: "crowd-0" } },
      { ...body, filter: {} },
      { ...body, action: "lock" },
      { ...body, cause: "another" },
    ];
    for (const other of others) {
      const answer = await bulk({ ...other, token });
      expect([answer.status, answer.json["code"]]).toEqual([409, "conflict"]);
    }
    const { headers } = bearer(await s.key("default"));
    const theirs = await bulk({ ...body, token }, { ...headers });
    expect(theirs.status).toBe(409);
    const odd = await bulk({ ...body, token: "x.y" });
    expect(odd.status).toBe(409);
  });

  it("that leaves no session out wants its count typed", async () => {
    const tenant = `whole-${Date.now()}`;
    const { headers } = bearer(await s.key(tenant));
    const ask = (method: string, path: string, body: Json): Promise<Answer> =>
      again(() => s.bare(method, path, { body, headers: { ...headers } }));
    for (const subject of ["ann", "ben", "carl"]) {
      await ask("POST", "/v1/sessions", { subject, amr: ["pwd"] });
    }
    for (const filter of [{}, { createdFrom: "1970-01-01T00:00:00Z" }]) {
      const body = { action: "lock", filter };
      const dry = await ask("POST", "/v1/bulk", { ...body, dryRun: true });
      expect(dry.json).toMatchObject({ everything: true, count: { value: 3 } });
      const { token } = dry.json;
      for (const confirm of [undefined, 2, 4]) {
        const answer = await ask("POST", "/v1/bulk", { ...body, token, confirm });
        expect([answer.status, at(answer.json, "errors.0.path")]).toEqual([400, "confirm"]);
      }
      const started = await ask("POST", "/v1/bulk", { ...body, token, confirm: 3 });
      expect([started.status, at(started.json, "operation.total")]).toEqual([200, 3]);
    }
  });

  it("names what is wrong with it", async () => {
    const wrong: readonly (readonly [Json, number])[] = [
      [{ action: "erase", filter: {} }, 400],
      [{ action: "revoke" }, 400],
      [{ action: "revoke", filter: { colour: "red" } }, 422],
      [{ action: "revoke", filter: { reason: "logout" } }, 422],
      [{ action: "revoke", filter: { state: "ended" } }, 400],
      [{ action: "revoke", filter: { client: "" } }, 400],
      [{ action: "revoke", filter: { createdFrom: "yesterday" } }, 400],
      [{ action: "revoke", filter: {}, except: ["alice"] }, 400],
      [{ action: "lock", filter: {}, factors: 9 }, 400],
    ];
    for (const [body, status] of wrong) {
      const answer = await bulk({ ...body, dryRun: true });
      expect([body, answer.status]).toEqual([body, status]);
    }
  });

  it("wants the scope bulk:write", async () => {
    const { headers } = bearer(await s.key("default", ["sessions:read", "sessions:write"]));
    for (const [method, path] of [
      ["POST", "/v1/bulk"],
      ["GET", "/v1/operations"],
      ["GET", "/v1/operations/op_x"],
      ["POST", "/v1/operations/op_x/cancel"],
    ] as const) {
      const body = method === "POST" ? { body: {} } : {};
      const answer = await s.bare(method, path, { headers: { ...headers }, ...body });
      expect([path, answer.status, answer.json["scope"]]).toEqual([path, 403, "bulk:write"]);
    }
  });
});

describe("an operation", () => {
  it("ends what was there at the dry run, but for the exceptions, each end with its words", async () => {
    const { client, ids } = await crowd(5);
    const [kept = "", ...others] = ids;
    const body = { action: "revoke", filter: { client }, except: [kept], cause: "retired" };
    const token = await tried(body);
    const later = await s.open("eve", { clientId: client });
    const operation = await finished(await bulk({ ...body, token }));
    expect(operation).toMatchObject({ state: "done", action: "revoke", done: 4, failed: 0 });
    for (const id of others) {
      const { json } = await s.api("GET", `/v1/sessions/${id}`);
      const end = { reason: "revoked", cause: "retired", actor: operation["startedBy"] };
      expect(at(json, "session.end")).toMatchObject(end);
    }
    expect(await Promise.all([kept, later.id].map(stateOf))).toEqual(["active", "active"]);
  });

  it("locks, and tells of those that cannot be locked", async () => {
    const { client, ids } = await crowd(3);
    const pending = await s.open("eve", { clientId: client, pending: true });
    const body = { action: "lock", filter: { client }, factors: 1 };
    const operation = await finished(await bulk({ ...body, token: await tried(body) }));
    expect(operation).toMatchObject({ state: "done", total: 4, done: 3, failed: 1 });
    expect(at(operation, "failures.0.session")).toBe(pending.id);
    expect(await Promise.all(ids.map(stateOf))).toEqual(["locked", "locked", "locked"]);
  });

  it("is started once, however often the request is sent with one Idempotency-Key", async () => {
    const { client } = await crowd(1);
    const body = { action: "revoke", filter: { client } };
    const sent = { ...body, token: await tried(body) };
    const headers = { "idempotency-key": `bulk-${client}` };
    const [first, again] = [await bulk(sent, headers), await bulk(sent, headers)];
    expect(again.headers["idempotency-replayed"]).toBe("true");
    expect(at(again.json, "operation.id")).toBe(at(first.json, "operation.id"));
    await finished(first);
  });

  it("is in the audit trail: who began it, when it was over, and each end", async () => {
    const { client, ids } = await crowd(2);
    const body = { action: "revoke", filter: { client }, cause: "moved" };
    const operation = await finished(await bulk({ ...body, token: await tried(body) }));
    const entries = async (query: string): Promise<Json[]> =>
      (await s.api("GET", `/v1/audit?${query}`)).json["items"] as Json[];
    await vi.waitFor(
      async () => {
        for (const name of ["operation-started", "operation-finished"]) {
          const found = await entries(`name=${name}`);
          const mine = found.filter((one) => at(one, "detail.operation") === operation["id"]);
          expect([name, mine.length, mine[0]?.["actor"]]).toEqual([
            name,
            1,
            operation["startedBy"],
          ]);
        }
        for (const id of ids) {
          const [ended] = await entries(`name=session-ended&session=${id}`);
          expect(ended).toMatchObject({ cause: "moved", actor: operation["startedBy"] });
        }
      },
      { timeout: 15_000, interval: 100 },
    );
  });

  it("is known to the tenant that began it alone", async () => {
    const { client } = await crowd(1);
    const body = { action: "revoke", filter: { client } };
    const operation = await finished(await bulk({ ...body, token: await tried(body) }));
    const path = `/v1/operations/${String(operation["id"])}`;
    const { headers } = bearer(await s.key("other-tenant"));
    const theirs = { headers: { ...headers } };
    expect((await s.bare("GET", path, theirs)).status).toBe(404);
    expect((await s.bare("POST", `${path}/cancel`, theirs)).status).toBe(404);
    const list = await s.bare("GET", "/v1/operations", theirs);
    expect(list.json["items"]).toEqual([]);
    expect((await s.api("GET", "/v1/operations/op_unknown")).status).toBe(404);
  });

  it("is listed page by page, newest first; a cursor of another list is refused", async () => {
    for (let n = 0; n < 3; n += 1) {
      const { client } = await crowd(1);
      const body = { action: "revoke", filter: { client } };
      await finished(await bulk({ ...body, token: await tried(body) }));
    }
    const whole = (await s.api("GET", "/v1/operations")).json["items"] as { id: string }[];
    const met: string[] = [];
    let path = "/v1/operations?limit=2";
    for (;;) {
      const { json } = await s.api("GET", path);
      met.push(...(json["items"] as { id: string }[]).map(({ id }) => id));
      const next = json["nextCursor"] as string | undefined;
      if (next === undefined) break;
      path = `/v1/operations?limit=2&cursor=${next}`;
    }
    expect(met).toEqual(whole.map(({ id }) => id));
    const { json } = await s.api("GET", "/v1/sessions?state=any&limit=1");
    const odd = await s.api("GET", `/v1/operations?cursor=${String(json["nextCursor"])}`);
    expect([odd.status, odd.json["code"]]).toEqual([400, "invalid_request"]);
  });
});

describe("a search", () => {
  it("refuses sizes, orders and cursors that are none, and says which", async () => {
    const { client } = await crowd(3);
    const listed = await s.api("GET", `/v1/sessions?state=any&limit=1`);
    const first = String(listed.json["nextCursor"]);
    for (const [query, path] of [
      ["limit=0", "limit"],
      ["limit=1000000000", "limit"],
      ["limit=-1", "limit"],
      ["limit=1.5", "limit"],
      ["sort=seenAt", "sort"],
      ["state=dead", "state"],
      ["reason=boredom", "reason"],
      ["reason=logout&state=live", "reason"],
      ["cursor=AAAA", "cursor"],
      [`client=${client}&cursor=${first}`, "cursor"],
      [`state=any&sort=createdAt&cursor=${first}`, "cursor"],
    ] as const) {
      const answer = await s.api("GET", `/v1/sessions?${query}`);
      expect([query, answer.status]).toEqual([query, 400]);
      expect([query, at(answer.json, "errors.0.path")]).toEqual([query, path]);
    }
    const unknown = await s.api("GET", "/v1/sessions?colour=red");
    expect([unknown.status, unknown.json["code"]]).toEqual([422, "unknown_field"]);
  });

  it("counts when it is asked to, and says how surely", async () => {
    const { client } = await crowd(4);
    await tried({ action: "revoke", filter: { client } });
    const none = await s.api("GET", `/v1/sessions?client=${client}`);
    expect(none.json["count"]).toBeUndefined();
    const estimate = await s.api("GET", `/v1/sessions?client=${client}&count=estimate&limit=1`);
    expect(estimate.json["count"]).toEqual({ value: 4, exact: false });
    const exact = await s.api("GET", `/v1/sessions?client=${client}&count=exact&limit=1`);
    expect(exact.json["count"]).toEqual({ value: 4, exact: true });
  });
});
