/**
 * The conventions of the HTTP interface, held against every operation of the service's own OpenAPI
 * document: idempotency keys, versions, cursors, keys and tenants, limits. New operations are
 * covered by themselves. `SOJOURN_SEED` draws the same again.
 */
import { randomInt } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import type { Call } from "../support/openapi/calls.ts";
import { bodyOf, guardOf, nameOf, parametersOf } from "../support/openapi/document.ts";
import type { Route, Schema } from "../support/openapi/document.ts";
import { EVERYTHING, Explorer, parsed } from "../support/openapi/explorer.ts";
import type { Reached } from "../support/openapi/explorer.ts";
import type { Heard } from "../support/openapi/judge.ts";

const seed = Number(process.env["SOJOURN_SEED"] ?? randomInt(2 ** 31));
const DIFFERENT_TRIES = 200;

/** Names that each tenant has its own of; and what an administrator of all tenants does to them. */
const OF_ALL_TENANTS = /\{subject\}|^\/v1\/tenants\//;
/** Told whole: there are few, or as many as the request says. */
const WHOLE: ReadonlySet<string> = new Set([
  "listServiceKeys",
  "listSigningKeys",
  "listWebhooks",
  "getAnalytics",
  "simulatePolicy",
]);
/** For browsers alone, whose side of DBSC knows no problems. */
const OF_BROWSERS = /^\/dbsc\//;

type Json = Record<string, unknown>;

let explorer: Explorer;
let routes: readonly Route[];

beforeAll(async () => {
  explorer = await Explorer.start({ env: EVERYTHING, seed });
  routes = explorer.routes.filter(({ path }) => !OF_BROWSERS.test(path));
});

afterAll(async () => {
  await explorer.stop();
});

function jsonOf(answer: Heard): Json {
  return (parsed(answer.text) ?? {}) as Json;
}

function hasHeader(route: Route, name: string): boolean {
  return parametersOf(route, "header").some((one) => one.name === name);
}

function hasQuery(route: Route, ...names: readonly string[]): boolean {
  const known = parametersOf(route, "query").map(({ name }) => name);
  return names.every((name) => known.includes(name));
}

async function reached(route: Route, changed?: (call: Call) => Call): Promise<Reached> {
  const found = await explorer.reach(route, changed);
  if (found === undefined) throw new Error(`${nameOf(route)} came to no good answer`);
  return found;
}

/** Hold a rule against each of some operations, and tell of all that break it. */
async function each(
  some: readonly Route[],
  rule: (route: Route) => Promise<unknown>,
): Promise<void> {
  onTestFailed(() => console.log(`seed: ${seed} (SOJOURN_SEED)`));
  expect(some.length).toBeGreaterThan(0);
  const broken: string[] = [];
  for (const route of some) {
    await rule(route).catch((error: Error) => broken.push(`${nameOf(route)}: ${error.message}`));
  }
  expect(broken).toEqual([]);
}

const withHeader =
  (name: string, value: string) =>
  (call: Call): Call => ({ ...call, headers: { ...call.headers, [name]: value } });

const withoutMatch = (call: Call): Call => {
  const { "if-match": _match, "idempotency-key": _once, ...headers } = call.headers;
  return { ...call, headers };
};

/** A cursor is its tenant's: of another one it is refused, whatever the id. */
const withoutCursor = (call: Call): Call => {
  return { ...withoutMatch(call), query: call.query.filter(([name]) => name !== "cursor") };
};

