/** What express-session has not: methods that answer with promises, and a save that was refused. */
import type { IncomingMessage, ServerResponse } from "node:http";
import upstream from "express-session";
import { afterEach, describe, expect, it } from "vitest";
import { SessionEndedError } from "../engine/errors.ts";
import { MemoryStore } from "./memory-store.ts";
import { session } from "./middleware.ts";
import type { Session } from "./session.ts";
import { signSid } from "./signature.ts";
import type { Callback, SessionRequest, StoreLike } from "./types.ts";

type Loose = Session & Record<string, unknown>;
type Request = SessionRequest & { session: Loose };

const unhandled: unknown[] = [];
const hear = (reason: unknown): void => void unhandled.push(reason);
process.on("unhandledRejection", hear);
afterEach(() => void unhandled.splice(0));

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** A request of `sid` behind the middleware, without a server. */
async function request(store: StoreLike, sid?: string): Promise<Request> {
  const cookie = sid === undefined ? {} : { cookie: `connect.sid=${signSid(sid, "secret")}` };
  const req = { headers: cookie, url: "/" } as unknown as IncomingMessage;
  const options = { secret: "secret", resave: false, saveUninitialized: false, store };
  const res = {} as ServerResponse;
  await new Promise<void>((resolve, reject) => {
    session(options)(req, res, (error) => (error ? reject(error) : resolve()));
  });
  return req as Request;
}

const stores: [string, () => StoreLike][] = [
  ["our store", () => new MemoryStore()],
  ["a store of express-session's", () => new upstream.MemoryStore()],
];

describe.each(stores)("methods without a callback, on %s", (_, create) => {
  it("answer with promises, for new and for loaded sessions", async () => {
    const store = create();
    const first = await request(store);
    first.session["n"] = 1;
    expect(await first.session.save()).toBeUndefined();
    const sid = first.sessionID;
    const again = await request(store, sid);
    const loaded = again.session;
    loaded["n"] = 2;
    await loaded.reload();
    expect(again.session).not.toBe(loaded);
    expect(again.session["n"]).toBe(1);
    again.session["n"] = 3;
    await again.session.save();
    expect((await request(store, sid)).session["n"]).toBe(3);
    await again.session.regenerate();
    expect(again.sessionID).not.toBe(sid);
    const last = await request(store, sid);
    expect(last.session["n"]).toBeUndefined();
    await last.session.destroy();
    expect(last.session).toBeUndefined();
  });

  it("reject with the store's error; only reload and regenerate do so when nobody awaits", async () => {
    const boom = new Error("boom");
    const fail = (...values: unknown[]): void => (values.at(-1) as Callback)(boom);
    const store = create();
    const { session, sessionID } = await request(store);
    session["n"] = 1;
    await session.save();
    const req = await request(store, sessionID);
    for (const name of ["set", "get", "destroy"] as const) Object.assign(store, { [name]: fail });
    await expect(req.session.save()).rejects.toBe(boom);
    await expect(req.session.reload()).rejects.toBe(boom);
    const held = req.session;
    await expect(held.regenerate()).rejects.toBe(boom);
    await expect(held.destroy()).rejects.toBe(boom);
    void held.save();
    void held.destroy();
    await turn();
    expect(unhandled).toEqual([]);
    void held.reload();
    await turn();
    expect(unhandled).toEqual([boom]);
  });

  it("throw at once what the store throws at once", async () => {
    const store = create();
    const req = await request(store);
    store.set = () => {
      throw new Error("at once");
    };
    expect(() => req.session.save()).toThrow("at once");
  });

  it("return the session when there is a callback", async () => {
    const req = await request(create());
    const held = req.session;
    const answered = new Promise<unknown>((resolve) => {
      expect(held.save(resolve)).toBe(held);
    });
    expect(await answered).toBeFalsy();
  });
});

describe("a save that comes too late", () => {
  async function late() {
    const store = new MemoryStore();
    const first = await request(store);
    first.session["n"] = 1;
    await first.session.save();
    const req = await request(store, first.sessionID);
    store.destroy(first.sessionID);
    return { store, held: req.session };
  }

  it("is told to the application that asked, by promise and by callback", async () => {
    const { store, held } = await late();
    await expect(held.save()).rejects.toThrow(SessionEndedError);
    const error = await new Promise<unknown>((resolve) => void held.save(resolve));
    expect(error).toMatchObject({ code: "ERR_SESSION_ENDED" });
    expect(store.sessions).toEqual({});
  });

  it("is an error of nobody's for the callback that an unchanged express-session gives", async () => {
    const { store, held } = await late();
    const bare = await new Promise<Session | null | undefined>((resolve) => {
      store.sessions["two"] = JSON.stringify({ cookie: {} });
      store.load("two", (_error, session) => resolve(session));
    });
    store.destroy("two");
    const answer = await new Promise<unknown>((resolve) => void bare?.save(resolve));
    expect(answer).toBeUndefined();
    expect(held.id).not.toBe("two");
    expect(store.sessions).toEqual({});
  });
});
