/** The static faces: what programs see of the package without a request. */
import { EventEmitter } from "node:events";
import { inherits } from "node:util";
import { BEGAN_AT } from "../support/world.ts";
import type { Implementation, LooseStore, Method } from "../support/types.ts";

type Probe = (impl: Implementation) => unknown;
const CLASSES = ["Store", "MemoryStore", "Cookie", "Session"] as const;

type Loose = Record<string, unknown>;

/** A request as middlewares see it, as far as sessions look. */
function request(store?: LooseStore): Loose {
  return { sessionID: "id-1", sessionStore: store, headers: {} };
}

/** All that a constructor function is used for. */
function shapeOf(value: object): unknown {
  const prototype = (value as { prototype?: object }).prototype ?? {};
  const names = Object.getOwnPropertyNames(prototype).sort();
  return names.map((name) => {
    const { value: held, get, set, ...flags } = Object.getOwnPropertyDescriptor(prototype, name)!;
    const length = typeof held === "function" ? (held as Method).length : undefined;
    return [name, typeof held, typeof get, typeof set, flags, name === "constructor" ? 0 : length];
  });
}

function keysIn(value: object): string[] {
  const keys: string[] = [];
  for (const key in value) keys.push(key);
  return keys;
}

function answered(store: LooseStore, name: string, ...args: unknown[]): Promise<unknown[]> {
  return new Promise((resolve) => {
    const method = (store as unknown as Record<string, Method>)[name]!;
    method.call(store, ...args, (...given: unknown[]) => resolve(given));
  });
}

const faceProbes: Readonly<Record<string, Probe>> = {
  "the function": (impl) => [
    typeof impl,
    impl.name,
    impl.length,
    CLASSES.map((name) => name in impl),
  ],
  "the middleware": (impl) => {
    const middleware = impl({ secret: "x", resave: false, saveUninitialized: false });
    return [typeof middleware, middleware.name, middleware.length];
  },
  "without options": (impl) => typeof impl(),
  "null as options": (impl) => typeof impl(null as never),
  "called with new": (impl) => {
    const made = Reflect.construct(impl, [{ secret: "x", resave: true, saveUninitialized: true }]);
    return typeof made;
  },
  "what the store gets": (impl) => {
    const store = new impl.MemoryStore();
    impl({ secret: "x", resave: false, saveUninitialized: false, store });
    return [
      Object.keys(store).sort(),
      store.listenerCount("connect"),
      store.listenerCount("disconnect"),
    ];
  },
  ...Object.fromEntries(
    CLASSES.flatMap((name): [string, Probe][] => [
      [`${name}: kind`, (impl) => [typeof impl[name], impl[name].name, impl[name].length]],
      [`${name}: prototype`, (impl) => shapeOf(impl[name])],
      [`${name}: own keys`, (impl) => Object.keys(impl[name])],
    ]),
  ),
  "Store called as a function": (impl) => Reflect.apply(impl.Store, {}, []) === undefined,
  "Cookie called as a function": (impl) => {
    const self = Object.create(impl.Cookie.prototype as object) as Loose;
    Reflect.apply(impl.Cookie, self, [{ maxAge: 5 }]);
    return self;
  },
  "MemoryStore called as a function": (impl) => {
    const self = Object.create(impl.MemoryStore.prototype as object) as Loose;
    Reflect.apply(impl.MemoryStore, self, []);
    return Object.keys(self).includes("sessions");
  },
  "Session called as a function": (impl) => {
    const self = Object.create(impl.Session.prototype as object) as Loose;
    Reflect.apply(impl.Session, self, [request(), { a: 1 }]);
    return [Object.keys(self), self["id"]];
  },
  "a store by util.inherits": (impl) => {
    function Own(this: unknown): void {
      Reflect.apply(impl.Store, this, []);
    }
    inherits(Own, impl.Store);
    const own = new (Own as unknown as new () => LooseStore)();
    return [own instanceof impl.Store, own instanceof EventEmitter, own.emit("connect")];
  },
  "a store by class": (impl) => {
    class Own extends impl.Store {}
    const own = new Own();
    return [own instanceof impl.Store, own instanceof EventEmitter, keysIn(own).sort()];
  },
  "a MemoryStore by class": (impl) => {
    class Own extends impl.MemoryStore {}
    return [new Own() instanceof impl.Store, Object.keys(new Own()).includes("sessions")];
  },
  "the sessions of a MemoryStore": async (impl) => {
    const store = new impl.MemoryStore() as LooseStore & { sessions: Loose };
    await answered(store, "set", "id-1", { cookie: { path: "/" }, a: 1 });
    const { sessions } = store;
    return [Object.getPrototypeOf(sessions), sessions];
  },
};

