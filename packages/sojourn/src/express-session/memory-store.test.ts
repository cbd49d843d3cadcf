import { EventEmitter } from "node:events";
import { inherits } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { baseOf, changesSince } from "./changes.ts";
import { Cookie } from "./cookie.ts";
import { MemoryStore } from "./memory-store.ts";
import { Session } from "./session.ts";
import { Store } from "./store.ts";
import type { SessionData } from "./types.ts";

type Loose = Session & Record<string, unknown>;

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000, toFake: ["Date"] }));
afterEach(() => void vi.useRealTimers());

/** A store behind a middleware that generates `sid`. */
function storeOf(sid = "one") {
  const store = new MemoryStore();
  const ask = <Value>(name: keyof MemoryStore, ...values: unknown[]): Promise<Value> =>
    new Promise((resolve, reject) => {
      const done = (error: unknown, value: Value): void => (error ? reject(error) : resolve(value));
      Reflect.apply(store[name] as () => void, store, [...values, done]);
    });
  return {
    store,
    fresh(data: object = {}, maxAge?: number): Loose {
      const session = new Session({ sessionID: sid, sessionStore: store }) as Loose;
      session.cookie = new Cookie(maxAge === undefined ? {} : { maxAge });
      return Object.assign(session, data);
    },
    load: () => ask<Loose | undefined>("load", sid),
    loaded: async () => (await ask<Loose | undefined>("load", sid))!,
    set: (session: object) => ask<void>("set", sid, session),
    touch: (session: object) => ask<void>("touch", sid, session),
    destroy: () => ask<void>("destroy", sid),
    data: async () => {
      const data = await ask<SessionData | undefined>("get", sid);
      if (data === undefined) return undefined;
      const { cookie: _cookie, ...rest } = data;
      return rest;
    },
    ask,
  };
}

describe("parallel requests on one session", () => {
  it("keep what each of them set, changed inside or removed (I4)", async () => {
    const { fresh, loaded, set, data } = storeOf();
    await set(fresh({ same: 1, gone: 1, deep: { a: 1 } }));
    const [first, second, third] = [await loaded(), await loaded(), await loaded()];
    first["first"] = true;
    delete second["gone"];
    (third["deep"] as Record<string, number>)["a"] = 2;
    for (const session of [third, first, second]) await set(session);
    expect(await data()).toEqual({ same: 1, deep: { a: 2 }, first: true });
  });

  it("leave the same key to the later save", async () => {
    const { fresh, loaded, set, data } = storeOf();
    await set(fresh());
    const [first, second] = [await loaded(), await loaded()];
    first["n"] = 1;
    second["n"] = 2;
    await set(second);
    await set(first);
    expect(await data()).toEqual({ n: 1 });
  });

  it("do not undo what another wrote after their own save", async () => {
    const { fresh, loaded, set, data } = storeOf();
    const first = fresh({ n: 1, gone: true });
    await set(first);
    const second = await loaded();
    second["n"] = 2;
    delete second["gone"];
    await set(second);
    first["late"] = true;
    await set(first);
    expect(await data()).toEqual({ n: 2, late: true });
  });

  it("do not write a key of theirs again because others changed it", async () => {
    const { fresh, loaded, set, data } = storeOf();
    await set(fresh({ n: 1 }));
    const [first, second] = [await loaded(), await loaded()];
    second["n"] = 2;
    await set(second);
    await set(first);
    expect(await data()).toEqual({ n: 2 });
  });

  it("leave a session that looks unchanged to the next request, whatever the keys", async () => {
    const { fresh, loaded, set } = storeOf();
    await set(fresh({ a: 1 }));
    const [first, second] = [await loaded(), await loaded()];
    first["b"] = 1;
    second["7"] = 1;
    await set(first);
    await set(second);
    const third = await loaded();
    expect(baseOf(third)?.json).toBe('{"7":1,"a":1,"b":1}');
    expect(changesSince(baseOf(third)!, third)).toEqual([]);
  });
});

describe("an ended session", () => {
  const ends: [string, (of: ReturnType<typeof storeOf>) => Promise<unknown>][] = [
    ["destroyed", ({ destroy }) => destroy()],
    ["cleared", ({ ask }) => ask("clear")],
    ["expired", async () => vi.advanceTimersByTime(1_000)],
    ["destroyed by hand", async ({ store }) => void delete store.sessions["one"]],
  ];

  it.each(ends)("that was %s does not come back by set or touch (I1)", async (_, end) => {
    const of = storeOf();
    const own = of.fresh({ n: 1 }, 1_000);
    await of.set(own);
    const other = await of.loaded();
    const data = await of.ask<object>("get", "one");
    await end(of);
    for (const session of [own, other]) {
      session.touch();
      await of.touch(session);
      expect(await of.data()).toBeUndefined();
      await of.set(Object.assign(session, { n: 2 }));
      expect(await of.data()).toBeUndefined();
    }
    await of.set(data);
    expect(await of.data()).toBeUndefined();
  });

  it("leaves its id to a session that is generated after it, and to that one alone", async () => {
    const of = storeOf();
    await of.set(of.fresh({ n: 1 }));
    const old = await of.loaded();
    await of.destroy();
    await of.set(of.fresh({ n: 2 }));
    old["old"] = true;
    old.cookie.maxAge = 5_000;
    await of.set(old);
    await of.touch(old);
    expect(await of.data()).toEqual({ n: 2 });
    expect((await of.loaded()).cookie.expires).toBeNull();
  });

  it("that was never stored stays away when its own object was destroyed", async () => {
    const of = storeOf();
    const session = of.fresh({ n: 1 });
    await session.destroy();
    await of.set(session);
    expect(await of.data()).toBeUndefined();
  });

  it("lives one millisecond before its expiry, and not at it", async () => {
    const of = storeOf();
    await of.set(of.fresh({ n: 1 }, 1_000));
    vi.advanceTimersByTime(999);
    expect(await of.data()).toEqual({ n: 1 });
    vi.advanceTimersByTime(1);
    expect(await of.data()).toBeUndefined();
    expect(of.store.sessions).toEqual({});
  });
});

