/** Pages of a search, whatever is asked and whatever goes on meanwhile. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SqliteControl } from "../../packages/sojourn-server/src/control/sqlite-control.ts";
import type { SearchFilter } from "../../packages/sojourn-server/src/search/facets.ts";
import { idsOf, opened, scanned, searcher, TENANT } from "../support/search-world.ts";
import type { Searcher } from "../support/search-world.ts";

const SESSIONS = 150;

let world: Searcher;
const handles: string[] = [];

beforeAll(async () => {
  world = searcher(new SqliteControl(":memory:"));
  await world.search.start();
  for (let n = 0; n < SESSIONS; n += 1) handles.push(await opened(world.sessions, n));
  for (const handle of handles.slice(0, 30)) await world.sessions.revoke(handle);
  for (const handle of handles.slice(40, 50)) await (await world.sessions.find(handle))?.lock(1);
  await world.sessions.subject("user-6").revokeAll();
  await world.settled();
});

afterAll(() => world.close());

const value = <Value>(values: readonly Value[]): fc.Arbitrary<Value | undefined> =>
  fc.option(fc.constantFrom(...values), { nil: undefined, freq: 3 });

/** Few values of each facet, so that most filters match something. */
const filters: fc.Arbitrary<SearchFilter> = fc
  .record({
    subject: value(["user-1", "user-6", "nobody"]),
    device: value(["device-2", "device-3"]),
    address: value(["203.0.113.0/24", "2001:db8:1::", "198.51.100.1"]),
    agent: value(["Firefox", "curl"]),
    client: value(["app-0", "app-3"]),
    acr: value(["aal1", "aal2"]),
    role: value(["admin", "buyer"]),
    state: value(["live", "any", "active", "locked", "ended"] as const),
    reason: value(["revoked", "subject_revoked"] as const),
  })
  .map((given) => {
    const asked = Object.entries(given).filter(([, one]) => one !== undefined);
    return Object.fromEntries(asked);
  });

describe("the pages of any filter, one after the other", () => {
  it("are what a full scan finds, each session once, newest or oldest first", async () => {
    const asked = fc.asyncProperty(filters, fc.integer({ min: 1, max: 60 }), async (filter, n) => {
      const found = await world.pages(filter, n);
      expect(idsOf(found).toSorted()).toEqual(await scanned(world.sessions, handles, filter));
      const times = found.map(({ summary }) => summary.createdAt);
      expect(times).toEqual(times.toSorted((a, b) => b - a));
      const oldest: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await world.search.page(TENANT, filter, { limit: n, cursor, order: "oldest" });
        oldest.push(...idsOf(page.items));
        ({ cursor } = page);
      } while (cursor !== undefined);
      expect(oldest).toEqual(idsOf(found).toReversed());
    });
    await fc.assert(asked, { numRuns: 60 });
  });

  it("miss nothing that stays, and show nothing twice, while others come and go", async () => {
    const run = fc.asyncProperty(filters, fc.infiniteStream(fc.nat()), async (filter, choices) => {
      const before = await scanned(world.sessions, handles, filter);
      const met: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await world.search.page(TENANT, filter, { limit: 5, cursor });
        met.push(...idsOf(page.items));
        ({ cursor } = page);
        const choice = choices.next().value ?? 0;
        // Let the index follow what is done now, before, while or after the next page is read.
        if (choice % 3 === 0) handles.push(await opened(world.sessions, choice % 150));
        if (choice % 5 === 0) await world.sessions.revoke(handles[choice % handles.length] ?? "");
        if (choice % 7 === 0) await world.settled();
      } while (cursor !== undefined);
      expect(new Set(met).size).toBe(met.length);
      const after = await scanned(world.sessions, handles, filter);
      for (const id of before.filter((one) => after.includes(one))) expect(met).toContain(id);
      await world.settled();
    });
    await fc.assert(run, { numRuns: 25 });
  });

  it("lie within the bounds of creation that are asked for, the later one excluded", async () => {
    const all = await world.pages({ state: "any" }, 200);
    const [first, , third] = [all[10], all[20], all[30]];
    const [createdBefore = 0, createdFrom = 0] = [first, third].map(
      (one) => one?.summary.createdAt,
    );
    const found = await world.pages({ state: "any", createdFrom, createdBefore }, 3);
    const expected = all.filter(
      ({ summary: { createdAt } }) => createdAt >= createdFrom && createdAt < createdBefore,
    );
    expect(idsOf(found)).toEqual(idsOf(expected));
  });
});

it("shows what a session is now, and not what it was when it was filed", async () => {
  const [first = ""] = idsOf(await world.pages({}));
  const stored = await world.store.find({ tenant: TENANT, id: first });
  const past = Date.now() - 3_600_000;
  const times = { createdAt: past, authenticatedAt: past, seenAt: past };
  const id = `${first.slice(0, 20)}over`;
  const ended = { ...stored!.record, ...times, absoluteExpiresAt: past + 1_000, id };
  const session = { ...stored!, record: { ...ended, client: "over" } };
  await world.store.apply([{ kind: "session", session }], "test");
  await world.settled();
  // A deadline has passed, and no sweep has come by.
  expect(idsOf(await world.pages({ client: "over" }))).toEqual([]);
  const [found] = await world.pages({ client: "over", state: "any" });
  expect(found).toMatchObject({ state: "ended", reason: "absolute_timeout" });
});

it("counts what is filed, and no more than it was told to", async () => {
  const filter = { createdFrom: Date.now() - 3_000_000 };
  const live = (await world.pages(filter, 200)).length;
  expect(await world.search.count(TENANT, filter, 10_000)).toEqual({ count: live, exact: true });
  expect((await world.search.count(TENANT, {}, 5)).exact).toBe(false);
});

it("takes out what the store has erased", async () => {
  const ended = await world.pages({ state: "ended" }, 200);
  expect(await world.search.tidy()).toBe(0);
  const now = Date.now() + 1_000;
  while ((await world.store.sweep({ now, limit: 1_000, purgeBefore: now })).more);
  expect(await world.search.tidy()).toBe(ended.length);
  expect(await world.search.count(TENANT, { state: "ended" }, 1_000)).toMatchObject({ count: 0 });
});
