/** Tenants of a service of two processes, administered by the command. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { bearer, folder, SECRET, send, serveProcess, sojourn } from "./service-harness.ts";
import type { Answer, Json, Ran, ServedProcess } from "./service-harness.ts";
import { postgres } from "./service-machines-harness.ts";
import type { Shared } from "./service-machines-harness.ts";

async function sqlite(): Promise<Shared> {
  const place = folder();
  const env = { SOJOURN_STORE: `sqlite:${place.path}/sessions.db` };
  return { env, stop: async () => place.remove() };
}

/** A slow machine gets its time; what is promised is a second, see `tenant-control.test.ts`. */
const PATIENT = { timeout: 30_000, interval: 50 };

describe.each([
  ["SQLite", sqlite],
  ["PostgreSQL", postgres],
])("two processes on %s", (_engine, start) => {
  let shared: Shared;
  let env: Readonly<Record<string, string>>;
  let processes: readonly ServedProcess[];
  let key: string;
  let token: string;

  beforeAll(async () => {
    shared = await start();
    env = { SOJOURN_SECRETS: SECRET, SOJOURN_RATE_LIMIT: "0", ...shared.env };
    await tenants("create", "acme", "--label", "Acme", "--tighten", '{"idleMs":"5m"}');
    const made = await command("keys", "create", "--name", "acme-key", "--tenant", "acme");
    key = String(made["key"]);
    processes = [await serveProcess(env), await serveProcess(env)];
    const opened = await at(0, "POST", "/v1/sessions", { subject: "alice", amr: ["pwd"] });
    ({ token } = opened.json as { token: string });
  }, 120_000);

  afterAll(async () => {
    for (const one of processes ?? []) await one.stop();
    await shared?.stop();
  });

  function run(...args: readonly string[]): Promise<Ran> {
    return sojourn([...args, "--json"], env);
  }

  async function command(...args: readonly string[]): Promise<Json> {
    const { code, out, err } = await run(...args);
    expect([code, err]).toEqual([0, ""]);
    return JSON.parse(out) as Json;
  }

  function tenants(...args: readonly string[]): Promise<Json> {
    return command("tenants", ...args);
  }

  function at(index: number, method: string, path: string, body?: Json): Promise<Answer> {
    const url = `${processes[index]?.url ?? ""}${path}`;
    return send(url, method, { ...bearer(key), ...(body === undefined ? {} : { body }) });
  }

  async function verdicts(): Promise<unknown[]> {
    const answers = await Promise.all(
      [0, 1].map((index) => at(index, "POST", "/v1/sessions/verify", { token })),
    );
    return answers.map(({ json }) => json["state"] ?? json["code"]);
  }

  it("know one tenant, one key and one policy", async () => {
    expect(await verdicts()).toEqual(["active", "active"]);
    const opened = await at(1, "POST", "/v1/sessions", { subject: "bob", amr: ["pwd"] });
    expect((opened.json["session"] as Json)["idleSeconds"]).toBe(300);
    const shown = await tenants("show", "acme");
    expect(shown).toMatchObject({ name: "Acme", state: "active", ownKey: true });
    expect(JSON.stringify(shown)).not.toMatch(/wrapped/i);
  });

  it("both hear of a suspension, and of its end", async () => {
    await tenants("suspend", "acme");
    const refused = ["tenant_suspended", "tenant_suspended"];
    await vi.waitFor(async () => expect(await verdicts()).toEqual(refused), PATIENT);
    await tenants("resume", "acme");
    await vi.waitFor(async () => expect(await verdicts()).toEqual(["active", "active"]), PATIENT);
  });

  it("take what the command sets, and say what it cannot be", async () => {
    const set = await tenants("set", "acme", "--max-sessions", "2", "--tighten", "none");
    expect(set).toMatchObject({ quotas: { sessions: 2 } });
    expect(set).not.toHaveProperty("policy");
    const looser = await run("tenants", "set", "acme", "--tighten", '{"absoluteMs":"900d"}');
    expect([looser.code, looser.err]).toEqual([2, expect.stringContaining("policy.absoluteMs")]);
    const zero = await run("tenants", "set", "acme", "--max-keys", "0");
    expect([zero.code, zero.err]).toEqual([2, expect.stringContaining("--max-keys")]);
    const nobody = await run("tenants", "suspend", "nobody");
    expect([nobody.code, nobody.err]).toEqual([1, expect.stringContaining('tenant "nobody"')]);
    await vi.waitFor(async () => {
      const third = await at(1, "POST", "/v1/sessions", { subject: "carol", amr: ["pwd"] });
      expect(third.json["code"]).toBe("limit_reached");
    }, PATIENT);
  });

  it("serve nobody of it after it was erased, which has to be meant", async () => {
    const unsure = await run("tenants", "erase", "acme", "--confirm", "acne");
    expect([unsure.code, unsure.err]).toEqual([1, expect.stringContaining("nothing was done")]);
    expect(await verdicts()).toEqual(["active", "active"]);
    const erased = await tenants("erase", "acme", "--confirm", "acme");
    expect(erased).toMatchObject({ state: "erased", ownKey: false, name: "" });
    expect(erased["purgedAt"]).not.toBeNull();
    const refused = ["unauthenticated", "unauthenticated"];
    await vi.waitFor(async () => expect(await verdicts()).toEqual(refused), PATIENT);
    const again = await tenants("erase", "acme", "--confirm", "acme");
    expect(again["purgedAt"]).toBe(erased["purgedAt"]);
    const listed = await tenants("list");
    expect((listed["items"] as Json[]).map(({ id }) => id)).toEqual(["default"]);
    const verified = await command("audit", "verify");
    expect(verified["ok"]).toBe(true);
  });
});
