/** `sojourn sessions search` and `sojourn bulk`, without a service beside them. */
import { join } from "node:path";
import { createSessions } from "sojourn";
import { SqliteStore } from "sojourn/stores/sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommandLine } from "../../packages/sojourn-server/src/cli/run.ts";
import { folder, SECRET } from "./service-harness.ts";
import type { Json, Ran } from "./service-harness.ts";

const place = folder();
const path = join(place.path, "s.db");
const env = { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: `sqlite:${path}` };
const ids: string[] = [];

async function cli(line: string): Promise<Ran> {
  let [out, err] = ["", ""];
  const code = await runCommandLine({
    argv: line.split(" "),
    env,
    out: { write: (text) => void (out += text) },
    err: { write: (text) => void (err += text) },
  });
  return { code, out, err };
}

async function json(line: string): Promise<Json> {
  return JSON.parse((await cli(`${line} --json`)).out) as Json;
}

function found({ items }: Json): string[] {
  return (items as { id: string }[]).map(({ id }) => id);
}

async function withSessions<Result>(
  work: (sessions: ReturnType<typeof createSessions>) => Promise<Result>,
): Promise<Result> {
  const store = new SqliteStore({ path });
  const sessions = createSessions({ store, secrets: [SECRET], sweep: false });
  const result = await work(sessions);
  await sessions.close();
  await store.close();
  return result;
}

beforeAll(async () => {
  await withSessions(async (sessions) => {
    for (let n = 0; n < 6; n += 1) {
      const { session } = await sessions.open({
        subject: `user-${n}`,
        amr: ["pwd"],
        client: n < 4 ? "old-app" : "new-app",
        device: { label: "Firefox on Linux", address: `203.0.113.${n}` },
      });
      ids.push(session.id ?? "");
    }
  });
});

afterAll(() => place.remove());

describe("sessions search", () => {
  it("brings the index up to date itself, and finds by facets", async () => {
    expect(found(await json("sessions search --client old-app")).toSorted()).toEqual(
      ids.slice(0, 4).toSorted(),
    );
    expect(
      found(await json("sessions search --address 203.0.113.200 --client new-app")),
    ).toHaveLength(2);
    const { index } = await json("sessions search --agent Safari");
    expect(index).toMatchObject({ complete: true });
    const told = await cli("sessions search --agent Firefox --oldest --limit 1");
    expect([told.code, told.out.includes(ids[0] ?? "-")]).toEqual([0, true]);
  });

  it("names what is wrong, with exit code 2", async () => {
    for (const line of [
      "sessions search --state dead",
      "sessions search --reason boredom",
      "sessions search --limit 0",
      "sessions search --limit 1000000000",
      "sessions search --from yesterday",
      "bulk erase",
      "bulk revoke --state ended",
      "bulk revoke --yes many",
      "bulk revoke --except alice",
    ]) {
      const { code, err } = await cli(line);
      expect([line, code, err.includes("sojourn:")]).toEqual([line, 2, true]);
    }
  });
});

describe("bulk", () => {
  it("only counts and shows without --yes, and refuses another count", async () => {
    const tried = await cli("bulk revoke --client old-app");
    expect([tried.code, tried.out.includes("--yes 4")]).toEqual([0, true]);
    const refused = await cli("bulk revoke --client old-app --yes 3");
    expect([refused.code, refused.err.includes("4 sessions match")]).toEqual([1, true]);
    expect(found(await json("sessions search --client old-app"))).toHaveLength(4);
  });

  it("does it with the count, leaves out the exceptions, and tells what came of it", async () => {
    const kept = ids[0] ?? "";
    const line = `bulk revoke --client old-app --yes 4 --except ${kept} --cause retired`;
    const { out, err, code } = await cli(`${line} --json`);
    expect(JSON.parse(out)).toMatchObject({ state: "done", done: 3, failed: 0 });
    expect([code, err.includes("of 4")]).toEqual([0, true]);
    expect(found(await json("sessions search --client old-app"))).toEqual([kept]);
    const end = await withSessions((sessions) => sessions.describe(ids[1] ?? ""));
    expect(end?.summary.end).toMatchObject({ cause: "retired", actor: "operator:cli" });
  });
});
