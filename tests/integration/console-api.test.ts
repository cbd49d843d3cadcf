import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { at, startConsole } from "./console-harness.ts";
import type { Answer, ConsoleService, Json, Visitor } from "./console-harness.ts";
import { CONSOLE_ROLES } from "../../packages/sojourn-server/src/control/console-users.ts";
import type { ConsoleRole } from "../../packages/sojourn-server/src/control/console-users.ts";
import { scopesOf } from "../../packages/sojourn-server/src/console/roles.ts";

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly scope: string;
  readonly stepUp: boolean;
  readonly fourEyes: boolean;
  readonly allowed: boolean;
}

let s: ConsoleService;
let people: Record<ConsoleRole, Visitor>;
let operations: readonly Operation[];

beforeAll(async () => {
  s = await startConsole();
  const [admin, operator, auditor] = await Promise.all(
    CONSOLE_ROLES.map((role) => s.arrive(`a-${role}`, role)),
  );
  people = { admin: admin as Visitor, operator: operator as Visitor, auditor: auditor as Visitor };
  operations = (await people.admin.api("GET", "/routes")).json["items"] as Operation[];
});

afterAll(async () => {
  await s.service.stop();
});

/** What these ask of a person depends on what is sent: it has to be readable. */
const JUDGED_BY_BODY: Readonly<Record<string, Json>> = {
  "/v1/bulk": { action: "revoke", filter: { subject: "nobody" }, dryRun: false, token: "x" },
};

/** Ids that nobody has; bodies that are no good: whoever may gets a 4xx of the operation itself. */
function ask(who: Visitor, { method, path }: Operation): Promise<Answer> {
  const address = path.replaceAll(/:[a-z]+/gi, "ses_AAAAAAAAAAAAAAAAAAAAAAAA");
  const body = JUDGED_BY_BODY[path] ?? { nonsense: true };
  return who.api(method, address, method === "GET" ? {} : { body });
}

