/** `sojourn-client` in a Chromium without DBSC: a key of Web Crypto takes its place. */
import { MemoryStore } from "sojourn/stores/memory";
import { FaultyStore } from "sojourn/testing";
import type { Client } from "sojourn-client";
import type { BrowserContext, Page } from "playwright-core";
import { afterEach, describe, expect, it } from "vitest";
import {
  ALICE,
  BOUND,
  closeWorlds,
  GRACE_MS,
  me,
  names,
  newFolder,
  openPlain,
  openProfile,
  post,
  signIn,
  startWorld,
} from "./support/bound-site.ts";
import type { Me, World } from "./support/bound-site.ts";
import { soon } from "./support/chromium.ts";
import { APP } from "./support/site.ts";

declare const client: Client;

const MINUTE_MS = 60_000;
/** A browser with DBSC goes first for this long, and a bound cookie is good for ten minutes. */
const DBSC_FIRST_MS = 5_000;
const DUE_MS = 8 * MINUTE_MS;
const LOCKED = { subject: null, state: "locked" };

afterEach(closeWorlds);

interface Plain {
  readonly context: BrowserContext;
  readonly page: Page;
}

interface BoundWorld extends Plain {
  readonly world: World;
}

async function world(options: Parameters<typeof startWorld>[0] = {}): Promise<World> {
  const policy = { extends: "saas", binding: "require-where-supported" } as const;
  return startWorld({ dbsc: { webcrypto: true }, policy, ...options });
}

/** Signed in and bound, past the first moments. */
async function boundWorld(options: Parameters<typeof startWorld>[0] = {}): Promise<BoundWorld> {
  const place = await world(options);
  const plain = await openPlain(place);
  await plain.context.clock.install();
  await plain.page.reload();
  await post(plain.page, "/quiet-login");
  place.skewMs += DBSC_FIRST_MS;
  expect(await bind(plain.page)).toBe("webcrypto");
  place.skewMs += GRACE_MS;
  return { world: place, ...plain };
}

function bind(page: Page): Promise<string> {
  return page.evaluate(() => client.bind().catch((error: unknown) => String(error)));
}

/** By way of the client. */
function mine(page: Page): Promise<Me | number> {
  return page.evaluate(async () => {
    const response = await client.fetch("/me");
    return response.ok ? ((await response.json()) as Me) : response.status;
  });
}

interface Kept {
  readonly pair: CryptoKeyPair;
}

/** What the page's own scripts can learn of the key that is kept. */
function keptKey(page: Page): Promise<readonly unknown[]> {
  return page.evaluate(async () => {
    const opening = indexedDB.open("sojourn-client", 1);
    await new Promise((resolve) => {
      opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
      opening.onsuccess = resolve;
    });
    const request = opening.result.transaction("keys").objectStore("keys").getAll();
    await new Promise((resolve) => (request.onsuccess = resolve));
    opening.result.close();
    const all = request.result as Kept[];
    return Promise.all(
      all.map(async ({ pair: { privateKey } }) => {
        const tried = ["jwk", "pkcs8"].map((format) =>
          crypto.subtle.exportKey(format as "pkcs8", privateKey).then(
            () => "exported",
            (error: unknown) => (error as Error).name,
          ),
        );
        return [privateKey.extractable, ...(await Promise.all(tried))];
      }),
    );
  });
}

/** The passing of time for browser and server, as far as the next proof. */
async function pass({ world, context }: BoundWorld, spanMs: number): Promise<void> {
  world.skewMs += spanMs;
  await context.clock.fastForward(spanMs);
}

const outcomes = ({ calls }: World) =>
  calls
    .filter(({ path }) => path === "/dbsc/webcrypto")
    .map(({ proof, status }) => [proof, status]);
/** Asked, and then proved. */
const PROVED = [
  [false, 403],
  [true, 200],
];

