/** `sojourn locks`, beside a service that has to heed it. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommandLine } from "../../packages/sojourn-server/src/cli/run.ts";
import { folder, SECRET, startTestService } from "./service-harness.ts";
import type { Json, Ran, TestService } from "./service-harness.ts";

const place = folder();
const env = { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: `sqlite:${place.path}/s.db` };
let s: TestService;

beforeAll(async () => {
  s = await startTestService({ env });
});

afterAll(async () => {
  await s.service.stop();
  place.remove();
});

async function cli(...argv: readonly string[]): Promise<Ran> {
  let out = "";
  let err = "";
  const code = await runCommandLine({
    argv,
    env,
    out: { write: (text) => void (out += text), isTTY: false },
    err: { write: (text) => void (err += text), isTTY: false },
  });
  return { code, out, err };
}

const opening = async (subject: string): Promise<number> =>
  (await s.api("POST", "/v1/sessions", { body: { subject } })).status;

/** The service hears of it within a second; the bound is for a busy machine. */
async function answers(subject: string, status: number): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    if ((await opening(subject)) === status) return;
    await sleep(25);
  }
  throw new Error(`${subject} never got ${status}`);
}

const MESSAGE = ["--message", "Call us."];

describe("sojourn locks", () => {
  it("keeps somebody out of a running service, says who, and lets in again", async () => {
    expect(await opening("mallory")).toBe(201);
    const why = ["--reason", "fraud", "--for", "2h"];
    const set = await cli("locks", "set", "subject", "mallory", ...MESSAGE, ...why);
    expect([set.code, set.err]).toEqual([0, ""]);
    expect(set.out).toMatch(/^Locked subject mallory until .*Z \(lck_[\w-]{24}\); 1 session was/);
    await answers("mallory", 403);
    const list = await cli("locks", "list");
    expect(list.out).toMatch(/lck_\S+ +subject +mallory +fraud +operator:cli/);
    const { items } = JSON.parse((await cli("locks", "list", "--json")).out) as { items: Json[] };
    expect(items).toMatchObject([{ kind: "subject", value: "mallory", setBy: "operator:cli" }]);
    const lifted = await cli("locks", "lift", String(items[0]?.["id"]));
    expect([lifted.code, lifted.out]).toEqual([0, expect.stringMatching(/^Lifted lck_/)]);
    await answers("mallory", 201);
    expect((await cli("locks", "list")).out).toBe("No locks.\n");
  });

  it("wants the tenant, and most of the internet, confirmed", async () => {
    for (const words of [["tenant"], ["network", "0.0.0.0/0"]]) {
      const { code, err } = await cli("locks", "set", ...words, ...MESSAGE);
      expect([code, err]).toEqual([2, expect.stringContaining("--confirm")]);
    }
    const said = await cli("locks", "set", "tenant", ...MESSAGE, "--tenant", "acme", "--confirm");
    expect(said.out).toMatch(/^Locked the tenant until it is lifted/);
    expect((await cli("locks", "list")).out).toBe("No locks.\n");
    const other = await cli("locks", "list", "--tenant", "acme", "--kind", "tenant", "--json");
    const { items } = JSON.parse(other.out) as { items: Json[] };
    const id = String(items[0]?.["id"]);
    expect((await cli("locks", "lift", id)).code).toBe(1);
    expect((await cli("locks", "lift", id, "--tenant", "acme")).code).toBe(0);
  });

  it("names what cannot be meant, in the words of the line", async () => {
    const rows: readonly (readonly [string, readonly string[], string])[] = [
      ["no kind", ["set"], "KIND is missing"],
      ["another kind", ["set", "person", "x", ...MESSAGE], "KIND: accepted: session, subject"],
      ["nobody", ["set", "subject", ...MESSAGE], "VALUE: whom it is about is missing"],
      ["no message", ["set", "subject", "x"], "--message is missing"],
      ["no span", ["set", "subject", "x", ...MESSAGE, "--for", "soon"], "--for: a whole number"],
      ["no network", ["set", "network", "10.0.0.0/33", ...MESSAGE], "VALUE: takes 0 to 32 bits"],
      ["three words", ["set", "subject", "x", "y", ...MESSAGE], '"y" is one word too many'],
      ["no id", ["lift", "mallory"], "expected a lock's id like lck_"],
      ["no number", ["list", "--limit", "0"], "--limit: accepted"],
      ["no such kind", ["list", "--kind", "x"], "--kind: accepted"],
    ];
    for (const [name, args, says] of rows) {
      const { code, err } = await cli("locks", ...args);
      expect([name, code, err]).toEqual([name, 2, expect.stringContaining(says)]);
    }
    const none = await cli("locks", "lift", `lck_${"A".repeat(24)}`);
    expect([none.code, none.err]).toEqual([1, expect.stringContaining("no lock lck_")]);
  });
});