const cookieOptions: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  null: null,
  false: false,
  "an empty object": {},
  "a number": 4,
  text: "text",
  "maxAge 5 s": { maxAge: 5_000 },
  "maxAge as text": { maxAge: "5000" },
  expires: { expires: new Date(BEGAN_AT + 7_000) },
  data: { data: 1 },
  everything: { path: "/a", domain: "a.test", httpOnly: false, secure: true, sameSite: "lax" },
};

const cookieProbes: Readonly<Record<string, Probe>> = {
  ...Object.fromEntries(
    Object.entries(cookieOptions).map(([name, options]): [string, Probe] => [
      `a cookie of ${name}`,
      (impl) => {
        const cookie = new impl.Cookie(options);
        const { maxAge, originalMaxAge, expires, data } = cookie;
        const keys = [Object.keys(cookie), keysIn(cookie)];
        return [maxAge, originalMaxAge, String(expires), data, keys, JSON.stringify(cookie)];
      },
    ]),
  ),
  "a cookie of a cookie": (impl) => {
    const cookie = new impl.Cookie({ maxAge: 5_000, path: "/a" });
    return JSON.stringify(new impl.Cookie(cookie));
  },
  "a cookie of a cookie's data": (impl) => {
    const cookie = new impl.Cookie({ maxAge: 5_000, path: "/a" });
    return JSON.stringify(new impl.Cookie(cookie.data));
  },
  "text of a cookie": (impl) => {
    const options = { maxAge: 5_000, secure: true, sameSite: "none", partitioned: true };
    return new impl.Cookie({ ...options, priority: "high" }).serialize("a", "b c;é");
  },
  "text of a cookie with a bad name": (impl) => new impl.Cookie().serialize("a b", "c"),
  "maxAge after expires": (impl) => {
    const cookie = new impl.Cookie({ maxAge: 5_000 });
    cookie.expires = new Date(BEGAN_AT + 60_000);
    const first = [cookie.maxAge, cookie.originalMaxAge];
    cookie.maxAge = 1_000;
    return [first, cookie.maxAge, cookie.originalMaxAge, String(cookie.expires)];
  },
  "expires as text": (impl) => {
    const cookie = new impl.Cookie();
    cookie.expires = "2030-01-01";
    return [cookie.maxAge, cookie.originalMaxAge, cookie.expires];
  },
};

const sessionProbes: Readonly<Record<string, Probe>> = {
  "a session of nothing": (impl) => {
    const session = new impl.Session(request());
    return [Object.keys(session), session.id, JSON.stringify(session)];
  },
  "a session of data": (impl) => {
    const data = { a: 1, save: "mine", id: "mine", toString: "mine", hasOwnProperty: 1 };
    const session = new impl.Session(request(), data);
    return [Object.keys(session), session.id, typeof session.save];
  },
  "a session of inherited data": (impl) =>
    Object.keys(new impl.Session(request(), Object.create({ inherited: 1 }) as object)),
  "a session of text": (impl) => Object.keys(new impl.Session(request(), "text")),
  "a session of null": (impl) => Object.keys(new impl.Session(request(), null)),
  "a session without a request": (impl) => new impl.Session(undefined),
  "a session whose id is assigned": (impl) => {
    const session = new impl.Session(request()) as unknown as Loose;
    session["id"] = "other";
    return session["id"];
  },
  "touch and resetMaxAge": (impl) => {
    const session = new impl.Session(request());
    session.cookie = new impl.Cookie({ maxAge: 5_000 });
    session.cookie.expires = new Date(BEGAN_AT + 1);
    session.cookie.originalMaxAge = 9_000;
    return [session.touch() === session, session.cookie.maxAge, session.cookie.originalMaxAge];
  },
  "save of a bare session": async (impl) => {
    const store = new impl.MemoryStore();
    const session = new impl.Session(request(store), { a: 1 });
    session.cookie = new impl.Cookie();
    const given = await new Promise((resolve) => void session.save((...all) => resolve(all)));
    return [given, await answered(store, "get", "id-1")];
  },
};

