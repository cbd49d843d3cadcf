/** Sealed sessions in front of handlers of fetch and Hono, in places without a store. */
import { Hono } from "hono";
import { sealedSessions as onFetch } from "sojourn/fetch";
import type { SealedHandler } from "sojourn/fetch";
import { sealedSessions as onHono } from "sojourn/hono";
import type { SealedEnv } from "sojourn/hono";
import type { SealedSessions } from "sojourn/sealed";
import { afterEach, describe, expect, it, vi } from "vitest";
import { BOUND_MS, MINUTE_MS, NAME, sealedWorld } from "../support/sealed-world.ts";

const TRANSIT_MS = 5_000;
const URL = "https://app.example/page";

afterEach(() => vi.useRealTimers());

type Handle = (request: Request) => Promise<Response>;

function honoHandle(of: SealedSessions, handler: SealedHandler): Handle {
  const app = new Hono<SealedEnv>();
  app.use(onHono(of));
  app.all("*", (c) => handler(c.req.raw, c.get("sealed")));
  return async (request) => app.fetch(request);
}

const told: SealedHandler = (_request, { standing }) =>
  Response.json({ state: standing.state, ...("data" in standing ? { data: standing.data } : {}) });

function from(cookies: string, headers: Readonly<Record<string, string>> = {}): Request {
  return new Request(URL, {
    headers: { ...(cookies === "" ? {} : { cookie: cookies }), ...headers },
  });
}

describe.each([
  ["fetch", onFetch],
  ["Hono", honoHandle],
] as const)("a handler on %s", (_name, wrap) => {
  it("gets what the cookies are worth, and no cache keeps the answer", async () => {
    const { edge, signIn } = sealedWorld();
    const { box } = await signIn();
    const handle = wrap(edge, told);
    const answer = await handle(from(box.header));
    expect(await answer.json()).toEqual({ state: "active", data: { cart: ["tea"] } });
    expect([answer.headers.get("cache-control"), answer.headers.getSetCookie()]).toEqual([
      "no-store",
      [],
    ]);
    const anonymous = await handle(from(""));
    expect(await anonymous.json()).toEqual({ state: "unknown" });
    expect(anonymous.headers.get("cache-control")).toBeNull();
  });

  it("sends the cookies of a copy made anew, unless the answer brings newer ones", async () => {
    const { edge, signIn, clock, questions } = sealedWorld();
    const { box } = await signIn();
    clock.advance(10 * MINUTE_MS);
    const stream = { accept: "text/event-stream", "user-agent": "Browser/1" };
    const answer = await wrap(edge, told)(from(box.header, stream));
    expect(answer.headers.getSetCookie()).toHaveLength(1);
    expect(answer.headers.get("vary")).toBe("Cookie, Sec-Fetch-Site, Origin");
    expect(questions).toMatchObject([{ activity: false, fingerprint: "Browser/1" }]);
    const origin: SealedHandler = () =>
      new Response("", { headers: { "set-cookie": `${NAME}=newer; Path=/` } });
    const passed = await wrap(edge, origin)(from(box.header));
    expect(passed.headers.getSetCookie()).toEqual([`${NAME}=newer; Path=/`]);
  });

  it("sends no cookie that would be late, and changes what is kept", async () => {
    const { edge, signIn, clock } = sealedWorld();
    const { box } = await signIn();
    clock.advance(10 * MINUTE_MS);
    vi.useFakeTimers({ toFake: ["performance"] });
    const after = (ms: number): SealedHandler => {
      return () => {
        vi.advanceTimersByTime(ms);
        return new Response("");
      };
    };
    const cookiesAfter = async (ms: number): Promise<number> =>
      (await wrap(edge, after(ms))(from(box.header))).headers.getSetCookie().length;
    expect([await cookiesAfter(TRANSIT_MS - 1), await cookiesAfter(TRANSIT_MS)]).toEqual([1, 0]);
    const changing: SealedHandler = async (_request, sealed) => {
      vi.advanceTimersByTime(TRANSIT_MS);
      // As a body of JSON has it: a key like any other.
      await sealed.change({ cart: null, n: 1, ["__proto__"]: "kept" });
      return Response.json(sealed.standing);
    };
    const changed = await wrap(edge, changing)(from(box.header));
    const text = await changed.text();
    expect(JSON.parse(text)).toMatchObject({ state: "active", data: { n: 1 } });
    expect(text).toContain('"__proto__":"kept"');
    expect(changed.headers.getSetCookie()).toHaveLength(1);
    expect((await edge.read(box.header)).state).toBe("active");
  });

  it("is spared what another site sends, and trouble (I7)", async () => {
    const { edge, signIn, feed, clock } = sealedWorld();
    const { box } = await signIn();
    const handler = vi.fn(told);
    const handle = wrap(edge, handler);
    const post = (headers: Readonly<Record<string, string>>): Request =>
      new Request(URL, { method: "POST", headers: { cookie: box.header, ...headers } });
    expect((await handle(post({ "sec-fetch-site": "same-site" }))).status).toBe(403);
    expect((await handle(post({}))).status).toBe(403);
    expect((await handle(post({ "sec-fetch-site": "same-origin" }))).status).toBe(200);
    feed.trouble = new Error("unreachable");
    clock.advance(BOUND_MS);
    const silent = await handle(from(box.header));
    expect([silent.status, silent.headers.getSetCookie()]).toEqual([503, []]);
    expect(handler).toHaveBeenCalledTimes(1);
  });
});

describe("set-up", () => {
  it("names what is wrong with it", () => {
    const { edge } = sealedWorld();
    expect(() => onFetch(edge, undefined as never)).toThrow(/handler: takes \(request, sealed\)/);
    expect(() => onHono({} as never)).toThrow(/sealed: takes what createSealedSessions\(\)/);
    expect(() => onFetch(edge, told, { crsf: {} } as never)).toThrow(/crsf: unknown option/);
    expect(() => onHono(edge, { csrf: { origins: ["app"] } })).toThrow(/csrf\.origins\[0\]/);
  });
});