describe("Idempotency-Key", () => {
  const taking = (): Route[] => routes.filter((one) => hasHeader(one, "Idempotency-Key"));

  it("is taken by every POST that creates", () => {
    const creating = routes.filter(
      ({ method, operation }) => method === "POST" && "201" in operation.responses,
    );
    expect(creating.length).toBeGreaterThan(0);
    expect(creating.filter((one) => !taking().includes(one)).map(nameOf)).toEqual([]);
  });

  it("gives a repeated request the same answer, and another body 422", () =>
    each(taking(), async (route) => {
      let keys = 0;
      const { call, answer } = await reached(route, (drawn) => {
        keys += 1;
        return withHeader("idempotency-key", `once-${seed}-${keys}`)(withoutMatch(drawn));
      });
      const again = await explorer.send(call);
      expect([again.status, again.text]).toEqual([answer.status, answer.text]);
      expect(again.headers["idempotency-replayed"]).toBe("true");
      expect(again.headers.etag).toBe(answer.headers.etag);
      if (bodyOf(route) === undefined) return;
      let refused = await explorer.send(another(route, call));
      // The document does not say all that a body may not be: such a one is refused as that.
      for (let tries = 0; refused.status === 400 && tries < DIFFERENT_TRIES; tries += 1) {
        refused = await explorer.send(another(route, call));
      }
      expect([refused.status, jsonOf(refused)["code"]]).toEqual([422, "idempotency_conflict"]);
    }));

  it("is of one address: of another resource it is another request", () =>
    each(
      taking().filter(({ path }) => path.includes("{")),
      async (route) => {
        const same = withHeader(
          "idempotency-key",
          `address-${seed}-${route.operation.operationId}`,
        );
        const keyed = (call: Call): Call => same(withoutMatch(call));
        const [one, other] = [await reached(route, keyed), await reached(route, keyed)];
        expect(other.call.address).not.toBe(one.call.address);
        expect(other.answer.headers["idempotency-replayed"]).toBeUndefined();
      },
    ));

  it("that is none is refused", () =>
    each(taking(), async (route) => {
      const { call } = await reached(route);
      for (const key of ["x".repeat(256), "a b", "é"]) {
        const answer = await explorer.send(withHeader("idempotency-key", key)(call));
        expect([key, answer.status]).toEqual([key, 400]);
      }
    }));

  /** The same call with another body that the document allows. */
  function another(route: Route, call: Call): Call {
    const sent = JSON.stringify(call.body);
    for (let tries = 0; tries < DIFFERENT_TRIES; tries += 1) {
      const { body } = explorer.draw(route);
      if (JSON.stringify(body) !== sent) return { ...call, body };
    }
    throw new Error("no other body was drawn");
  }
});

describe("If-Match", () => {
  it("is taken by every PATCH", () => {
    const changing = routes.filter(({ method }) => method === "PATCH");
    expect(changing.length).toBeGreaterThan(0);
    expect(changing.filter((one) => !hasHeader(one, "If-Match")).map(nameOf)).toEqual([]);
  });

  it("with a version that is not the present one changes nothing: 412", () =>
    each(
      // What was deleted has no version any more.
      routes.filter((one) => hasHeader(one, "If-Match") && one.method !== "DELETE"),
      async (route) => {
        const { call } = await reached(route);
        for (const tag of ['"0.0"', "0.0", 'W/"0.0"', '"0.0", "0.1"']) {
          const answer = await explorer.send(withHeader("if-match", tag)(call));
          expect([tag, answer.status]).toEqual([tag, 412]);
          expect(jsonOf(answer)["code"]).toBe("version_conflict");
        }
      },
    ));
});

