/** The server-to-server client of TypeScript against the running service, and on rough ways. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBackend, SojournError } from "../../packages/sojourn-client/src/backend/index.ts";
import type { Backend } from "../../packages/sojourn-client/src/backend/index.ts";
import { roughWay } from "../support/rough-way.ts";
import type { RoughWay } from "../support/rough-way.ts";
import { startTestService } from "./service-harness.ts";
import type { TestService } from "./service-harness.ts";

const NOBODYS = "ses_AAAAAAAAAAAAAAAAAAAAAAAA";

let s: TestService;
let way: RoughWay;
let key: string;
/** On the rough way. */
let backend: Backend;

beforeAll(async () => {
  s = await startTestService({ env: { SOJOURN_RATE_LIMIT: "0" } });
  way = await roughWay(s.service.url);
  key = await s.key("default");
  backend = createBackend({ url: way.url, key });
});

afterAll(async () => {
  await way.stop();
  await s.service.stop();
});

async function refusal(call: Promise<unknown>): Promise<SojournError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof SojournError) return error;
  throw new Error("it was not refused", { cause: error });
}

let people = 0;

function somebody(): string {
  people += 1;
  return `person ${people} / ✓`;
}

describe("the client for back ends", () => {
  it("opens, verifies, and ends a session", async () => {
    const { session, token } = await backend.openSession({ subject: "alice", amr: ["pwd"] });
    const verdict = await backend.verify({ token, activity: true });
    expect([verdict.state, verdict.session?.id]).toEqual(["active", session.id]);
    const ended = await backend.revokeSession(session.id, { cause: "lost_laptop" });
    expect(ended.reason).toBe("revoked");
    expect(await backend.verify({ token })).toMatchObject({ state: "ended", reason: "revoked" });
  });

  it("verifies any number of tokens, in their order", async () => {
    const { token } = await backend.openSession({ subject: somebody() });
    const tokens = [token, ...Array.from({ length: 600 }, () => "sj1s_none"), token];
    const verdicts = await backend.verifyAll(tokens, { fields: ["id"] });
    expect(verdicts).toHaveLength(602);
    const states = [verdicts[0], verdicts[300], verdicts[601]].map((one) => one?.state);
    expect(states).toEqual(["active", "unknown", "active"]);
  });

  it("lists page by page, whatever the subject is called", async () => {
    const subject = somebody();
    const opened = [];
    for (let index = 0; index < 5; index += 1) {
      opened.push((await backend.openSession({ subject })).session.id);
    }
    const found: string[] = [];
    const pages = backend.each((page) => backend.listSessions({ subject, limit: 2, ...page }));
    for await (const session of pages) found.push(session.id);
    expect(found.toSorted()).toEqual(opened.toSorted());
    expect((await backend.getSubject(subject)).sessions).toBe(5);
    expect((await backend.revokeSubject(subject)).ended).toBe(5);
  });

  it("changes the version that was read, and begins again when somebody was faster", async () => {
    const { session } = await backend.openSession({ subject: "alice", data: { n: 0 } });
    await backend.changeSession(session.id, { data: { n: 1 } }, { ifMatch: session });
    const late = backend.changeSession(session.id, { data: { n: 2 } }, { ifMatch: session });
    const { code, status } = await refusal(late);
    expect([code, status]).toEqual(["version_conflict", 412]);
    const add = (): Promise<unknown> =>
      backend.changeSessionWith(session.id, ({ data }) => ({
        data: { n: Number(data?.["n"]) + 1 },
      }));
    await Promise.all([add(), add(), add()]);
    expect((await backend.getSession(session.id)).session.data).toEqual({ n: 4 });
  });

  it("exports the audit trail as text", async () => {
    await backend.openSession({ subject: "told" });
    await expect
      .poll(() => backend.exportAudit({ subject: "told" }), { timeout: 10_000 })
      .toContain('"name":"session-established"');
  });
});

describe("trouble", () => {
  it("is an error with code, status and request id", async () => {
    const error = await refusal(backend.getSession(NOBODYS, { requestId: "looked-for" }));
    const { code, status, retryable, requestId } = error;
    expect([code, status, retryable, requestId]).toEqual(["not_found", 404, false, "looked-for"]);
    const wrong = await refusal(backend.openSession({ subject: "" }));
    expect(wrong.problem.errors).toEqual([{ path: "subject", message: expect.any(String) }]);
    const other = createBackend({ url: way.url, key: `${key.slice(0, -2)}AA` });
    expect((await refusal(other.listSessions())).code).toBe("unauthenticated");
  });

  it("after the session was opened opens no second one", async () => {
    const subject = somebody();
    const before = way.requests();
    way.ahead.push("answer-lost", "refused");
    const { session } = await backend.openSession({ subject });
    expect(way.requests() - before).toBe(3);
    const { items } = await backend.listSessions({ subject });
    expect(items.map(({ id }) => id)).toEqual([session.id]);
  });

  it("does not repeat what may be done twice, and says so", async () => {
    const { session } = await backend.openSession({ subject: somebody() });
    const before = way.requests();
    way.ahead.push("answer-lost");
    const error = await refusal(backend.rotateSession(session.id));
    const { code, status, retryable } = error;
    expect([code, status, retryable]).toEqual(["unreachable", 0, true]);
    expect(way.requests() - before).toBe(1);
  });

  it("is waited for as long as Retry-After says, where nothing was done", async () => {
    const { token } = await backend.openSession({ subject: somebody() });
    way.ahead.push("drained");
    const begun = performance.now();
    expect((await backend.verify({ token })).state).toBe("active");
    expect(performance.now() - begun).toBeGreaterThanOrEqual(990);
  });

  it("of too many requests is waited for, too, even where nothing is repeated", async () => {
    const strict = await startTestService({ env: { SOJOURN_RATE_LIMIT: "1" } });
    try {
      const own = await strict.key("default");
      const { session } = await createBackend({
        url: strict.service.url,
        key: await strict.key("default"),
      }).openSession({ subject: "alice" });
      const hasty = createBackend({ url: strict.service.url, key: own, retries: 5 });
      const turns = Array.from({ length: 3 }, () => hasty.rotateSession(session.id));
      const results = await Promise.allSettled(turns);
      const refused = results.filter(({ status }) => status === "rejected");
      expect(refused).toEqual([]);
    } finally {
      await strict.service.stop();
    }
  });

  it("without end is given up in time, and by whoever waits", async () => {
    way.ahead.push("drained");
    const impatient = createBackend({ url: way.url, key, retries: 0 });
    const error = await refusal(impatient.getSubject("alice"));
    expect([error.status, error.code, error.retryAfterMs]).toEqual([503, "unreadable", 1_000]);
    way.ahead.push("silent");
    const none = await refusal(backend.getSubject("alice", { timeoutMs: 200 }));
    expect([none.status, none.code]).toEqual([0, "timeout"]);
    const late = createBackend({ url: "http://127.0.0.1:9", key, timeoutMs: 2_000 });
    expect((await refusal(late.getSubject("alice"))).code).toBe("unreachable");
    const stop = AbortSignal.abort(new Error("not any more"));
    await expect(backend.getSubject("alice", { signal: stop })).rejects.toThrow("not any more");
  });

  it("of the wrong settings is told at once", () => {
    expect(() => createBackend({ url: "sojourn", key })).toThrow("url");
    expect(() => createBackend({ url: way.url, key: "secret" })).toThrow("key");
  });
});
