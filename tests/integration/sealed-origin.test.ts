/**
 * An origin with a store sets sealed cookies, whatever its framework; another place reads them
 * without a call. One browser, one cookie: its token is the session's.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import type { Request as ExpressRequest } from "express";
import { Hono } from "hono";
import { createSessions, MemoryStore } from "sojourn";
import type { Session, Sessions } from "sojourn";
import { sessions as onExpress } from "sojourn/express";
import type { SessionRequest } from "sojourn/express";
import { sessions as onFetch } from "sojourn/fetch";
import { sessions as onHono } from "sojourn/hono";
import type { SessionEnv } from "sojourn/hono";
import { createSealedSessions, sessionsAuthority } from "sojourn/sealed";
import type { AuthorityQuestion, SealedSessions } from "sojourn/sealed";
import { ManualClock } from "sojourn/testing";
import { afterEach, describe, expect, it } from "vitest";
import { CookieBox, MINUTE_MS, NAME, secretText, WrittenFeed } from "../support/sealed-world.ts";

interface Data {
  text?: string;
}
type Ask = (path: string, box: CookieBox) => Promise<Answer>;
interface Answer {
  readonly status: number;
  readonly json: unknown;
  readonly setCookies: readonly string[];
  readonly cache: string | null;
}
interface World {
  readonly clock: ManualClock;
  readonly sessions: Sessions<Data>;
  readonly edge: SealedSessions;
  readonly asked: AuthorityQuestion[];
}

/** By when the policy asks for another token. */
const ROTATED_MS = 6 * 60 * MINUTE_MS;
/** The longest an honest message is under way. */
const TRANSIT_MS = 5_000;
const ORIGIN = "https://app.example";
const ending: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ending.splice(0)) await end();
});

function world(): World {
  const clock = new ManualClock();
  const secrets = [secretText(1)];
  const sessions = createSessions<Data>({
    store: new MemoryStore(),
    secrets,
    clock,
    sweep: false,
    sealed: {},
    proxies: ["127.0.0.0/8"],
    csrf: { origins: [ORIGIN] },
    warn: () => undefined,
  });
  const feed = new WrittenFeed(() => clock.now());
  sessions.events.on("session-ended", ({ session = "", at }) => {
    feed.entries.push({ kind: "session", session, at });
  });
  const asked: AuthorityQuestion[] = [];
  const house = sessionsAuthority(sessions);
  const authority = {
    check: (question: AuthorityQuestion) => {
      asked.push(question);
      return house.check(question);
    },
  };
  const time = { wall: () => clock.now(), monotonic: () => clock.now() };
  const edge = createSealedSessions({ secrets, feed, authority, boundMs: 5_000, time });
  return { clock, sessions, edge, asked };
}

/** What the application does on each framework. */
async function act(path: string, session: Session<Data>, clock: ManualClock): Promise<unknown> {
  const { pathname, searchParams } = new URL(path, ORIGIN);
  if (pathname === "/slow") clock.advance(TRANSIT_MS + 1);
  if (pathname === "/login") await session.login("alice", { amr: ["pwd"] });
  if (pathname === "/logout") await session.logout();
  if (pathname === "/set") await session.set("text", "x".repeat(Number(searchParams.get("chars"))));
  return { subject: session.subject, chars: session.data.text?.length ?? 0 };
}

async function asking(request: (url: Request) => Promise<Response>): Promise<Ask> {
  return async (path, box) => {
    const url = new URL(path, ORIGIN);
    const headers = { cookie: box.header, "sec-fetch-site": "same-origin" };
    const response = await request(new Request(url, { method: "POST", headers }));
    return answerOf(response, box);
  };
}

async function answerOf(response: Response, box: CookieBox): Promise<Answer> {
  const setCookies = response.headers.getSetCookie();
  box.take(setCookies);
  const json = (await response.json()) as unknown;
  return {
    status: response.status,
    json,
    setCookies,
    cache: response.headers.get("cache-control"),
  };
}

async function expressOrigin({ sessions, clock }: World): Promise<Ask> {
  const app = express();
  app.use(onExpress(sessions));
  app.use((req, res, next) => {
    const { session } = req as ExpressRequest & SessionRequest<Data>;
    act(req.originalUrl, session, clock).then((said) => res.json(said), next);
  });
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ending.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  return async (path, box) => {
    const headers = {
      cookie: box.header,
      "sec-fetch-site": "same-origin",
      "x-forwarded-proto": "https",
      "x-forwarded-for": "192.0.2.1",
    };
    return answerOf(
      await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", headers }),
      box,
    );
  };
}

function fetchOrigin({ sessions, clock }: World): Promise<Ask> {
  const handle = onFetch(sessions, async ({ url }, { session }) =>
    Response.json(await act(url, session, clock)),
  );
  return asking((request) => handle(request, { encrypted: true, remoteAddress: "127.0.0.1" }));
}

function honoOrigin({ sessions, clock }: World): Promise<Ask> {
  const app = new Hono<SessionEnv<Data>>();
  app.use(onHono(sessions));
  app.all("*", async (c) => c.json((await act(c.req.url, c.get("session"), clock)) as object));
  return asking(async (request) => app.fetch(request));
}

