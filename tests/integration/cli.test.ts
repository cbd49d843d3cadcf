import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS, runCommandLine } from "../../packages/sojourn-server/src/cli/run.ts";
import { runtimeProblem } from "../../packages/sojourn-server/src/cli/runtime.ts";
import { createSessions } from "../../packages/sojourn/src/index.ts";
import { SqliteStore } from "../../packages/sojourn/src/stores/sqlite.ts";
import { folder, SECRET, sojourn } from "./service-harness.ts";
import type { Json, Ran } from "./service-harness.ts";

const place = folder();
const env = { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: `sqlite:${join(place.path, "s.db")}` };

/** The command in this process: the same code as the built one, without a start of Node each. */
async function cli(
  args: readonly string[],
  more: Readonly<Record<string, string | undefined>> = {},
  isTTY = false,
): Promise<Ran> {
  let out = "";
  let err = "";
  const code = await runCommandLine({
    argv: args,
    env: { ...env, ...more },
    out: { write: (text) => void (out += text), isTTY },
    err: { write: (text) => void (err += text), isTTY },
  });
  return { code, out, err };
}

async function json(args: readonly string[]): Promise<Json> {
  const { out, err } = await cli([...args, "--json"]);
  expect(err).toBe("");
  return JSON.parse(out) as Json;
}

const ids: string[] = [];

beforeAll(async () => {
  const store = new SqliteStore({ path: join(place.path, "s.db") });
  const sessions = createSessions({ store, secrets: [SECRET], sweep: false });
  for (const label of ["Laptop", "Phone\u001B[31m"]) {
    const { session } = await sessions.open({
      subject: "alice",
      amr: ["pwd"],
      device: { label },
      data: { cart: ["secret-value"] },
    });
    ids.push(String(session.id));
  }
  await sessions.open({ subject: "bob" });
  await sessions.close();
  await store.close();
});

afterAll(() => place.remove());

describe("help", () => {
  it("leads from nothing to every command, each with an example", async () => {
    const top = await cli([]);
    expect(top.code).toBe(0);
    expect(top.out).toContain("First steps");
    for (const { name } of COMMANDS) expect(top.out).toContain(name.split(" ")[0]);
    for (const group of ["keys", "policy", "sessions", "subjects"]) {
      const { code, out } = await cli([group, "--help"]);
      expect(code).toBe(0);
      for (const { name } of COMMANDS.filter((one) => one.name.startsWith(`${group} `))) {
        expect(out).toContain(name);
      }
    }
    for (const { name, examples, options } of COMMANDS) {
      const { code, out } = await cli([...name.split(" "), "--help"]);
      expect(code).toBe(0);
      expect(out).toContain(examples[0]);
      for (const option of options) expect(out).toContain(`--${option.name}`);
    }
  });

  it("documents the exit codes", async () => {
    const { out } = await cli(["--help"]);
    expect(out).toContain("0 done, 1 could not be done, 2 wrong usage or configuration");
  });
});

describe("a mistyped line", () => {
  it.each([
    [["serv"], "sojourn serve"],
    [["key", "create"], "sojourn keys"],
    [["keys", "crate"], "sojourn keys create"],
    [["session", "list"], "sojourn sessions"],
    [["keys", "create", "--nmae", "x"], "--name"],
    [["sessions", "list", "--subjct", "x"], "--subject"],
  ])("%j is answered with what was meant, and exit code 2", async (args, meant) => {
    const { code, out, err } = await cli(args);
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toContain("did you mean");
    expect(err).toContain(meant);
  });

  it.each([
    [["keys", "create"], "--name is missing"],
    [["keys", "create", "--name", "a b"], "1 to 64 letters"],
    [["keys", "create", "--name", "x", "--scope", "all"], "sessions:read, sessions:write"],
    [["keys", "create", "--name", "x", "--tenant", "../x"], "accepted"],
    [["keys", "rotate"], "ID|NAME is missing"],
    [["keys", "rotate", "x", "--overlap", "soon"], "like 30m"],
    [["keys", "revoke", "a", "b"], "one word too many"],
    [["sessions", "show", "nonsense"], "ses_"],
    [["sessions", "list", "--limit", "0"], "1 to 10000"],
    [["sessions", "list", "--state", "dead"], "active, pending, locked"],
    [["subjects", "revoke"], "SUBJECT is missing"],
  ])("%j says what is accepted", async (args, accepted) => {
    const { code, err } = await cli(args);
    expect([1, 2]).toContain(code);
    expect(err).toContain(accepted);
  });
});

describe("keys", () => {
  it("are shown once, with an example to try, and then only by name and id", async () => {
    const { code, out } = await cli(["keys", "create", "--name", "shop", "--tenant", "acme"]);
    expect(code).toBe(0);
    const [key = ""] = /sj1k_[\w-]+/.exec(out) ?? [];
    expect(key).not.toBe("");
    expect(out).toContain("only time");
    expect(out).toContain("curl -s http://127.0.0.1:7380/v1/sessions");
    const listed = await cli(["keys", "list"]);
    expect(listed.out).toMatch(/NAME\s+ID\s+TENANT/);
    expect(listed.out).toMatch(/shop\s+\S+\s+acme/);
    expect(listed.out).not.toContain(key);
  });

  it("have names of their own, while they live", async () => {
    await cli(["keys", "create", "--name", "twin"]);
    const again = await cli(["keys", "create", "--name", "twin"]);
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("exists")]);
    expect((await cli(["keys", "revoke", "twin"])).code).toBe(0);
    expect((await cli(["keys", "create", "--name", "twin"])).code).toBe(0);
    const gone = await cli(["keys", "revoke", "nobody"]);
    expect([gone.code, gone.err]).toEqual([1, expect.stringContaining("keys list")]);
  });

  it("[KY-01] of the cryptography are an inventory of purposes, never the keys", async () => {
    const { items } = (await json(["keys", "inventory"])) as { items: Json[] };
    const purposes = items.map(({ purpose }) => purpose);
    expect(new Set(purposes).size).toBe(purposes.length);
    for (const item of items) {
      expect(Object.keys(item).toSorted()).toEqual(["algorithm", "kid", "primary", "purpose"]);
    }
  });
});