describe("sojourn-client in a browser without DBSC", () => {
  it("[DB-14] binds with the answer to a login, by a key that nobody can export", async () => {
    const place = await world();
    const { page, context } = await openPlain(place);
    const status = await page.evaluate(
      async () => (await client.fetch("/quiet-login", { method: "POST" })).status,
    );
    expect(status).toBe(200);
    // The clock is the real one here: a browser with DBSC would go first.
    await soon(() => names(context)).toContain(BOUND);
    expect(place.bound).toEqual([expect.objectContaining({ tier: "webcrypto", subject: "alice" })]);
    expect(outcomes(place)).toEqual([[false, 200], ...PROVED]);
    expect(await keptKey(page)).toEqual([[false, "InvalidAccessError", "InvalidAccessError"]]);
    place.skewMs += GRACE_MS;
    expect(await me(page)).toMatchObject(ALICE);
    const [session] = (await place.site.sessions.subject("alice").list()).items;
    expect(session?.binding).toMatchObject({ tier: "webcrypto" });
  });

  it("[DB-14] renews before the cookie ends, once for all tabs, and goes on for hours", async () => {
    const bound = await boundWorld();
    const { world, page, context } = bound;
    const others = await Promise.all([context.newPage(), context.newPage()]);
    for (const other of others) {
      await other.goto(world.site.url(APP, "/app"));
      expect(await bind(other)).toBe("webcrypto");
    }
    // They have found out that nothing is due: the bound cookie says so.
    expect(outcomes(world)).toEqual([...PROVED, [false, 200], [false, 200]]);
    for (let round = 0; round < 3; round += 1) {
      world.calls.length = 0;
      await pass(bound, DUE_MS + 1_000);
      const answers = await Promise.all(
        [page, ...others].flatMap((tab) => [mine(tab), mine(tab), mine(tab), mine(tab)]),
      );
      expect(answers).toEqual(Array(12).fill(expect.objectContaining(ALICE)));
      expect(outcomes(world)).toEqual(PROVED);
    }
    expect(world.unproven).toEqual([]);
    expect(world.bound).toHaveLength(1);
  });

  it("[DB-14] renews by the clock, so that a link finds the cookie in place", async () => {
    const bound = await boundWorld();
    await pass(bound, DUE_MS + 1_000);
    await soon(() => outcomes(bound.world)).toEqual([...PROVED, ...PROVED]);
    await pass(bound, 2 * MINUTE_MS);
    expect(await me(bound.page)).toMatchObject(ALICE);
  });

  it("[DB-14] renews a cookie that is over before a request leaves, and the key is kept", async () => {
    const { world, page, context } = await boundWorld();
    world.skewMs += 15 * MINUTE_MS;
    await context.clock.setSystemTime(Date.now() + 15 * MINUTE_MS);
    await context.clearCookies({ name: BOUND });
    const later = await context.newPage();
    await page.close();
    await later.goto(world.site.url(APP, "/app"));
    expect(await me(later)).toMatchObject(LOCKED);
    const elsewhere = world.site.url("other.example.test");
    await later.evaluate((url) => client.fetch(url, { mode: "no-cors" }), elsewhere);
    expect(outcomes(world)).toEqual(PROVED);
    expect(await mine(later)).toMatchObject(ALICE);
    expect(world.bound).toHaveLength(1);
  });

  it("[DB-14] renews before a page is asked for, in a service worker", async () => {
    const { world, page, context } = await boundWorld();
    const visit = async () => {
      await page.goto(world.site.url(APP, "/me"));
      return JSON.parse(await page.locator("body").innerText()) as Me;
    };
    await makeDue(page);
    await context.clearCookies({ name: BOUND });
    expect(await visit()).toMatchObject(LOCKED);
    await page.evaluate(async () => {
      await navigator.serviceWorker.register("/worker.js", { type: "module" });
      await navigator.serviceWorker.ready;
    });
    expect(await visit()).toMatchObject(ALICE);
  });

  it("[DB-14] [DB-11] leaves a copied jar nothing once the bound time is over", async () => {
    const { world, page, context } = await boundWorld();
    const thief = await openPlain(world, newFolder());
    await thief.context.addCookies(await context.cookies());
    // Both cookies were copied: until the shorter one ends they are as good as the original.
    expect(await me(thief.page)).toMatchObject(ALICE);
    expect(await bind(thief.page)).toBe("none");
    world.skewMs += 10 * MINUTE_MS;
    expect(await me(thief.page)).toEqual(LOCKED);
    expect(world.unproven.at(-1)).toMatchObject({ why: "expired", enforcement: "require" });
    world.calls.length = 0;
    expect(await bind(thief.page)).toBe("none");
    expect(outcomes(world)).toEqual([[false, 403]]);
    expect(await mine(thief.page)).toEqual(LOCKED);
    // The clock of the owner's browser has not moved, so it is told to look.
    expect(await bind(page)).toBe("webcrypto");
    expect(await mine(page)).toMatchObject(ALICE);
    expect(await me(thief.page)).toEqual(LOCKED);
    expect(world.bound).toHaveLength(1);
  });

  it("[DB-14] [TE-11] ends with the session: no cookie leaves, and the key is gone", async () => {
    const { world, page, context } = await boundWorld();
    const cookies = await context.cookies();
    await page.evaluate(() => client.fetch("/logout", { method: "POST" }));
    await soon(() => keptKey(page)).toEqual([]);
    expect(await names(context)).toEqual([]);
    await context.addCookies(cookies.filter(({ name }) => name !== BOUND));
    expect(await bind(page)).toBe("none");
    expect(await names(context)).not.toContain(BOUND);
    expect(await me(page)).toMatchObject({ subject: null });
    expect(world.calls.at(-1)).toMatchObject({ status: 200, body: '{"tier":"none"}' });
  });

  it("[DB-14] [TE-11] ends where the session was revoked elsewhere", async () => {
    const { world, page, context } = await boundWorld();
    await world.site.sessions.subject("alice").revokeAll();
    await context.clearCookies({ name: BOUND });
    expect(await bind(page)).toBe("none");
    expect(await keptKey(page)).toEqual([]);
    expect(await names(context)).not.toContain(BOUND);
  });

  it("[DB-14] [DB-06] outlives an outage of the store with its key", async () => {
    const store = new FaultyStore(new MemoryStore());
    const bound = await boundWorld({ store });
    const { world, page, context } = bound;
    await context.clearCookies({ name: BOUND });
    world.calls.length = 0;
    store.setDown(true);
    await pass(bound, DUE_MS + 1_000);
    await soon(() => outcomes(world)).toEqual([[false, 503]]);
    expect([await mine(page), await mine(page)]).toEqual([503, 503]);
    // A server that is down is left alone for some seconds.
    expect(outcomes(world)).toEqual([[false, 503]]);
    expect(await bind(page)).toContain("503");
    store.setDown(false);
    await soon(() => bind(page)).toBe("webcrypto");
    expect(await me(page)).toMatchObject(ALICE);
    expect(world.bound).toHaveLength(1);
  });

  it("[DB-14] goes on with the key whose registration was not answered", async () => {
    const place = await world();
    const { page } = await openPlain(place);
    await post(page, "/quiet-login");
    place.skewMs += DBSC_FIRST_MS;
    place.cut = 1;
    // The browser sends the same proof again; what it bound is asked for a new one.
    expect(await bind(page)).toBe("webcrypto");
    expect(outcomes(place)).toEqual([...PROVED, [true, 403], [true, 200]]);
    expect(place.bound).toHaveLength(1);
    place.skewMs += GRACE_MS;
    expect(await mine(page)).toMatchObject(ALICE);
  });

  it("[DB-14] keeps a key before it shows it, so that no session is left without", async () => {
    const place = await world();
    const { page } = await openPlain(place);
    await post(page, "/quiet-login");
    place.skewMs += DBSC_FIRST_MS;
    place.cut = Infinity;
    expect(await bind(page)).toContain("Failed to fetch");
    expect(place.bound).toHaveLength(1);
    place.cut = 0;
    place.skewMs += GRACE_MS;
    await page.reload();
    expect(await mine(page)).toMatchObject(ALICE);
    expect(place.bound).toHaveLength(1);
  });
});

