/** Stores as they should not be, behind every adapter: 503 in bounded time, nobody signed out. */
import type { StoreOperation } from "sojourn/testing";
import { afterEach, describe, expect, it } from "vitest";
import { Jar, KINDS, notes, serve, stopServers } from "../support/servers.ts";
import type { Application, Kind } from "../support/servers.ts";
import { HOUR, SECOND, world } from "../support/world.ts";

afterEach(stopServers);

const POST = { method: "POST" } as const;
const TIMEOUT_MS = 5 * SECOND;
const SECRET = "password=hunter2";

async function signedIn(kind: Kind, application: Application = notes) {
  const place = world();
  const { url } = await serve(kind, place, application);
  const jar = new Jar();
  await jar.ask(`${url}/login`, POST);
  place.store.resetCalls();
  return { place, url, jar, cookie: jar.header };
}

async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { interval: 1, timeout: 5_000 }).toBe(true);
}

/** What is asked, and the call of the store that goes wrong then. */
const ASKED: readonly (readonly [string, StoreOperation, string, object])[] = [
  ["reading", "find", "/", {}],
  ["writing", "patchData", "/add", POST],
  ["signing in", "create", "/login", POST],
  ["signing out", "revoke", "/logout", POST],
];

describe.each(KINDS)("behind %s, a store that", (kind) => {
  it.each(ASKED)("never answers while %s (%s) is 503 after 5 s", async (_what, call, path, how) => {
    const { place, url, jar, cookie } = await signedIn(kind);
    place.store.fail(call, "hang");
    let answered = false;
    const asked = jar.ask(url + path, how).then((answer) => {
      answered = true;
      return answer;
    });
    await until(() => place.store.hanging === 1);
    place.clock.advance(TIMEOUT_MS - 1);
    await new Promise((resolve) => void setImmediate(resolve));
    expect(answered).toBe(false);
    place.clock.advance(1);
    const { status, headers, cookies } = await asked;
    expect([status, headers["retry-after"], cookies]).toEqual([503, "1", []]);
    expect(place.named("store-unavailable")).toMatchObject([{ operation: expect.any(String) }]);
    expect(jar.header).toBe(cookie);
    expect((await jar.ask(url)).body).toContain("alice");
    // The late answer finds nobody who waits for it.
    place.store.release();
    await new Promise((resolve) => void setImmediate(resolve));
    expect(place.errors).toEqual([]);
  });

  it("never answers a touch is asked again for the next, and the session lives on (I6)", async () => {
    const { place, url, jar } = await signedIn(kind);
    place.store.fail("touch", "hang");
    for (let hours = 0; hours < 3; hours += 1) {
      await place.clock.advanceAsync(HOUR / 2);
      expect((await jar.ask(url)).body).toContain("alice");
    }
    await place.clock.advanceAsync(TIMEOUT_MS);
    expect(place.store.calls("touch")).toBeGreaterThan(1);
  });

  it.each(ASKED)("throws what it likes while %s (%s) is 503", async (_what, call, path, how) => {
    const { place, url, jar, cookie } = await signedIn(kind);
    const thrown = [new TypeError(SECRET), SECRET, Object.assign(new Error(SECRET), { code: 1 })];
    for (const error of thrown) {
      place.store.before(call, () => Promise.reject(error));
      const answer = await jar.ask(url + path, how);
      expect([answer.status, answer.headers["retry-after"]]).toEqual([503, "1"]);
      expect(JSON.stringify(answer)).not.toContain("hunter2");
    }
    // Said to whoever runs the application, and to nobody else.
    expect(place.errors).toEqual(thrown);
    expect(jar.header).toBe(cookie);
    expect((await jar.ask(url)).body).toContain("alice");
  });

  it("is away once is back without a restart, on the same cookie", async () => {
    const { place, url, jar, cookie } = await signedIn(kind);
    for (let outage = 0; outage < 2; outage += 1) {
      place.store.setDown(true);
      const answers = await Promise.all([jar.ask(url), jar.ask(url), jar.ask(url, POST)]);
      expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
      place.store.setDown(false);
      expect((await jar.ask(url)).body).toContain("alice");
    }
    expect(jar.header).toBe(cookie);
    expect(place.named("store-recovered")).toHaveLength(2);
  });
});
