import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as schemas from "../../packages/sojourn-server/src/api/schemas.ts";
import { cookie, startTestService } from "./service-harness.ts";
import type { Answer, Json, TestService } from "./service-harness.ts";

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly { name: string; in: string; schema: Json }[];
  readonly requestBody?: { content: Record<string, { schema: Json }> };
  readonly responses: Record<string, { description: string; content?: Json }>;
}

interface Shape {
  safeParse(value: unknown): {
    readonly error?: { readonly issues: readonly unknown[] } | undefined;
  };
}

interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Json> };
}

let s: TestService;
let document: Document;

beforeAll(async () => {
  s = await startTestService({ env: { SOJOURN_RATE_LIMIT: "0" } });
  document = (await s.bare("GET", "/openapi.json")).json as unknown as Document;
});

afterAll(async () => {
  await s.service.stop();
});

function operations(): [string, string, Operation][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, Operation] => [
      method.toUpperCase(),
      path,
      operation,
    ]),
  );
}

/** What the design promises of this release, by method and path. */
const PROMISED = [
  "GET /",
  "GET /openapi.json",
  "GET /healthz",
  "GET /readyz",
  "GET /.well-known/device-bound-sessions",
  "GET /.well-known/jwks.json",
  "GET /.well-known/oauth-authorization-server",
  "POST /oauth/introspect",
  "POST /oauth/revoke",
  "POST /oauth/token",
  "POST /v1/sessions",
  "POST /v1/sessions/{id}/refresh-token",
  "POST /v1/sessions/verify",
  "GET /v1/sessions",
  "GET /v1/sessions/{id}",
  "PATCH /v1/sessions/{id}",
  "DELETE /v1/sessions/{id}",
  "POST /v1/sessions/{id}/revoke",
  "POST /v1/sessions/{id}/extend",
  "POST /v1/sessions/{id}/rotate",
  "POST /v1/sessions/{id}/lock",
  "POST /v1/sessions/{id}/unlock",
  "POST /v1/sessions/{id}/step-up",
  "POST /v1/sessions/{id}/access-token",
  "POST /v1/access-tokens/verify",
  "POST /v1/device-bindings/register",
  "POST /v1/device-bindings/refresh",
  "POST /v1/device-bindings/webcrypto",
  "GET /v1/sessions/{id}/explain",
  "GET /v1/sessions/{id}/timeline",
  "GET /v1/overview",
  "GET /v1/health/nodes",
  "GET /v1/keys",
  "POST /v1/keys",
  "POST /v1/keys/{id}/rotate",
  "POST /v1/keys/{id}/revoke",
  "GET /v1/signing-keys",
  "GET /v1/policy",
  "POST /v1/policy/simulate",
  "GET /v1/audit",
  "POST /v1/bulk",
  "GET /v1/operations",
  "GET /v1/operations/{id}",
  "POST /v1/operations/{id}/cancel",
  "GET /v1/audit/export",
  "GET /v1/cookies",
  "GET /v1/subjects/{subject}/export",
  "POST /v1/subjects/{subject}/erase",
  "POST /v1/locks",
  "GET /v1/locks",
  "GET /v1/locks/{id}",
  "DELETE /v1/locks/{id}",
  "GET /v1/analytics",
  "GET /v1/webhooks",
  "POST /v1/webhooks",
  "GET /v1/webhooks/{id}",
  "PATCH /v1/webhooks/{id}",
  "DELETE /v1/webhooks/{id}",
  "GET /v1/webhooks/{id}/deliveries",
  "POST /v1/webhooks/{id}/test",
  "POST /v1/webhooks/{id}/rotate-secret",
  "POST /v1/webhooks/{id}/replay",
  "GET /v1/revocations",
  "GET /v1/tenants",
  "POST /v1/tenants",
  "GET /v1/tenants/{tenant}",
  "PATCH /v1/tenants/{tenant}",
  "POST /v1/tenants/{tenant}/suspend",
  "POST /v1/tenants/{tenant}/resume",
  "POST /v1/tenants/{tenant}/erase",
  "GET /v1/subjects/{subject}",
  "GET /v1/subjects/{subject}/sessions",
  "POST /v1/subjects/{subject}/revoke",
  "GET /v1/forward-auth",
  "GET /v1/session",
  "DELETE /v1/session",
  "POST /v1/session/touch",
  "POST /v1/session/extend",
  "POST /v1/session/refresh",
  "GET /v1/session/list",
  "DELETE /v1/session/list/{id}",
  "GET /v1/session/data",
  "PATCH /v1/session/data",
  "GET /v1/session/stream",
];