describe("lists", () => {
  const lists = (): Route[] => listing("items").filter((one) => !isWhole(one));
  const isWhole = ({ operation }: Route): boolean => WHOLE.has(operation.operationId);

  function listing(name: string): Route[] {
    return routes.filter(({ operation }) => {
      const { schema = {} } = operation.responses["200"]?.content?.["application/json"] ?? {};
      return name in propertiesOf(schema);
    });
  }

  function propertiesOf(schema: Schema): Schema {
    const { $ref: ref } = schema;
    const name = typeof ref === "string" ? ref.slice(ref.lastIndexOf("/") + 1) : undefined;
    const own = name === undefined ? schema : explorer.document.components.schemas[name];
    return (own?.["properties"] ?? {}) as Schema;
  }

  const asking =
    (query: readonly (readonly [string, string])[]) =>
    (call: Call): Call => ({ ...call, query });

  async function page(call: Call, limit: string, cursor?: string): Promise<Heard> {
    const more = cursor === undefined ? [] : [["cursor", cursor] as const];
    return explorer.send({ ...call, query: [["limit", limit], ...more] });
  }

  beforeAll(async () => {
    for (const subject of ["alice", "bob", "carol"]) {
      for (let index = 0; index < 3; index += 1) await explorer.service.open(subject);
    }
  });

  it("are told in pages, with a limit and a cursor", () => {
    expect(lists().length).toBeGreaterThan(0);
    expect(
      lists()
        .filter((one) => !hasQuery(one, "limit", "cursor"))
        .map(nameOf),
    ).toEqual([]);
    const paged = listing("nextCursor");
    expect(listing("items").filter((one) => isWhole(one) === paged.includes(one))).toEqual([]);
  });

  it("refuse limits that are none: 0, 201, 10^9 and what is no number", () =>
    each(lists(), async (route) => {
      const { call } = await reached(route, asking([]));
      for (const limit of ["0", "201", "1000000000", "-1", "1.5", "x", "1e1000", ""]) {
        expect([limit, (await page(call, limit)).status]).toEqual([limit, 400]);
      }
    }));

  it("give every item once, page by page", () =>
    each(lists(), async (route) => {
      const { call } = await reached(route, asking([["limit", "200"]]));
      const itemsOf = (answer: Heard): string[] =>
        (jsonOf(answer)["items"] as Json[]).map((item) => String(item["id"] ?? item["name"]));
      const whole = itemsOf(await page(call, "20"));
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const answer = await page(call, "3", cursor);
        expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
        const items = itemsOf(answer);
        expect(items.length).toBeLessThanOrEqual(3);
        seen.push(...items);
        cursor = jsonOf(answer)["nextCursor"] as string | undefined;
      } while (cursor !== undefined && seen.length < 60);
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen).toEqual(expect.arrayContaining(whole));
    }));

  it("refuse cursors of other lists, of nowhere, and such as were changed", async () => {
    const first = asking([["limit", "1"]]);
    const cursors = new Map<Route, string>();
    await each(lists(), async (route) => {
      const { nextCursor } = jsonOf((await reached(route, first)).answer);
      if (typeof nextCursor === "string") cursors.set(route, nextCursor);
    });
    expect(cursors.size).toBeGreaterThan(0);
    await each(lists(), async (route) => {
      const { call } = await reached(route, first);
      const { nextCursor: own } = jsonOf(await page(call, "1"));
      for (const [other, cursor] of cursors) {
        if (other === route) continue;
        const { status } = await page(call, "1", cursor);
        expect([nameOf(other), status]).toEqual([nameOf(other), 400]);
      }
      for (const cursor of ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAAA", "__proto__", "💥"]) {
        expect([cursor, (await page(call, "1", cursor)).status]).toEqual([cursor, 400]);
      }
      if (typeof own !== "string") return;
      const bent = [`${own}x`, own.slice(0, -3), `${own.slice(0, 12)}AAAA`, own.slice(0, 11)];
      for (const cursor of bent) {
        const { status } = await page(call, "1", cursor);
        expect([cursor, [200, 400].includes(status), status]).toEqual([cursor, true, status]);
      }
    });
  });
});