describe("the console's API", () => {
  it("has every operation of back ends but those that make, take or judge tokens", async () => {
    const document = (await s.bare("GET", "/openapi.json")).json;
    const paths = Object.entries(document["paths"] as Record<string, Record<string, Json>>);
    const backend = paths.flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, operation]) => (operation["tags"] as string[]).includes("Backend"))
        .map(([method]) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`),
    );
    const told = new Set(operations.map(({ method, path }) => `${method} ${path}`));
    expect(backend.filter((one) => !told.has(one)).toSorted()).toEqual([
      "GET /v1/revocations",
      "PATCH /v1/sessions/:id",
      "POST /v1/access-tokens/verify",
      "POST /v1/device-bindings/refresh",
      "POST /v1/device-bindings/register",
      "POST /v1/device-bindings/webcrypto",
      "POST /v1/sessions",
      "POST /v1/sessions/:id/access-token",
      "POST /v1/sessions/:id/refresh-token",
      "POST /v1/sessions/:id/rotate",
      "POST /v1/sessions/:id/step-up",
      "POST /v1/sessions/:id/unlock",
      "POST /v1/sessions/verify",
    ]);
    expect([...told].filter((one) => !backend.includes(one))).toEqual(["GET /v1/events"]);
    expect(paths.filter(([path]) => path.startsWith("/console"))).toEqual([]);
  });

  it("[LG-07] lets each role do what its scopes say, and no more, on every operation", async () => {
    const wanted = operations.filter(({ path }) => path !== "/v1/events");
    expect(wanted.length).toBeGreaterThan(20);
    for (const role of CONSOLE_ROLES) {
      const scopes: readonly string[] = scopesOf({ role, tenants: ["*"] });
      for (const operation of wanted) {
        const answer = await ask(people[role], operation);
        const may = scopes.includes(operation.scope);
        const seen = [role, operation.method, operation.path, answer.status];
        if (!may) {
          expect([...seen, answer.json["code"], answer.json["scope"]]).toEqual([
            ...seen.slice(0, 3),
            403,
            "forbidden",
            operation.scope,
          ]);
        } else if (operation.stepUp) {
          expect([...seen, answer.json["code"]]).toEqual([
            ...seen.slice(0, 3),
            403,
            "step_up_required",
          ]);
        } else {
          expect([...seen, [401, 403].includes(answer.status), answer.status < 500]).toEqual([
            ...seen,
            false,
            true,
          ]);
        }
      }
    }
  });

  it("[LG-07] gives an auditor every reading, the search of the trail too, and no writing", async () => {
    const scopes = scopesOf({ role: "auditor", tenants: ["*"] });
    expect(scopes.filter((scope) => !scope.endsWith(":read"))).toEqual([]);
    const { id } = await s.open("audited");
    const trail = await people.auditor.api("GET", "/v1/audit?subject=audited");
    expect(trail.status).toBe(200);
    for (const action of ["revoke", "lock", "extend"]) {
      const answer = await people.auditor.api("POST", `/v1/sessions/${id}/${action}`);
      expect([answer.status, answer.json["scope"]]).toEqual([403, "sessions:write"]);
    }
    const reply = await s.api("GET", `/v1/sessions/${id}`);
    expect(at(reply.json, "session.state")).toBe("active");
  });

  it("has nothing that makes, takes or changes a token, for an administrator either", async () => {
    const { id } = await s.open("kept");
    const sent = { body: { amr: ["pwd"], data: { a: 1 } } };
    const asked = [
      await people.admin.api("PATCH", `/v1/sessions/${id}`, { body: { data: { a: 1 } } }),
      await people.admin.api("POST", `/v1/sessions/${id}/rotate`),
      await people.admin.api("POST", `/v1/sessions/${id}/step-up`, sent),
      await people.admin.api("POST", `/v1/sessions/${id}/unlock`, sent),
      await people.admin.api("POST", "/v1/sessions", { body: { subject: "x" } }),
      await people.admin.api("POST", "/v1/sessions/verify", { body: { token: "x" } }),
    ];
    expect(asked.map(({ status }) => status)).toEqual([404, 404, 404, 404, 405, 405]);
  });

  it("answers nobody who has not signed in, on any operation", async () => {
    for (const { method, path } of operations) {
      const address = `/console/api${path.replaceAll(/:[a-z]+/gi, "x")}`;
      const answer = await s.bare(method, address, {
        headers: { "sec-fetch-site": "same-origin" },
      });
      expect([method, path, answer.status]).toEqual([method, path, 401]);
    }
  });

  it("takes no service key, and the service takes no cookie of the console's", async () => {
    expect((await s.api("GET", "/console/api/v1/sessions")).status).toBe(401);
    const { cookie } = people.admin;
    const answer = await s.bare("GET", "/v1/sessions", { headers: { cookie } });
    expect(answer.status).toBe(401);
  });

  it("[TN-05] shows no token, no hash of one, and no value of session data", async () => {
    const { id, token } = await s.open("secretive", { data: { note: "canary-5e1f" } });
    await s.api("POST", `/v1/sessions/${id}/rotate`);
    const paths = [
      "/v1/sessions?limit=200",
      `/v1/sessions/${id}`,
      `/v1/sessions/${id}/explain`,
      `/v1/sessions/${id}/timeline`,
      "/v1/subjects/secretive",
      "/v1/subjects/secretive/sessions",
      "/v1/audit?subject=secretive",
      "/v1/keys",
      "/v1/signing-keys",
    ];
    for (const path of paths) {
      const { status, text } = await people.admin.api("GET", path);
      expect([path, status]).toEqual([path, 200]);
      expect(text).not.toMatch(/canary|sj1|verifier|"sealed":"/);
      expect(text).not.toContain(token.slice(40));
    }
    const locked = await people.admin.api("POST", `/v1/sessions/${id}/lock`);
    expect(locked.text).not.toMatch(/canary|sj1/);
  });

  it("names the person in events and in the trail, whatever the request says", async () => {
    const { id } = await s.open("victim");
    const body = { actor: "somebody-else", cause: "lost laptop" };
    const done = await people.operator.api("POST", `/v1/sessions/${id}/revoke`, { body });
    expect(done.json["reason"]).toBe("revoked");
    await expect
      .poll(async () => (await s.api("GET", `/v1/audit?session=${id}&name=session-ended`)).text)
      .toContain('"actor":"console:a-operator"');
    const described = await s.api("GET", `/v1/sessions/${id}`);
    expect(at(described.json, "session.end.actor")).toBe("console:a-operator");
  });
});

describe("a tenant", () => {
  it("is seen by whom it was given to, and answers others like one that is not there", async () => {
    const acme = await s.arrive("acme-only", "operator", ["acme"]);
    const key = await s.key("acme");
    const opened = await s.bare("POST", "/v1/sessions", {
      headers: { authorization: `Bearer ${key}` },
      body: { subject: "alice", amr: ["pwd"] },
    });
    const id = String(at(opened.json, "session.id"));
    const { id: foreign } = await s.open("alice");
    const own = await acme.api("GET", "/v1/sessions");
    expect([own.text.includes(id), own.text.includes(foreign)]).toEqual([true, false]);
    expect((await acme.api("GET", `/v1/sessions/${foreign}`)).status).toBe(404);
    expect((await acme.api("GET", `/v1/sessions/${foreign}/explain`)).status).toBe(404);
    for (const tenant of ["default", "nowhere", "sojourn-console", "", "../x"]) {
      const answer = await acme.api("GET", "/v1/sessions", {
        headers: { "x-sojourn-tenant": tenant },
      });
      expect([tenant, answer.status]).toEqual([tenant, 404]);
    }
    const other = await people.admin.api("GET", "/v1/sessions");
    expect(other.text.includes(id)).toBe(false);
  });

  it("of the console itself is an administrator's to look into", async () => {
    const headers = { "x-sojourn-tenant": "sojourn-console" };
    const seen = await people.admin.api("GET", "/v1/sessions", { headers });
    expect((seen.json["items"] as unknown[]).length).toBeGreaterThan(2);
    expect((await people.operator.api("GET", "/v1/sessions", { headers })).status).toBe(404);
  });
});
