/**
 * Whoever asks with the ids, tokens, cursors and keys of another tenant is answered as with ones
 * that nobody has. Built from the OpenAPI document of the running service: what is new there is
 * missing in `tests/support/tenant-crossing.ts`, and the first test says so.
 */
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { SCOPES } from "../../packages/sojourn-server/src/control/key-table.ts";
import { keyFileAt } from "../support/key-file.ts";
import { AUDIENCE, CLIENT, forged, OTHERS } from "../support/tenant-crossing.ts";
import type { Holding, Recipe } from "../support/tenant-crossing.ts";
import { readCases } from "../support/tenant-crossing-cases.ts";
import type { Case, Slot } from "../support/tenant-crossing-cases.ts";
import { shapeOf, textsOf } from "../support/tenant-crossing-shape.ts";
import type { Asked } from "../support/tenant-crossing-shape.ts";
import { at, folder, startTestService } from "./service-harness.ts";
import type { Answer, Json, Sent, TestService } from "./service-harness.ts";

const place = folder();
/** Everything but what may name other tenants. */
const OWN_SCOPES = SCOPES.filter((scope) => scope !== "tenants:write");

let s: TestService;
let cases: readonly Case[];
let unknown: readonly string[];
let own: Tenant;
let other: Tenant;
/** Every session of the other tenant, and its ETag when it was opened. */
const watched = new Map<string, string>();

beforeAll(async () => {
  s = await startTestService({
    env: {
      SOJOURN_TOKEN_KEYS: await keyFileAt(join(place.path, "keys.jwks")),
      SOJOURN_TOKEN_ISSUER: "https://auth.example",
      SOJOURN_TOKEN_AUDIENCES: AUDIENCE,
      SOJOURN_RATE_LIMIT: "0",
      SOJOURN_DBSC: "true",
      SOJOURN_ORIGINS: "https://app.example",
    },
  });
  const document = (await s.bare("GET", "/openapi.json")).json;
  const read = readCases(document);
  cases = read.cases;
  unknown = read.unknown;
  own = await tenant("default", CLIENT);
  other = await tenant(OTHERS, "others-key");
});

afterAll(async () => {
  await s.service.stop();
  place.remove();
});

interface Tenant {
  readonly key: string;
  readonly basic: string;
  readonly name: string;
  readonly actor: string;
  holding(): Promise<Holding>;
}

let holdings = 0;

