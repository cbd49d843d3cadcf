/** What happens to a session while a browser registers its key or renews its bound cookie. */
import { idOfHandle } from "../../packages/sojourn/src/protocol/words.ts";
import { MemoryStore } from "sojourn/stores/memory";
import { FaultyStore } from "sojourn/testing";
import { describe, expect, it } from "vitest";
import { BoundBrowser, boundBrowser, boundPlace } from "../support/bound-browser.ts";

const MOMENTS = [
  ["before it is read", "before", "find"],
  ["once it was read", "after", "find"],
  ["before the write", "before", "replace"],
] as const;

describe("a logout while a key is registered", () => {
  it.each(MOMENTS)("is no trouble, and binds nothing: %s", async (_when, side, operation) => {
    const store = new FaultyStore(new MemoryStore());
    const browser = new BoundBrowser(boundPlace({ store }));
    await browser.login();
    const { sessions } = browser.place;
    const [only] = (await sessions.subject("alice").list()).items;
    store[side](operation, async () => void (await sessions.revoke(`ses_${only?.id}`)));
    const answer = await browser.register();
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([403, []]);
    expect(browser.place.events.map(({ name }) => name)).not.toContain("session-bound");
  });
});

describe("a logout while the bound cookie is renewed", () => {
  it.each(MOMENTS)("[TE-11] wins: %s", async (_when, side, operation) => {
    const store = new FaultyStore(new MemoryStore());
    const browser = await boundBrowser({ store });
    const { sessions } = browser.place;
    store[side](operation, async () => void (await sessions.revoke(browser.id)));
    const answer = await browser.refresh();
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([200, []]);
    expect(await answer.json()).toEqual({ session_identifier: browser.id, continue: false });
  });

  it("[TE-11] wins over a proof that is refused, too", async () => {
    const store = new FaultyStore(new MemoryStore());
    const browser = await boundBrowser({ store });
    const { sessions } = browser.place;
    store.after("find", async () => void (await sessions.revoke(browser.id)));
    expect(await (await browser.refresh("garbage")).json()).toMatchObject({ continue: false });
  });
});

describe("a session bound in another way", () => {
  it("[DB-03] has no cookie to renew", async () => {
    const store = new MemoryStore();
    const browser = await boundBrowser({ store });
    const ref = { tenant: "default", id: idOfHandle(browser.id) ?? "" };
    const stored = await store.find(ref);
    if (stored?.record.binding === undefined) throw new Error("the session is bound");
    const { record } = stored;
    const binding = { ...stored.record.binding, tier: "webcrypto" as const };
    expect(await store.replace({ ...record, binding }, record.version)).toBe("replaced");
    const answer = await browser.refresh();
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([200, []]);
    expect(await answer.json()).toMatchObject({ continue: false });
  });
});