describe("the OpenAPI document", () => {
  it("is version 3.1 and has exactly the routes that are served", () => {
    expect(document.openapi).toBe("3.1.0");
    const told = operations().map(([method, path]) => `${method} ${path}`);
    expect(told.toSorted()).toEqual(PROMISED.toSorted());
  });

  it("gives every operation a name of its own, words, and its answers as problems too", () => {
    const names = operations().map(([, , { operationId }]) => operationId);
    expect(new Set(names).size).toBe(names.length);
    for (const [method, path, { operationId, summary, tags, responses }] of operations()) {
      expect([method, path, operationId !== undefined, (summary ?? "") !== ""]).toEqual([
        method,
        path,
        true,
        true,
      ]);
      expect(tags).toHaveLength(1);
      // Errors of OAuth have a form of their own, which its clients know.
      const form = path.startsWith("/oauth/") ? "application/json" : "application/problem+json";
      expect(Object.keys(responses["default"]?.content ?? {})).toEqual([form]);
    }
  });

  it("refers only to schemas it has, and declares every part of a path", () => {
    const text = JSON.stringify(document);
    const refs = [...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name);
    expect(refs.length).toBeGreaterThan(10);
    expect(refs.filter((name) => !(String(name) in document.components.schemas))).toEqual([]);
    for (const [, path, { parameters = [] }] of operations()) {
      const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = parameters.filter((one) => one.in === "path").map(({ name }) => name);
      expect([path, declared]).toEqual([path, wanted]);
    }
  });

  it("says that unknown fields are refused", () => {
    const schemas = Object.entries(document.components.schemas);
    const closed = schemas.filter(([name]) => /^(NewSession|Verify|Device)(Input)?$/.test(name));
    expect(closed.length).toBeGreaterThan(0);
    for (const [name, schema] of closed) {
      expect([name, schema["additionalProperties"]]).toEqual([name, false]);
    }
  });
});

describe("replies", () => {
  it("are exactly what the schemas of the document say", async () => {
    const made = await s.api("POST", "/v1/sessions", {
      body: {
        subject: "shape",
        amr: ["pwd", "otp"],
        acr: "aal2",
        roles: ["user"],
        clientId: "web",
        remember: true,
        device: { id: "d1", label: "Laptop", address: "192.0.2.0" },
        data: { a: 1 },
        client: { userAgent: "test" },
      },
    });
    const { token, session } = made.json as { token: string; session: { id: string } };
    const path = `/v1/sessions/${session.id}`;
    const own = cookie(token);
    const acting = { subject: "shape", actor: "helpdesk", cause: "ticket" };
    const replies: readonly (readonly [Shape, Answer])[] = [
      [schemas.createReply, made],
      [schemas.createReply, await s.api("POST", "/v1/sessions", { body: acting })],
      [schemas.sessionReply, await s.api("GET", path)],
      [schemas.tokenReply, await s.api("PATCH", path, { body: { data: { b: 2 } } })],
      [schemas.verifyReply, await s.api("POST", "/v1/sessions/verify", { body: { token } })],
      [schemas.sessionPage, await s.api("GET", "/v1/sessions?limit=1&count=exact")],
      [schemas.sessionPage, await s.api("GET", "/v1/subjects/shape/sessions")],
      [schemas.subjectReply, await s.api("GET", "/v1/subjects/shape")],
      [schemas.ownReply, await s.bare("GET", "/v1/session", own)],
      [schemas.ownPage, await s.bare("GET", "/v1/session/list", own)],
      [schemas.dataReply, await s.bare("GET", "/v1/session/data", own)],
      [schemas.tokenReply, await s.api("POST", `${path}/lock`)],
      [schemas.tokenReply, await s.api("POST", `${path}/unlock`, { body: { amr: ["pwd"] } })],
      [schemas.revokeReply, await s.api("POST", `${path}/revoke`, { body: { cause: "x" } })],
      [schemas.sessionReply, await s.api("GET", path)],
      [schemas.verifyReply, await s.api("POST", "/v1/sessions/verify", { body: { token } })],
      [schemas.subjectRevokeReply, await s.api("POST", "/v1/subjects/shape/revoke")],
      [schemas.problem, await s.api("GET", "/v1/sessions/none")],
    ];
    for (const [schema, { json, text }] of replies) {
      const { error } = schema.safeParse(json);
      expect(error?.issues ?? [], text).toEqual([]);
    }
  });
});
