/** The differences that are the reason for ours: both results, told by name. */
import { toExpressStore } from "sojourn/express-session";
import { afterEach, describe, expect, it } from "vitest";
import { world } from "../support/world.ts";
import type { World as Place } from "../support/world.ts";
import { races } from "./cases/races.ts";
import type { Race } from "./cases/races.ts";
import { suite } from "./support/suite.ts";
import type { Options, Transcript } from "./support/types.ts";

const { run } = suite("parallel requests");

type Row = Readonly<Record<string, unknown>>;

/** Sessions without their cookies; none that holds nothing. */
function withoutCookies(sessions: readonly unknown[]): Row[] {
  return sessions
    .map((session) => {
      const { cookie: _cookie, ...rest } = session as Row;
      return rest;
    })
    .filter((row) => Object.keys(row).length > 0);
}

function rowsOf({ contents }: Transcript): Row[] {
  return withoutCookies(Object.values(contents).map((text) => JSON.parse(String(text)) as Row));
}

/** What the last request of the browser reads. */
function readOf({ exchanges }: Transcript): Row[] {
  const body = exchanges.at(-1)?.response.find((line) => line.startsWith("{")) ?? "{}";
  return withoutCookies([(JSON.parse(body) as { session: Row }).session]);
}

describe("on a MemoryStore", () => {
  it.each(races)("$name", async (race) => {
    const { upstream, ours } = await run(race, "memory");
    expect(rowsOf(upstream), "upstream").toEqual(race.upstream);
    expect(rowsOf(ours), "ours").toEqual(race.ours);
  });
});

describe("on a Sojourn store, which keeps its promises under an unchanged express-session too", () => {
  const places: Place[] = [];
  afterEach(async () => {
    for (const { sessions } of places.splice(0)) await sessions.close();
  });
  const onSojourn = (options: Race["options"]): (() => Options) => {
    return () => {
      const place = world();
      places.push(place);
      return { ...(options as Options), store: toExpressStore(place.sessions) };
    };
  };
  // There time is the store's own, and a store that cannot list cannot clear.
  const all = races.filter(({ name }) => !/cleared|maxAge/.test(name));

  it.each(all)("$name", async (race) => {
    const one = { ...race, options: onSojourn(race.options) };
    const { upstream, ours } = await run(one, "default");
    expect(readOf(upstream), "upstream").toEqual(race.ours);
    expect(readOf(ours), "ours").toEqual(race.ours);
  });
});