async function tenant(name: string, keyName: string): Promise<Tenant> {
  const wanted = { name: keyName, tenant: name, scopes: OWN_SCOPES };
  const key = (await s.service.keys.create(wanted)).text;
  const basic = `Basic ${Buffer.from(`${keyName}:${key}`).toString("base64")}`;
  const actor = `key:${keyName}`;
  const call = (method: string, path: string, sent: Sent = {}): Promise<Answer> =>
    s.bare(method, path, { ...sent, headers: { authorization: `Bearer ${key}`, ...sent.headers } });
  let ended: Promise<string> | undefined;
  const holding = async (): Promise<Holding> => {
    holdings += 1;
    const mark = `mark-${holdings}-${Math.random().toString(36).slice(2)}`;
    const idempotencyKey = `${mark}-once`;
    const body = {
      subject: `${mark}-subject`,
      amr: ["pwd"],
      device: { id: `${mark}-device`, label: `${mark}-label` },
      data: { secret: `${mark}-data` },
    };
    const headers = { "idempotency-key": idempotencyKey };
    const opened = await call("POST", "/v1/sessions", { body, headers });
    expect(opened.status, opened.text).toBe(201);
    const { session, token } = opened.json as { session: { id: string }; token: string };
    const issue = async (what: string, id = session.id): Promise<Json> => {
      const body = { audience: AUDIENCE, clientId: CLIENT };
      const answer = await call("POST", `/v1/sessions/${id}/${what}`, { body });
      expect(answer.status, answer.text).toBe(200);
      return answer.json;
    };
    const cursorOf = async (path: string): Promise<string> => {
      const { json } = await call("GET", path);
      // A listing of one page has none: another of the same form then.
      const { nextCursor } = json as { nextCursor?: string };
      return nextCursor ?? "AAAAAAAAAAAAAAAAAAAA";
    };
    if (name === OTHERS) watched.set(session.id, String(opened.headers["etag"]));
    return {
      id: session.id,
      token,
      subject: body.subject,
      device: body.device.id,
      etag: String(opened.headers["etag"]),
      actor,
      idempotencyKey,
      cursor: () => cursorOf("/v1/sessions?limit=1"),
      auditCursor: () => cursorOf("/v1/audit?limit=1"),
      subjectCursor: () => cursorOf(`/v1/subjects/${body.subject}/sessions?limit=1`),
      accessToken: async () => String((await issue("access-token"))["token"]),
      endedToken: () => (ended ??= endAccess(call, body, issue)),
      refreshToken: async () => String((await issue("refresh-token"))["refreshToken"]),
      webhook: async () => {
        const url = `https://example.com/${mark}`;
        const made = await call("POST", "/v1/webhooks", { body: { url } });
        return String(at(made.json, "webhook.id"));
      },
      operation: async () => {
        const wish = { action: "revoke", filter: { subject: `${mark}-none` } };
        const tried = await call("POST", "/v1/bulk", { body: { ...wish, dryRun: true } });
        const run = { ...wish, token: tried.json["token"] };
        const begun = await call("POST", "/v1/bulk", { body: run });
        return String(at(begun.json, "operation.id"));
      },
      serviceKey: async () => {
        const made = await call("POST", "/v1/keys", {
          body: { name: mark, scopes: ["sessions:read"] },
        });
        return String(at(made.json, "key.id"));
      },
      lock: async () => {
        const lock = { kind: "subject", value: `${body.subject}-out`, message: "kept out" };
        const set = await call("POST", "/v1/locks", { body: lock });
        return String(at(set.json, "lock.id"));
      },
    };
  };
  return { key, basic, name, actor, holding };
}

/** An access token of a session that has ended, and is known to have. */
async function endAccess(
  call: (method: string, path: string, sent?: Sent) => Promise<Answer>,
  body: Json,
  issue: (what: string, id: string) => Promise<Json>,
): Promise<string> {
  const brief = (await call("POST", "/v1/sessions", { body })).json["session"] as Json;
  const id = String(brief["id"]);
  const token = String((await issue("access-token", id))["token"]);
  await call("DELETE", `/v1/sessions/${id}`);
  const asked = { audience: AUDIENCE, method: "GET", url: `${AUDIENCE}/x` };
  const ask = { body: { ...asked, authorization: `Bearer ${token}` } };
  await vi.waitFor(
    async () => {
      const { json } = await call("POST", "/v1/access-tokens/verify", ask);
      expect(json["why"]).toBe("session");
    },
    { timeout: 10_000, interval: 20 },
  );
  return token;
}

interface Wish {
  readonly of: Case;
  readonly filled: readonly Slot[];
  readonly headers?: (theirs: Holding, from: From) => Readonly<Record<string, string>>;
  readonly extra?: Readonly<Record<string, string>>;
}

type From = "theirs" | "nobodys";

