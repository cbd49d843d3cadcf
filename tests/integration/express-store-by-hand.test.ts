/** A Sojourn store used as express-session's stores are by libraries and scripts. */
import { once } from "node:events";
import { MemoryStore } from "sojourn";
import { toExpressStore } from "sojourn/express-session";
import type { Store } from "sojourn/express-session";
import { expect, it, describe } from "vitest";
import { gate, HOUR, MINUTE, world } from "../support/world.ts";
import { promised } from "./express-store-app.ts";

interface Stored {
  [key: string]: unknown;
  cookie: { originalMaxAge: number | null; expires?: unknown };
}

function get(store: Store, sid: string): Promise<Stored | undefined> {
  return new Promise((resolve, reject) => {
    store.get(sid, (error, data) => (error ? reject(error) : resolve(data as Stored | undefined)));
  });
}

function set(store: Store, sid: string, data: object): Promise<void> {
  return promised((done) => store.set(sid, data as never, done));
}

function destroy(store: Store, sid: string): Promise<void> {
  return promised((done) => store.destroy(sid, done));
}

const fresh = (keys: object = {}): Stored => ({
  cookie: { originalMaxAge: null, expires: null },
  ...keys,
});

describe("toExpressStore", () => {
  it("answers nothing for a sid that is unknown or was destroyed", async () => {
    const store = toExpressStore(world().sessions);
    expect(await get(store, "sid")).toBeUndefined();
    await set(store, "sid", fresh({ a: 1 }));
    expect(await get(store, "sid")).toMatchObject({ a: 1 });
    await destroy(store, "sid");
    expect(await get(store, "sid")).toBeUndefined();
  });

  it("overwrites the whole when what is set was not loaded from it", async () => {
    const store = toExpressStore(world().sessions);
    await set(store, "sid", fresh({ a: 1, b: 2 }));
    await set(store, "sid", fresh({ b: 3 }));
    expect(await get(store, "sid")).toEqual(fresh({ b: 3 }));
  });

  it("never uses a sid again whose session was destroyed (I1)", async () => {
    const store = toExpressStore(world().sessions);
    await set(store, "known", fresh());
    await destroy(store, "known");
    await set(store, "known", fresh({ a: 1 }));
    expect(await get(store, "known")).toBeUndefined();
  });

  it("keeps nothing of a visitor who signs out without ever having been stored", async () => {
    const place = world();
    const store = toExpressStore(place.sessions);
    await destroy(store, "never-stored");
    const rows = await place.sessions.query({ state: "any" });
    expect(rows.items).toEqual([]);
    await set(store, "never-stored", fresh({ a: 1 }));
    expect(await get(store, "never-stored")).toMatchObject({ a: 1 });
  });

  it("takes data copied from one sid to another for a new session", async () => {
    const store = toExpressStore(world().sessions);
    await set(store, "old", fresh({ a: 1 }));
    await set(store, "new", (await get(store, "old")) ?? {});
    await destroy(store, "old");
    expect(await get(store, "new")).toMatchObject({ a: 1 });
  });

  it("writes what the object held when it was saved, in the order of the saves", async () => {
    const store = toExpressStore(world().sessions);
    const session = fresh({ a: 1 });
    const first = set(store, "sid", session);
    session["a"] = 2;
    const second = set(store, "sid", session);
    session["a"] = 3;
    await Promise.all([first, second]);
    expect(await get(store, "sid")).toMatchObject({ a: 2 });
  });

  it("lets a slow save be followed by the next one of the same object, never overtaken", async () => {
    const place = world();
    const store = toExpressStore(place.sessions);
    await set(store, "sid", fresh());
    const session = (await get(store, "sid")) as Stored;
    const door = gate();
    place.store.before("patchData", door.wait);
    const saves = [1, 2].map((value) => {
      session["a"] = value;
      return set(store, "sid", session);
    });
    await new Promise((resolve) => void setTimeout(resolve, 20));
    door.open();
    await Promise.all(saves);
    expect(await get(store, "sid")).toMatchObject({ a: 2 });
  });

  it("judges a save by what is stored now, when the request outlived the deadline it read", async () => {
    const place = world();
    const store = toExpressStore(place.sessions);
    const cookie = { originalMaxAge: 10 * MINUTE };
    for (const sid of ["kept alive", "left alone"]) await set(store, sid, { cookie });
    const [alive, alone] = [await get(store, "kept alive"), await get(store, "left alone")];
    place.clock.advance(9 * MINUTE);
    const other = (await get(store, "kept alive")) as Stored;
    await promised((done) => store.touch?.("kept alive", other as never, done));
    place.clock.advance(9 * MINUTE);
    await set(store, "kept alive", Object.assign(alive ?? {}, { a: 1 }));
    await set(store, "left alone", Object.assign(alone ?? {}, { a: 1 }));
    expect(await get(store, "kept alive")).toMatchObject({ a: 1 });
    expect(await get(store, "left alone")).toBeUndefined();
    expect(place.named("session-data-changed")).toHaveLength(1);
  });

  it("takes a millisecond that a cookie lost for no change", async () => {
    const place = world();
    const store = toExpressStore(place.sessions);
    await set(store, "sid", { cookie: { originalMaxAge: HOUR } });
    const session = (await get(store, "sid")) as Stored;
    session.cookie.originalMaxAge = HOUR - 1;
    place.store.resetCalls();
    await promised((done) => store.touch?.("sid", session as never, done));
    expect(place.store.calls()).toBe(0);
    expect((await get(store, "sid"))?.cookie.originalMaxAge).toBe(HOUR);
  });

  it("keeps awkward keys, and refuses data over the limit without a change", async () => {
    const place = world({ store: new MemoryStore({ maxDataBytes: 1_000 }) });
    const store = toExpressStore(place.sessions);
    const odd = '{"cookie":{},"__proto__":{"x":1},"constructor":2,"":3,"0":4}';
    await set(store, "sid", JSON.parse(odd) as object);
    const data = (await get(store, "sid")) as Stored;
    expect(Object.keys(data).toSorted()).toEqual(["", "0", "__proto__", "constructor", "cookie"]);
    data["big"] = "x".repeat(2_000);
    await expect(set(store, "sid", data)).rejects.toMatchObject({ code: "ERR_DATA_TOO_LARGE" });
    expect(Object.keys((await get(store, "sid")) ?? {})).not.toContain("big");
  });

  it("refuses what JSON cannot say through the callback", async () => {
    const store = toExpressStore(world().sessions);
    await expect(set(store, "sid", fresh({ n: 1n }))).rejects.toThrow(TypeError);
  });

  it("counts and clears sessions of express-session alone, where the store can search", async () => {
    const place = world();
    const store = toExpressStore(place.sessions);
    for (const sid of ["a", "b", "c"]) await set(store, sid, fresh());
    await destroy(store, "c");
    const { session } = await place.sessions.open({ subject: "alice" });
    const length = (): Promise<number | null | undefined> =>
      new Promise((resolve, reject) => {
        store.length?.((error, count) => (error ? reject(error) : resolve(count)));
      });
    expect(await length()).toBe(2);
    await promised((done) => store.clear?.(done));
    expect(await length()).toBe(0);
    expect(await get(store, "a")).toBeUndefined();
    expect(await place.sessions.find(session.id ?? "")).toBeDefined();
    expect(store.all).toBeUndefined();
  });

  it("keeps tenants apart", async () => {
    const { sessions } = world();
    const [left, right] = ["left", "right"].map((tenant) => toExpressStore(sessions, { tenant }));
    if (left === undefined || right === undefined) throw new Error("two stores");
    await set(left, "sid", fresh({ of: "left" }));
    expect(await get(right, "sid")).toBeUndefined();
    expect(await sessions.count({ tenant: "left" })).toEqual({ count: 1, exact: true });
    const moved = (await get(left, "sid")) as Stored;
    moved["of"] = "right";
    await set(right, "sid", moved);
    expect(await get(left, "sid")).toMatchObject({ of: "left" });
    expect(await get(right, "sid")).toMatchObject({ of: "right" });
    expect(() => toExpressStore(sessions, { tenant: "no tenant" })).toThrow(/tenant/);
  });

  it("calls a callback once, even one that throws", async () => {
    const store = toExpressStore(world().sessions);
    let calls = 0;
    const thrown = once(process, "uncaughtException");
    const listeners = process.listeners("uncaughtException");
    for (const listener of listeners.slice(0, -1)) process.off("uncaughtException", listener);
    store.get("sid", () => {
      calls += 1;
      throw new Error("by the application");
    });
    const [error] = (await thrown) as [Error];
    for (const listener of listeners.slice(0, -1)) process.on("uncaughtException", listener);
    expect([error.message, calls]).toEqual(["by the application", 1]);
  });

  it("reports what no callback asks for", async () => {
    const place = world();
    const store = toExpressStore(place.sessions);
    await set(store, "sid", fresh());
    store.set("sid", fresh({ n: 1n }) as never);
    await expect.poll(() => place.errors.length).toBe(1);
  });

  it("reports a passed cookie expiry by the session's own activity", async () => {
    const { sessions, clock } = world();
    const store = toExpressStore(sessions);
    const cookie = { originalMaxAge: HOUR, expires: new Date(Date.now() + HOUR) };
    await set(store, "sid", { cookie });
    clock.advance(HOUR / 2);
    const expires = (await get(store, "sid"))?.cookie.expires as string;
    const left = new Date(expires).getTime() - Date.now();
    expect(Math.abs(left - HOUR / 2)).toBeLessThan(MINUTE);
  });
});