describe("sessions", () => {
  it("are listed by subject, aligned for people and as JSON for scripts", async () => {
    const { items } = (await json(["sessions", "list", "--subject", "alice"])) as { items: Json[] };
    expect(new Set(items.map(({ id }) => id))).toEqual(new Set(ids));
    const { out } = await cli(["sessions", "list"]);
    const lines = out.trimEnd().split("\n");
    expect(lines).toHaveLength(4);
    const column = lines[0]?.indexOf("SUBJECT") ?? -1;
    for (const line of lines.slice(1)) expect(line.slice(column)).toMatch(/^(alice|bob) /);
  });

  it("never move the terminal by what others wrote; colours are for terminals", async () => {
    const plain = await cli(["sessions", "list", "--subject", "alice"]);
    expect(plain.out).not.toContain("\u001B");
    const terminal = await cli(["sessions", "list", "--subject", "alice"], {}, true);
    expect(terminal.out).toContain("\u001B[2m");
    expect(terminal.out).not.toContain("\u001B[31m");
    const wished = await cli(["sessions", "list"], { NO_COLOR: "1" }, true);
    expect(wished.out).not.toContain("\u001B");
  });

  it("are shown with the names of their data, never its values", async () => {
    const { out } = await cli(["sessions", "show", String(ids[0])]);
    expect(out).toMatch(/Data keys\s+cart/);
    expect(out).not.toContain("secret-value");
    expect(await json(["sessions", "show", String(ids[0])])).toMatchObject({ state: "active" });
  });

  it("are ended one by one, with cause and actor in the record", async () => {
    const [first = ""] = ids;
    const ended = await json(["sessions", "revoke", first, "--cause", "lost_laptop"]);
    expect(ended).toMatchObject({ id: first, reason: "revoked" });
    const shown = await json(["sessions", "show", first]);
    expect(shown).toMatchObject({
      state: "ended",
      end: { reason: "revoked", cause: "lost_laptop", actor: "operator:cli" },
    });
    const unknown = await cli(["sessions", "revoke", `ses_${"A".repeat(24)}`]);
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining("no session")]);
  });

  it("are ended for a subject at once", async () => {
    const { ended } = await json(["subjects", "revoke", "alice"]);
    expect(ended).toBe(1);
    expect((await json(["sessions", "list", "--subject", "alice"]))["items"]).toEqual([]);
  });
});

describe("policy explain", () => {
  it("shows every limit with its source, without any setting but the preset", async () => {
    const { code, out } = await cli(["policy", "explain", "--policy", "banking"], {
      SOJOURN_SECRETS: undefined,
    });
    expect(code).toBe(0);
    expect(out).toContain("Policy banking");
    expect(out).toMatch(/idleMs\s+\d+ minutes/);
  });

  it("shows what a tenant tightened", async () => {
    const file = join(place.path, "tight.json");
    writeFileSync(file, JSON.stringify({ policy: "saas", tenants: { acme: { idleMs: "10m" } } }));
    const { out } = await cli(["policy", "explain", "--config", file, "--tenant", "acme"]);
    expect(out).toMatch(/idleMs\s+10 minutes\s+tenant acme/);
  });

  it("names the nearest preset for one that does not exist", async () => {
    const { code, err } = await cli(["policy", "explain", "--policy", "bankng"]);
    expect([code, err]).toEqual([2, expect.stringContaining('did you mean "banking"?')]);
  });
});

describe("the runtime", () => {
  it("is named when it is too old, and its floor is the package's own", () => {
    expect(runtimeProblem("20.19.0")).toBe("Node 22.13 or newer is needed; this is 20.19.0");
    expect(runtimeProblem("22.12.9")).toBeDefined();
    expect(["22.13.0", "24.0.0"].map(runtimeProblem)).toEqual([undefined, undefined]);
  });
});

describe("the built command", () => {
  it("runs by itself: a fresh secret, exit codes and errors on standard error", async () => {
    const secret = await sojourn(["secret"]);
    expect(secret.out).toMatch(/^[\w-]{43}\n$/);
    const wrong = await sojourn(["nonsense"]);
    expect([wrong.code, wrong.out]).toEqual([2, ""]);
    expect(wrong.err).toMatch(/^sojourn: there is no command/);
  });

  it("ends, and says so, although something was left open in it", async () => {
    const held = "data:text/javascript,setInterval(() => undefined, 60000)";
    const { code, out, err } = await sojourn(["secret"], { NODE_OPTIONS: `--import "${held}"` });
    expect([code, out.length]).toEqual([0, 44]);
    expect(err).toMatch(/something was left open \(.*Timeout/);
  });
});