/** Ask once, with a holding of one's own and, in the slots, what is theirs or nobody's. */
async function ask(wish: Wish, from: From, theirs: Holding): Promise<Asked> {
  const { of, filled } = wish;
  const { recipe } = of;
  const mine = await own.holding();
  const given: string[] = [mine.subject, mine.id, mine.device];
  const values = new Map<string, unknown>();
  for (const { where, name, crossed } of filled) {
    const value = await (from === "theirs" ? crossed.theirs(theirs) : crossed.nobodys(mine));
    values.set(`${where} ${name}`, value);
    given.push(...textsOf(value));
  }
  const inPath = (name: string): string => {
    if (values.has(`path ${name}`)) return String(values.get(`path ${name}`));
    return name === "subject" ? mine.subject : mine.id;
  };
  const members = (where: Slot["where"]): Json =>
    Object.fromEntries(
      filled
        .filter((slot) => slot.where === where)
        .map(({ name }) => [name, values.get(`${where} ${name}`)]),
    );
  const query = { ...recipe.query, ...(members("query") as Record<string, string>), ...wish.extra };
  const tail = new URLSearchParams(query).toString();
  const path = of.path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
    encodeURIComponent(inPath(name)),
  );
  const headers = { ...wish.headers?.(theirs, from), ...credential(recipe, mine) };
  const sent = await payload(of, mine, members);
  const url = `${path}${tail === "" ? "" : `?${tail}`}`;
  const answer = await s.bare(of.method, url, {
    ...sent,
    headers: { ...sent.headers, ...headers },
  });
  return { answer, given };
}

async function payload(
  { method, recipe }: Case,
  mine: Holding,
  members: (where: Slot["where"]) => Json,
): Promise<Sent> {
  if (recipe.form !== undefined) {
    const form = { ...(await recipe.form(mine)), ...members("form") };
    const raw = new URLSearchParams(form as Record<string, string>).toString();
    return { raw, headers: { "content-type": "application/x-www-form-urlencoded" } };
  }
  const body = { ...recipe.body?.(mine), ...members("body") };
  // One token or several.
  if ("tokens" in body) delete body["token"];
  return method === "GET" || Object.keys(body).length === 0 ? {} : { body };
}

function credential({ as }: Recipe, mine: Holding): Readonly<Record<string, string>> {
  switch (as) {
    case "nobody":
      return {};
    case "key":
      return { authorization: `Bearer ${own.key}` };
    case "client":
      return { authorization: own.basic };
    case "cookie":
      return { cookie: `session=${mine.token}`, "sec-fetch-site": "same-origin" };
  }
}

/** Not a byte of theirs but what they were asked with. */
function expectNothingOf(theirs: Holding, { answer, given }: Asked, name: string): void {
  const told = JSON.stringify([answer.headers, answer.text]);
  const { id, token, subject, device, idempotencyKey } = theirs;
  const mark = subject.replace(/-subject$/, "");
  const facts = [id, token, subject, device, idempotencyKey, `${mark}-data`, `${mark}-label`];
  for (const fact of facts) {
    if (!given.includes(fact)) expect(told.includes(fact), `${name} tells ${fact}`).toBe(false);
  }
  if (!given.includes(OTHERS)) expect(told, name).not.toContain(OTHERS);
}

async function expectLikeNobodys(wish: Wish): Promise<void> {
  const theirs = await other.holding();
  const crossed = await ask(wish, "theirs", theirs);
  const control = await ask(wish, "nobodys", theirs);
  const name = `${wish.of.name} with ${wish.filled.map((slot) => slot.name).join(", ")}`;
  expect(crossed.answer.status, `${name}: ${crossed.answer.text}`).toBeLessThan(500);
  expectNothingOf(theirs, crossed, name);
  expect(shapeOf(crossed), name).toEqual(shapeOf(control));
}

function newKey(): string {
  return `once-${Math.random().toString(36).slice(2)}`;
}

/** Nobody can belong to another tenant by saying so. */
const SPOOFED = [
  "x-tenant",
  "x-tenant-id",
  "x-sojourn-tenant",
  "x-session-tenant",
  "tenant",
  "x-forwarded-tenant",
];

function spoofedBy(tenant: string): Readonly<Record<string, string>> {
  return Object.fromEntries(SPOOFED.map((name) => [name, tenant]));
}