describe("whoever asks", () => {
  const guarded = (): Route[] => routes.filter((one) => guardOf(one) !== "nobody");
  let strangers = 0;
  const backends = (): Route[] => routes.filter(({ operation }) => operation.tags[0] === "Backend");

  it("is asked for a credential first", () =>
    each(guarded(), async (route) => {
      for (const as of ["none", "garbage", "other-kind"] as const) {
        const answer = await explorer.send({ ...explorer.draw(route), as });
        const told = jsonOf(answer);
        // A gateway cannot pass on 423; the clients of OAuth have words of their own.
        const code = told["code"] ?? told["error"];
        expect([as, answer.status, code]).toEqual([
          as,
          401,
          expect.stringMatching(/^unauthenticated|invalid_client$/),
        ]);
        expect(answer.headers["www-authenticate"]).toMatch(/^(Bearer|Basic)/);
      }
    }));

  it("is told which scope its key lacks", () =>
    each(backends(), async (route) => {
      const answer = await explorer.send({ ...explorer.draw(route), as: "poor" });
      expect([answer.status, jsonOf(answer)["code"]]).toEqual([403, "forbidden"]);
      expect(jsonOf(answer)["scope"]).toMatch(/^[a-z-]+:[a-z-]+$/);
    }));

  it("finds no difference between ids of another tenant and such as never were", () =>
    each(
      backends().filter(({ path }) => path.includes("{") && !OF_ALL_TENANTS.test(path)),
      async (route) => {
        const { call } = await reached(route, withoutCursor);
        const id = call.address.slice(route.path.indexOf("{")).split("/")[0] ?? "";
        const text = decodeURIComponent(id);
        strangers += 1;
        const none = text.replace(/.{0,6}$/su, String(100_000 + strangers));
        const address = call.address.replace(id, encodeURIComponent(none));
        const [theirs, nobodys] = [
          await explorer.send({ ...call, as: "foreign" }),
          await explorer.send({ ...call, as: "foreign", address }),
        ];
        const plain = (answer: Heard): Json => {
          const { serverTime: _time, ...told } = jsonOf(answer);
          const isAsked = (value: unknown): boolean => value === text || value === none;
          const entries = Object.entries(told);
          return Object.fromEntries(entries.filter(([, value]) => !isAsked(value)));
        };
        expect([theirs.status, plain(theirs)]).toEqual([nobodys.status, plain(nobodys)]);
        expect([200, 404]).toContain(theirs.status);
      },
    ));

  it("is told nothing of subjects of another tenant, whose names may be the same", () =>
    each(
      backends().filter(({ path }) => path.includes("{subject}")),
      async (route) => {
        const { call } = await reached(route, withoutCursor);
        const { status, text } = await explorer.send({ ...call, as: "foreign" });
        expect([status, text]).toEqual([200, expect.not.stringMatching(/"ses_|"default"/)]);
      },
    ));

  it("is told its request's id, its own where that is fit to be repeated", async () => {
    const { bare } = explorer.service;
    const asked = async (id: string): Promise<unknown> =>
      (await bare("GET", "/healthz", { headers: { "x-request-id": id } })).headers["x-request-id"];
    expect(await asked("order-4711.a_b")).toBe("order-4711.a_b");
    for (const id of ["a b", "sj1s_secret", "x".repeat(65), "<script>"]) {
      expect(await asked(id)).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});

describe("the limit of requests", () => {
  it("holds for each operation that is guarded, and says when to come again", async () => {
    const env = { ...EVERYTHING, SOJOURN_RATE_LIMIT: "1" };
    const strict = await Explorer.start({ env, seed });
    try {
      await each(
        strict.routes.filter((one) => guardOf(one) !== "nobody" && !OF_BROWSERS.test(one.path)),
        async (route) => {
          const keys = { ...strict.keys, right: await strict.service.key("default") };
          const call = strict.draw(route);
          let answer = await strict.send(call, keys);
          for (let tries = 0; tries < 4 && !isLimit(answer); tries += 1) {
            answer = await strict.send(call, keys);
          }
          expect([answer.status, isLimit(answer)]).toEqual([answer.status, true]);
          expect(Number(answer.headers["retry-after"])).toBeGreaterThanOrEqual(1);
        },
      );
    } finally {
      await strict.stop();
    }
  });

  /** 503 where a browser or a gateway waits behind it. */
  function isLimit({ status, headers }: Heard): boolean {
    return [429, 503].includes(status) && headers["retry-after"] !== undefined;
  }
});