const storeProbes: Readonly<Record<string, Probe>> = {
  "a row through a MemoryStore": async (impl) => {
    const store = new impl.MemoryStore();
    const set = await answered(store, "set", "id-1", { cookie: new impl.Cookie(), a: [1] });
    const got = await answered(store, "get", "id-1");
    return [set, got, await answered(store, "all"), await answered(store, "length")];
  },
  "a MemoryStore without callbacks": async (impl) => {
    const store = new impl.MemoryStore();
    store.set("id-1", { cookie: {}, a: 1 });
    store.touch?.("id-1", { cookie: { path: "/b" }, a: 2 });
    const got = await answered(store, "get", "id-1");
    store.destroy("id-1");
    store.clear?.();
    return [got, await answered(store, "all")];
  },
  "what a MemoryStore's methods return": (impl) => {
    const store = new impl.MemoryStore();
    const nothing = (): void => undefined;
    return [
      typeof store.set("id-1", { cookie: {} }, nothing),
      typeof store.get("id-1", nothing),
      typeof store.destroy("id-1", nothing),
      typeof store.clear?.(nothing),
    ];
  },
  "a row that is changed after it was read": async (impl) => {
    const store = new impl.MemoryStore();
    await answered(store, "set", "id-1", { cookie: {}, list: [1] });
    const [, row] = (await answered(store, "get", "id-1")) as [unknown, { list: number[] }];
    row.list.push(2);
    return answered(store, "get", "id-1");
  },
  "rows that expire": async (impl) => {
    const store = new impl.MemoryStore();
    const at = (ms: number): object => ({ cookie: { expires: new Date(BEGAN_AT + ms) } });
    for (const ms of [-1, 0, 1]) await answered(store, "set", `at ${ms}`, at(ms));
    return [await answered(store, "all"), await answered(store, "length")];
  },
  "clear, then length": async (impl) => {
    const store = new impl.MemoryStore();
    await answered(store, "set", "id-1", { cookie: {} });
    return [await answered(store, "clear"), await answered(store, "length")];
  },
  "touch of nobody": async (impl) => {
    const store = new impl.MemoryStore();
    return [await answered(store, "touch", "id-1", { cookie: {} }), await answered(store, "all")];
  },
  "when a MemoryStore answers": async (impl) => {
    const order: string[] = [];
    const store = new impl.MemoryStore();
    store.get("id-1", () => order.push("answer"));
    order.push("caller");
    process.nextTick(() => order.push("tick"));
    await new Promise((resolve) => void setImmediate(resolve));
    return order.join();
  },
  "createSession of a row": (impl) => {
    const store = new impl.Store();
    const made = request(store);
    const expires = new Date(BEGAN_AT + 4_000).toISOString();
    const session = store.createSession(made, { cookie: { expires, originalMaxAge: 9_000 }, a: 1 });
    const { maxAge, originalMaxAge } = session.cookie;
    return [made["session"] === session, JSON.stringify(session), maxAge, originalMaxAge];
  },
  "createSession without a cookie": (impl) => new impl.Store().createSession(request(), {}),
  "load of a row": async (impl) => {
    const store = new impl.MemoryStore();
    await answered(store, "set", "id-1", { cookie: {}, a: 1 });
    const found = await answered(store, "load", "id-1");
    return [found, (found[1] as { id: string }).id, await answered(store, "load", "nobody")];
  },
};

export const probes: Readonly<Record<string, Probe>> = {
  ...faceProbes,
  ...cookieProbes,
  ...sessionProbes,
  ...storeProbes,
};