describe("across tenants", () => {
  it("every operation, and every member of it, has been thought of [TN-01]", () => {
    expect(unknown.join("\n")).toBe("");
    expect(cases.flatMap(({ slots }) => slots).length).toBeGreaterThan(30);
  });

  it("each id, token and cursor of another is like nobody's, at every operation [TN-01]", async () => {
    for (const of of cases) {
      if (of.recipe.endless === true) continue;
      for (const slot of of.slots) await expectLikeNobodys({ of, filled: [slot] });
    }
  });

  it("several at once, with their ETag and their Idempotency-Key, are, too [TN-01]", async () => {
    const asked = cases.filter(({ recipe, slots }) => recipe.endless !== true && slots.length > 0);
    const wish = fc.constantFrom(...asked).chain((of) =>
      fc.record({
        of: fc.constant(of),
        filled: fc.subarray([...of.slots], { minLength: 1 }),
        match: fc.boolean(),
        once: fc.boolean(),
        spoof: fc.boolean(),
      }),
    );
    const run = fc.asyncProperty(wish, async ({ of, filled, match, once, spoof }) => {
      await expectLikeNobodys({
        of,
        filled,
        headers: (theirs, from) => ({
          ...(match ? { "if-match": theirs.etag } : {}),
          ...(once
            ? { "idempotency-key": from === "theirs" ? theirs.idempotencyKey : newKey() }
            : {}),
          ...(spoof ? spoofedBy(OTHERS) : {}),
        }),
      });
    });
    await fc.assert(run, { numRuns: 80 });
  });

  it("a session token of another tenant is like a forged one, wherever it is sent [TN-01]", async () => {
    const asked = cases.filter(({ recipe }) => recipe.as === "cookie");
    expect(asked.length).toBeGreaterThan(8);
    for (const { name, method, path } of asked) {
      const theirs = await other.holding();
      const mine = await own.holding();
      const url = path.replace("{id}", mine.id);
      for (const carry of [
        (token: string) => ({ cookie: `session=${token}`, "sec-fetch-site": "same-origin" }),
        (token: string) => ({ authorization: `Bearer ${token}` }),
      ]) {
        const given = [mine.id];
        const crossed = await s.bare(method, url, { headers: carry(theirs.token) });
        const control = await s.bare(method, url, { headers: carry(forged(mine.token)) });
        expectNothingOf(theirs, { answer: crossed, given }, name);
        expect(shapeOf({ answer: crossed, given }), name).toEqual(
          shapeOf({ answer: control, given }),
        );
        expect(crossed.status, name).toBeGreaterThanOrEqual(400);
      }
    }
  });

  it("a header or a parameter that names another tenant changes nothing [TN-02]", async () => {
    for (const of of cases) {
      if (of.recipe.endless === true || of.recipe.as === "nobody") continue;
      const theirs = await other.holding();
      const plain = await ask({ of, filled: [] }, "nobodys", theirs);
      const headers = (): Readonly<Record<string, string>> => spoofedBy(OTHERS);
      const spoofed = await ask({ of, filled: [], headers }, "theirs", theirs);
      expectNothingOf(theirs, spoofed, of.name);
      expect(shapeOf(spoofed), of.name).toEqual(shapeOf(plain));
      const named = await ask({ of, filled: [], extra: { tenant: OTHERS } }, "theirs", theirs);
      const other2 = await ask({ of, filled: [], extra: { tenant: "nobody" } }, "nobodys", theirs);
      expectNothingOf(theirs, named, of.name);
      expect(shapeOf(named), of.name).toEqual(shapeOf(other2));
    }
  });

  it("nothing of the other tenant was changed by all of it [TN-01]", async () => {
    expect(watched.size).toBeGreaterThan(100);
    for (const [id, etag] of watched) {
      const headers = { authorization: `Bearer ${other.key}` };
      const seen = await s.bare("GET", `/v1/sessions/${id}`, { headers });
      expect([at(seen.json, "session.state"), seen.headers["etag"]]).toEqual(["active", etag]);
    }
  });
});