const ORIGINS = [
  ["Express", expressOrigin],
  ["fetch", fetchOrigin],
  ["Hono", honoOrigin],
] as const;

describe.each(ORIGINS)("an origin on %s", (_name, originIn) => {
  it("seals at login, and elsewhere the session is read without a call", async () => {
    const here = world();
    const ask = await originIn(here);
    const box = new CookieBox();
    const login = await ask("/login", box);
    expect([login.json, login.cache]).toEqual([{ subject: "alice", chars: 0 }, "no-store"]);
    expect(box.cookies.get(NAME)).toMatch(/^sj1e_1/);
    expect(await here.edge.read(box.header)).toMatchObject({
      state: "active",
      session: { subject: "alice" },
      setCookies: [],
    });
    expect((await ask("/me", box)).setCookies).toEqual([]);
    expect(here.asked).toEqual([]);
  });

  it("[CK-05] seals each change, over two cookies and back, and past the cap its token alone", async () => {
    const here = world();
    const ask = await originIn(here);
    const box = new CookieBox();
    await ask("/login", box);
    const shapeAt = async (chars: number) => {
      await ask(`/set?chars=${chars}`, box);
      const standing = await here.edge.read(box.header);
      expect(standing).toMatchObject({ state: "active", data: { text: "x".repeat(chars) } });
      return [[...box.cookies.keys()], here.asked.length];
    };
    expect(await shapeAt(10)).toEqual([[NAME], 0]);
    expect(await shapeAt(4_000)).toEqual([[NAME, `${NAME}.1`], 0]);
    expect(await shapeAt(8_000)).toEqual([[NAME], 1]);
    expect(box.cookies.get(NAME)).toMatch(/^sj1s_/);
    expect((await ask("/me", box)).setCookies).toEqual([]);
    expect(await shapeAt(20)).toEqual([[NAME], 1]);
  });

  it("clears every chunk at logout, which ends the copy elsewhere", async () => {
    const here = world();
    const ask = await originIn(here);
    const box = new CookieBox();
    await ask("/login", box);
    await ask("/set?chars=4000", box);
    const { header } = box;
    await ask("/logout", box);
    expect(box.header).toBe("");
    here.clock.advance(5_000);
    expect(await here.edge.read(header)).toEqual({ state: "ended", reason: "logout" });
    box.take(header.split("; "));
    expect((await ask("/me", box)).json).toEqual({ subject: null, chars: 0 });
  });

  it("seals anew when the copy is a few minutes old, and takes over what the edge renewed", async () => {
    const here = world();
    const ask = await originIn(here);
    const box = new CookieBox();
    await ask("/login", box);
    here.clock.advance(5 * MINUTE_MS - 1);
    expect((await ask("/me", box)).setCookies).toEqual([]);
    here.clock.advance(1);
    expect((await ask("/slow", box)).setCookies).toEqual([]);
    const before = box.header;
    expect((await ask("/me", box)).setCookies).toHaveLength(1);
    expect(box.header).not.toBe(before);
    here.clock.advance(20 * MINUTE_MS);
    const standing = await here.edge.read(box.header);
    expect(standing.state === "active" && standing.setCookies.length).toBe(1);
    if (standing.state === "active") box.take(standing.setCookies);
    expect((await ask("/me", box)).json).toEqual({ subject: "alice", chars: 0 });
    expect(here.asked).toHaveLength(1);
  });

  it("turns no cookie back for a straggler with the token before", async () => {
    const here = world();
    const ask = await originIn(here);
    const box = new CookieBox();
    await ask("/login", box);
    const straggler = new CookieBox();
    straggler.take(box.header.split("; "));
    here.clock.advance(ROTATED_MS);
    expect((await ask("/me", box)).setCookies).toHaveLength(1);
    expect((await ask("/me", box)).json).toEqual({ subject: "alice", chars: 0 });
    expect((await ask("/set?chars=5", straggler)).setCookies).toEqual([]);
    expect((await ask("/me", box)).json).toEqual({ subject: "alice", chars: 5 });
  });

  it("goes on with the plain cookie that it set before sealing was turned on", async () => {
    const here = world();
    const ask = await originIn(here);
    const { token } = await here.sessions.open({ subject: "alice" });
    const box = new CookieBox();
    box.cookies.set(NAME, token);
    expect((await ask("/me", box)).json).toEqual({ subject: "alice", chars: 0 });
    expect(box.cookies.get(NAME)).toMatch(/^sj1e_/);
  });

  it("takes nothing that was tampered with for anybody", async () => {
    const here = world();
    const ask = await originIn(here);
    const box = new CookieBox();
    await ask("/login", box);
    const value = box.cookies.get(NAME) ?? "";
    box.cookies.set(NAME, `${value.slice(0, -6)}AAAAAA`);
    const answer = await ask("/me", box);
    expect([answer.status, answer.json]).toEqual([200, { subject: null, chars: 0 }]);
    expect(answer.setCookies).toEqual([]);
  });
});