describe("the store as express-session's", () => {
  it("replaces a live session with an object that was not loaded from it", async () => {
    const of = storeOf();
    await of.set(of.fresh({ a: 1 }));
    await of.set(of.fresh({ b: 1 }));
    expect(await of.data()).toEqual({ b: 1 });
    await of.set({ cookie: {}, c: 1 });
    expect(await of.data()).toEqual({ c: 1 });
  });

  it("moves the expiry at a touch, and no data", async () => {
    const of = storeOf();
    await of.set(of.fresh({ n: 1 }, 1_000));
    const session = await of.loaded();
    session["n"] = 2;
    vi.advanceTimersByTime(500);
    await of.touch(session.touch());
    vi.advanceTimersByTime(999);
    expect(await of.data()).toEqual({ n: 1 });
  });

  it("lets the application read and write the stored texts", async () => {
    const of = storeOf();
    await of.set(of.fresh({ n: 1 }));
    const held = await of.loaded();
    of.store.sessions["one"] = JSON.stringify({ cookie: {}, n: 5, m: 5 });
    expect(await of.data()).toEqual({ n: 5, m: 5 });
    held["h"] = 1;
    await of.set(held);
    expect(await of.data()).toEqual({ n: 5, m: 5, h: 1 });
    of.store.sessions = {};
    expect(await of.data()).toBeUndefined();
  });

  it("counts and lists what is live", async () => {
    const of = storeOf();
    await of.set(of.fresh({ n: 1 }, 1_000));
    await of.ask("set", "two", of.fresh({ n: 2 }));
    expect(await of.ask("length")).toBe(2);
    vi.advanceTimersByTime(1_000);
    expect(Object.keys(await of.ask<object>("all"))).toEqual(["two"]);
    await of.ask("clear");
    expect(await of.ask("length")).toBe(0);
  });

  it("never answers before the call has returned, and needs no callback", async () => {
    const of = storeOf();
    let answered = false;
    of.store.get("one", () => (answered = true));
    expect(answered).toBe(false);
    of.store.set("one", of.fresh({ n: 1 }));
    of.store.touch("one", of.fresh());
    expect(await of.data()).toEqual({ n: 1 });
    of.store.destroy("one");
    of.store.clear();
    expect(await of.data()).toBeUndefined();
  });

  it("keeps what an application stores in place of a session", async () => {
    const of = storeOf();
    for (const value of ["text", 5, { toJSON: () => ({ mine: 1 }) }] as object[]) {
      await of.set(value);
      expect(await of.ask("get", "one")).toEqual(JSON.parse(JSON.stringify(value)));
    }
  });
});

describe("stores made of ours", () => {
  function Old(this: MemoryStore) {
    MemoryStore.call(this);
  }
  inherits(Old, MemoryStore);
  class Young extends MemoryStore {}
  function Base(this: Store) {
    Store.call(this);
  }
  inherits(Base, Store);

  it.each([
    ["util.inherits", Old],
    ["a class", Young],
  ])("by %s keep and give sessions", async (_, Kind) => {
    const store = Reflect.construct(Kind, []) as MemoryStore;
    expect([store instanceof MemoryStore, store instanceof EventEmitter]).toEqual([true, true]);
    await new Promise<void>((resolve) => store.set("a", { cookie: new Cookie() }, () => resolve()));
    const count = await new Promise((resolve) => store.length((_error, n) => resolve(n)));
    expect(count).toBe(1);
    expect(Object.keys(store).filter((key) => !key.startsWith("_"))).toEqual(["sessions"]);
  });

  it("on the bare Store emit events and make sessions", () => {
    const store = Reflect.construct(Base, []) as Store;
    const heard: string[] = [];
    store.on("connect", () => heard.push("connect"));
    store.emit("connect");
    expect(heard).toEqual(["connect"]);
    const req: { sessionID: string; session?: Loose } = { sessionID: "a" };
    const expires = new Date(2_000_000).toISOString();
    const data = { cookie: { expires, originalMaxAge: 9, path: "/x" }, n: 1, save: "no" };
    const session = store.createSession(req, data as unknown as SessionData) as Loose;
    expect(req.session).toBe(session);
    expect(Object.keys(session)).toEqual(["cookie", "n"]);
    expect(session.id).toBe("a");
    expect(session.cookie.data).toMatchObject({ originalMaxAge: 9, path: "/x" });
    expect(session.cookie.maxAge).toBe(1_000_000);
  });
});

describe("data that another sid or store handed out", () => {
  it("is a new session here: applications copy sessions and move them", async () => {
    const { fresh, set, ask, destroy } = storeOf();
    await set(fresh({ a: 1 }));
    await ask("set", "two", await ask<SessionData>("get", "one"));
    expect(await ask("get", "two")).toMatchObject({ a: 1 });
    const other = storeOf();
    await other.set((await ask<SessionData>("get", "one")) ?? {});
    expect(await other.data()).toEqual({ a: 1 });
    await destroy();
    expect(await ask("get", "two")).toMatchObject({ a: 1 });
  });
});