describe("sojourn-client and a server that never has enough", () => {
  /** Answers to posts without and with a proof. */
  async function insatiable(asked: Said, proved: Said): Promise<{ posts: number; page: Page }> {
    const { page } = await openPlain(await world());
    const seen = { posts: 0, page };
    await page.route("**/dbsc/webcrypto", async (route) => {
      seen.posts += 1;
      const { status, json } = route.request().headers()["dpop"] === undefined ? asked : proved;
      const headers = status === 403 ? { "dpop-nonce": "n" } : {};
      await route.fulfill({ status, json, headers });
    });
    return seen;
  }

  it.each([
    ["another proof", { status: 403, json: { tier: "none" } }],
    ["another question", { status: 200, json: { tier: "none", askIn: 0 } }],
  ] as const)("[DB-14] gives up when it wants %s after three", async (_what, said) => {
    const server = await insatiable(said, said);
    expect(await bind(server.page)).toBe("none");
    expect(server.posts).toBe(3);
  });

  it("[DB-14] is asked again after some seconds at the earliest", async () => {
    const asked = { status: 403, json: { tier: "none" } };
    const server = await insatiable(asked, { status: 200, json: { tier: "webcrypto", askIn: 0 } });
    expect(await bind(server.page)).toBe("webcrypto");
    for (let round = 0; round < 5; round += 1) await mine(server.page);
    expect(server.posts).toBe(2);
  });
});

interface Said {
  readonly status: number;
  readonly json: object;
}

describe("sojourn-client in a browser with DBSC", () => {
  it("[DB-14] [DB-11] leaves the session to the browser, and keeps no key", async () => {
    const place = await world();
    const profile = await openProfile(place);
    await signIn(profile);
    await profile.page.goto(place.site.url(APP, "/app"));
    expect(await bind(profile.page)).toBe("dbsc");
    expect(await keptKey(profile.page)).toEqual([]);
    expect(place.bound).toEqual([expect.objectContaining({ tier: "dbsc" })]);
  });
});

/** As if its time had come: workers have a clock of their own. */
function makeDue(page: Page): Promise<void> {
  return page.evaluate(async () => {
    const opening = indexedDB.open("sojourn-client", 1);
    await new Promise((resolve) => (opening.onsuccess = resolve));
    const store = opening.result.transaction("keys", "readwrite").objectStore("keys");
    const request = store.get("/dbsc");
    await new Promise((resolve) => (request.onsuccess = resolve));
    const put = store.put({ ...(request.result as object), askAt: 0 }, "/dbsc");
    await new Promise((resolve) => (put.onsuccess = resolve));
    opening.result.close();
  });
}
