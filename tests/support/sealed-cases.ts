/**
 * What a sealed session promises, as cases that need no test runner: the same ones are run on Node,
 * workerd, Deno and Bun.
 */
import { same } from "./same.ts";
import {
  activeIn,
  BOUND_MS,
  CookieBox,
  factsOf,
  KEEP_MS,
  MINUTE_MS,
  NAME,
  sealedWorld,
  secretText,
} from "./sealed-world.ts";

export interface SealedCase {
  readonly name: string;
  run(): Promise<void>;
}

/** More than one cookie holds, and less than two. */
const LARGE = { text: "x".repeat(4_000) };

export const sealedCases: readonly SealedCase[] = [
  {
    name: "opens without store and authority, data included",
    async run() {
      const world = sealedWorld();
      const { edge, signIn, asked } = world;
      const { session, box } = await signIn();
      world.away = true;
      const standing = activeIn(await edge.read(box.header));
      same(standing.session.subject, "alice");
      same(standing.data, { cart: ["tea"] });
      same(standing.session.absoluteExpiresAt, session.absoluteExpiresAt);
      same(standing.setCookies, []);
      same(asked, []);
    },
  },
  {
    name: "[CK-01, ID-07] is a __Host- cookie that is Secure and HttpOnly",
    async run() {
      const { edge, sessions } = sealedWorld();
      const { session, token } = await sessions.open({ subject: "alice" });
      const [line = "", ...rest] = await edge.seal(factsOf(session, token));
      same(rest, []);
      same(line.startsWith(`${NAME}=sj1e_1`), true);
      same(line.endsWith("; Path=/; Secure; HttpOnly; SameSite=Lax"), true);
    },
  },
  {
    name: "[CK-08] ends with the browser, or with the session where that is remembered",
    async run() {
      const { edge, sessions, clock } = sealedWorld();
      for (const remember of [false, true]) {
        const { session, token } = await sessions.open({ subject: "alice" });
        const facts = factsOf(session, token);
        const lines = await edge.seal({ ...facts, session: { ...facts.session, remember } });
        const seconds = ((session.absoluteExpiresAt ?? 0) - clock.now()) / 1_000;
        const age = remember ? `; Max-Age=${seconds}` : undefined;
        same(
          lines.map((line) => /; Max-Age=\d+/.exec(line)?.[0]),
          [age],
        );
      }
    },
  },
  {
    name: "[ID-06] tells nothing: no subject, no data, no token",
    async run() {
      const { signIn } = sealedWorld();
      const { box, token } = await signIn({ secret: "hush" });
      for (const hidden of ["alice", "hush", token, token.slice(9, 33)]) {
        same(box.header.includes(hidden), false);
        same(box.header.includes(btoa(hidden).slice(0, 5)), false);
      }
    },
  },
  {
    name: "[CK-05] is spread over cookies past 4 kB and read again",
    async run() {
      const { edge, signIn } = sealedWorld();
      const { box } = await signIn(LARGE);
      same([...box.cookies.keys()], [NAME, `${NAME}.1`]);
      for (const [name, value] of box.cookies) same(name.length + value.length <= 4_096, true);
      same(activeIn(await edge.read(box.header)).data, LARGE);
    },
  },
  {
    name: "[CK-05] holds the token alone where data outgrew it, and is sealed again when it fits",
    async run() {
      const { edge, signIn, asked } = sealedWorld();
      const signed = await signIn({ text: "x".repeat(8_000) });
      same([...signed.box.cookies.values()], [signed.token]);
      const standing = activeIn(await edge.read(signed.box.header));
      same(Object.keys(standing.data), ["text"]);
      same(asked.length, 1);
      await signed.session.set("text", "short");
      const again = activeIn(await edge.read(signed.box.header));
      signed.box.take(again.setCookies);
      same(activeIn(await edge.read(signed.box.header)).data, { text: "short" });
      same(asked.length, 2);
    },
  },
  {
    name: "deletes the chunks that a smaller session leaves over",
    async run() {
      const { edge, signIn } = sealedWorld();
      const { session, token, box } = await signIn(LARGE);
      await session.set("text", "short");
      box.take(await edge.seal({ ...factsOf(session, token), cookieHeader: box.header }));
      same([...box.cookies.keys()], [NAME]);
      same(activeIn(await edge.read(box.header)).data, { text: "short" });
    },
  },
  {
    name: "[TE-02] ends within the bound of its logout, everywhere (I3)",
    async run() {
      const { edge, signIn, clock, edgeWith } = sealedWorld();
      const { session, box } = await signIn();
      activeIn(await edge.read(box.header));
      await session.logout();
      clock.advance(BOUND_MS);
      const ended = { state: "ended", reason: "logout" };
      same(await edge.read(box.header), ended);
      same(await edgeWith({}).read(box.header), ended);
    },
  },
  {
    name: "stays ended while whoever could say why is silent (I2)",
    async run() {
      const world = sealedWorld();
      const { edge, signIn, clock } = world;
      const { session, box } = await signIn();
      await session.logout();
      clock.advance(BOUND_MS);
      world.away = true;
      same(await edge.read(box.header), { state: "ended", reason: "revoked" });
    },
  },
  {
    name: "is unavailable, never active, once the feed is silent past the bound (I3, I7)",
    async run() {
      const { edge, signIn, clock, feed, edgeWith } = sealedWorld();
      const { box } = await signIn();
      activeIn(await edge.read(box.header));
      feed.trouble = new Error("unreachable");
      clock.advance(BOUND_MS - 1);
      activeIn(await edge.read(box.header));
      clock.advance(1);
      const silent = { state: "unavailable", why: "feed" };
      same(await edge.read(box.header), silent);
      same(await edgeWith({}).read(box.header), silent);
      feed.trouble = undefined;
      clock.advance(BOUND_MS);
      activeIn(await edge.read(box.header));
    },
  },
  {
    name: "asks nobody while the feed is silent, also where the token stands alone (I7)",
    async run() {
      const { signIn, asked, feed, edgeWith } = sealedWorld();
      const { box } = await signIn({ text: "x".repeat(8_000) });
      feed.trouble = new Error("unreachable");
      same(await edgeWith({}).read(box.header), { state: "unavailable", why: "feed" });
      same(asked, []);
    },
  },
  {
    name: "is unavailable where the feed tells of another tenant (I3)",
    async run() {
      const { edge, signIn, feed } = sealedWorld();
      const { box } = await signIn();
      feed.tenant = "other";
      same(await edge.read(box.header), { state: "unavailable", why: "feed" });
    },
  },
  {
    name: "ends by its idle and its absolute deadline, exactly then (I11)",
    async run() {
      const { edge, signIn, clock } = sealedWorld();
      const { box, session } = await signIn();
      const { header } = box;
      const idleAt = session.idleExpiresAt ?? 0;
      clock.advance(idleAt - clock.now() - 1);
      same((await edge.read(header, { activity: false })).state !== "ended", true);
      clock.advance(1);
      same(await edge.read(header), { state: "ended", reason: "idle_timeout" });
      clock.advance((session.absoluteExpiresAt ?? 0) - clock.now());
      const state = (await edge.read(header)).state;
      same(state, "ended");
    },
  },
  {
    name: "is active past neither deadline with nobody to ask, exactly then (I7, I11)",
    async run() {
      const world = sealedWorld();
      const { edge, sessions, clock } = world;
      const { session, token } = await sessions.open({ subject: "alice" });
      const facts = factsOf(session, token);
      const endsAt = clock.now() + 4 * MINUTE_MS;
      const [idle, absolute] = [new CookieBox(), new CookieBox()];
      idle.take(await edge.seal({ ...facts, session: { ...facts.session, idleMs: 240_000 } }));
      const cut = { ...facts.session, absoluteExpiresAt: endsAt };
      absolute.take(await edge.seal({ ...facts, session: cut }));
      world.away = true;
      clock.advance(4 * MINUTE_MS - 1);
      activeIn(await edge.read(idle.header));
      activeIn(await edge.read(absolute.header));
      clock.advance(1);
      // Elsewhere the person may have been active: so nobody can say it ended.
      same(await edge.read(idle.header), { state: "unavailable", why: "authority" });
      same(await edge.read(absolute.header), { state: "ended", reason: "absolute_timeout" });
    },
  },
  {
    name: "is made anew by the authority every few minutes, and its absolute end stays (I11)",
    async run() {
      const { edge, signIn, clock, asked } = sealedWorld();
      const { box, session } = await signIn();
      const { absoluteExpiresAt = 0 } = session;
      let renewals = 0;
      while (clock.now() < absoluteExpiresAt) {
        const standing = activeIn(await edge.read(box.header));
        same(standing.session.absoluteExpiresAt, absoluteExpiresAt);
        same(standing.session.seenAt <= clock.now(), true);
        if (standing.setCookies.length > 0) renewals += 1;
        box.take(standing.setCookies);
        clock.advance((session.idleExpiresAt ?? 0) - (session.createdAt ?? 0) - MINUTE_MS);
      }
      same(renewals > 20, true);
      same(asked.length, renewals);
      same((await edge.read(box.header)).state, "ended");
    },
  },
  {
    name: "is made anew sooner where idleness ends it sooner",
    async run() {
      const { edge, sessions, clock, asked } = sealedWorld();
      const { session, token } = await sessions.open({ subject: "alice" });
      const facts = factsOf(session, token);
      const box = new CookieBox();
      box.take(await edge.seal({ ...facts, session: { ...facts.session, idleMs: 4 * MINUTE_MS } }));
      clock.advance(MINUTE_MS - 1);
      activeIn(await edge.read(box.header));
      same(asked.length, 0);
      clock.advance(1);
      activeIn(await edge.read(box.header));
      same(asked.length, 1);
    },
  },
  {
    name: "tells the authority what the request was, and sets nothing where nothing can be set",
    async run() {
      const { edge, signIn, clock, questions } = sealedWorld();
      const { box, session } = await signIn();
      clock.advance(10 * MINUTE_MS);
      const quiet = { activity: false, canSetCookies: false };
      const standing = activeIn(await edge.read(box.header, quiet));
      same(standing.setCookies, []);
      same(standing.session.seenAt, session.createdAt);
      same(activeIn(await edge.read(box.header)).setCookies.length, 1);
      const said = questions.map(({ activity, canSetToken }) => [activity, canSetToken]);
      same(said, [
        [false, false],
        [true, true],
      ]);
    },
  },
  {
    name: "is read and never made where that is all that was asked for",
    async run() {
      const { edgeWith, sessions, signIn, clock, questions } = sealedWorld();
      const reader = edgeWith({ readOnly: true });
      const { box } = await signIn();
      clock.advance(10 * MINUTE_MS);
      same(activeIn(await reader.read(box.header)).setCookies, []);
      same(
        questions.map(({ canSetToken }) => canSetToken),
        [false],
      );
      const { session, token } = await sessions.open({ subject: "alice" });
      const refusals: string[] = [];
      const refused = (error: unknown): void => void refusals.push(String(error));
      await Promise.resolve()
        .then(() => reader.seal(factsOf(session, token)))
        .then(String, refused);
      await reader.change(box.header, { n: 1 }).then(String, refused);
      same(
        refusals.map((text) => text.includes("readOnly")),
        [true, true],
      );
    },
  },
  {
    name: "gives nobody while a factor is missing",
    async run() {
      const { edge, sessions } = sealedWorld();
      const { session, token } = await sessions.open({ subject: "alice", data: { a: 1 } });
      await session.lock(1);
      const box = new CookieBox();
      box.take(await edge.seal(factsOf(session, token)));
      same(await edge.read(box.header), { state: "locked", setCookies: [] });
    },
  },
  {
    name: "is asked for again when the feed lost sight while the authority was asked",
    async run() {
      const world = sealedWorld();
      const { edge, signIn, clock, feed, asked } = world;
      const { box } = await signIn();
      clock.advance(10 * MINUTE_MS);
      world.whileAsked = () => {
        clock.advance(1);
        feed.entries.push({ kind: "all", at: clock.now() });
        clock.advance(1);
      };
      box.take(activeIn(await edge.read(box.header)).setCookies);
      world.whileAsked = undefined;
      clock.advance(BOUND_MS);
      activeIn(await edge.read(box.header));
      same(asked.length, 2);
    },
  },
  {
    name: "goes on without the authority for as long as the feed would tell of its end",
    async run() {
      const world = sealedWorld();
      const { edge, signIn, clock, errors } = world;
      const { box } = await signIn();
      world.away = true;
      clock.advance(KEEP_MS - MINUTE_MS - 1);
      same(activeIn(await edge.read(box.header)).setCookies, []);
      clock.advance(1);
      same(await edge.read(box.header), { state: "unavailable", why: "authority" });
      same(errors.length, 2);
      world.away = false;
      clock.advance(BOUND_MS);
      box.take(activeIn(await edge.read(box.header)).setCookies);
      world.away = true;
      activeIn(await edge.read(box.header));
    },
  },
  {
    name: "is made anew in time where the feed remembers little",
    async run() {
      const world = sealedWorld();
      const { edge, signIn, clock, feed, asked } = world;
      feed.keepMs = 6 * MINUTE_MS;
      const { box } = await signIn();
      clock.advance(2.5 * MINUTE_MS - 1);
      activeIn(await edge.read(box.header));
      same(asked.length, 0);
      world.away = true;
      clock.advance(1);
      activeIn(await edge.read(box.header));
      same(asked.length, 1);
      clock.advance(2.5 * MINUTE_MS);
      same(await edge.read(box.header), { state: "unavailable", why: "authority" });
    },
  },
  {
    name: "[KY-02, KY-03] opens under every secret and is sealed under the first",
    async run() {
      const { edge, edgeWith, signIn, sessions } = sealedWorld();
      const { box, session, token } = await signIn();
      const both = edgeWith({ secrets: [secretText(2), secretText(1)] });
      activeIn(await both.read(box.header));
      const next = new CookieBox();
      next.take(await both.seal(factsOf(session, token)));
      same((await edge.read(next.header)).state, "unknown");
      const after = edgeWith({ secrets: [secretText(2)] });
      activeIn(await after.read(next.header));
      same((await after.read(box.header)).state, "unknown");
      same((await sessions.authenticate(token)).state, "active");
    },
  },
  {
    name: "is cleared with every chunk, by the answer to a logout",
    async run() {
      const { edge, signIn } = sealedWorld();
      const { box } = await signIn(LARGE);
      box.take(edge.clear(box.header));
      same(box.header, "");
      same(edge.clear().length, 4);
      same(await edge.read(box.header), { state: "unknown", why: "absent" });
    },
  },
];
