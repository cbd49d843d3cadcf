/** The notes demo over HTTP, as a process of its own. */
import { once } from "node:events";
import { connect } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { createSessions } from "sojourn";
import { SqliteStore } from "sojourn/stores/sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { demoFolder, startDemo } from "./demo.ts";
import type { Demo } from "./demo.ts";

const folder = demoFolder();
const PASSWORDS = { alice: "correct horse", bob: "battery staple" };
let demo: Demo;

beforeAll(async () => {
  demo = await startDemo(folder);
});

afterAll(async () => {
  await demo?.stop();
  folder.remove();
});

interface Sent {
  readonly cookie?: string;
  readonly fields?: Record<string, string>;
  readonly accept?: string;
  readonly site?: string;
}

function get(path: string, { cookie, accept = "text/html" }: Sent = {}): Promise<Response> {
  const headers = { accept, ...(cookie === undefined ? {} : { cookie }) };
  return fetch(new URL(path, demo.url), { headers, redirect: "manual" });
}

/** A form of the demo's own page, as a browser sends it. */
function post(path: string, sent: Sent = {}): Promise<Response> {
  const { cookie, fields = {}, accept = "text/html", site = "same-origin" } = sent;
  return fetch(new URL(path, demo.url), {
    method: "POST",
    redirect: "manual",
    headers: { accept, "sec-fetch-site": site, ...(cookie === undefined ? {} : { cookie }) },
    body: new URLSearchParams(fields),
  });
}

function cookieIn(response: Response): string {
  const [cookie = ""] = response.headers.getSetCookie();
  return cookie.split(";")[0] ?? "";
}

async function signIn(name: keyof typeof PASSWORDS, extra = {}): Promise<string> {
  const fields = { name, password: PASSWORDS[name], ...extra };
  const response = await post("/login", { fields });
  expect(response.status).toBe(303);
  return cookieIn(response);
}

async function handles(cookie: string): Promise<string[]> {
  const page = await (await get("/devices", { cookie })).text();
  return [...page.matchAll(/action="\/devices\/(ses_[\w-]+)\/end"/g)].map(([, id]) => id ?? "");
}

interface Deadlines {
  readonly idleExpiresAt: number;
  readonly absoluteExpiresAt: number;
}

async function deadlines(cookie: string): Promise<Deadlines> {
  const response = await get("/session", { cookie, accept: "application/json" });
  return (await response.json()) as Deadlines;
}

/** Open `/live`. @returns a function that resolves with the next message of a type. */
async function listen(cookie: string): Promise<(type: string) => Promise<unknown>> {
  const response = await get("/live", { cookie, accept: "text/event-stream" });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  return async (type) => {
    for (;;) {
      const end = rest.indexOf("\n\n");
      if (end === -1) {
        const { value, done } = (await reader?.read()) ?? { done: true };
        if (done || value === undefined) return undefined;
        rest += value;
        continue;
      }
      const line = rest.slice(0, end);
      rest = rest.slice(end + 2);
      if (!line.startsWith("data: ")) continue;
      const message = JSON.parse(line.slice("data: ".length)) as { type: string };
      if (message.type === type) return message;
    }
  };
}

describe("signing in", () => {
  it("[CK-03] [CK-04] sets HttpOnly and SameSite, and keeps the token out of pages", async () => {
    const response = await post("/login", {
      fields: { name: "alice", password: PASSWORDS.alice },
    });
    const [header = ""] = response.headers.getSetCookie();
    expect(header).toMatch(/^session=sj1s_[\w-]{80}; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(response.headers.get("cache-control")).toBe("no-store");
    const cookie = cookieIn(response);
    const secret = cookie.slice("session=sj1s_".length);
    for (const path of ["/", "/devices", "/password", "/session"]) {
      const page = await get(path, { cookie });
      expect(page.status).toBe(200);
      expect(page.headers.get("cache-control")).toBe("no-store");
      expect(await page.text()).not.toContain(secret.slice(-40));
    }
  });

  it("answers a wrong password and a wrong name alike: 401 and the form again", async () => {
    for (const name of ["alice", "mallory"]) {
      const response = await post("/login", { fields: { name, password: "guess" } });
      expect(response.status).toBe(401);
      expect(response.headers.getSetCookie()).toEqual([]);
      expect(await response.text()).toContain("That name and password do not match.");
    }
  });

  it("[CS-09] is refused from other sites, siblings included", async () => {
    for (const site of ["cross-site", "same-site"]) {
      const fields = { name: "alice", password: PASSWORDS.alice };
      const response = await post("/login", { fields, site });
      expect(response.status).toBe(403);
      expect(response.headers.getSetCookie()).toEqual([]);
    }
  });

  it("remembers a browser that asks for it, and is short for one that asks for that", async () => {
    const remembered = await deadlines(await signIn("alice", { remember: "on" }));
    const plain = await deadlines(await signIn("alice"));
    const impatient = await deadlines(await signIn("alice", { remember: "on", impatient: "on" }));
    const days = (found: Deadlines) =>
      Math.round((found.absoluteExpiresAt - Date.now()) / 86_400_000);
    expect([remembered, plain, impatient].map(days)).toEqual([30, 7, 7]);
    expect(impatient.idleExpiresAt - Date.now()).toBeLessThanOrEqual(30_000);
  });
});

describe("a session of the demo", () => {
  it("keeps all of five parallel pins (I4)", async () => {
    const cookie = await signIn("alice");
    const ids = ["n1", "n2", "n3", "n4", "n5"];
    const pin = (id: string) => post(`/notes/${id}/pin`, { cookie, fields: { pinned: "yes" } });
    const answers = await Promise.all(ids.map(pin));
    expect(answers.map(({ status }) => status)).toEqual([303, 303, 303, 303, 303]);
    const page = await (await get("/", { cookie })).text();
    expect(page.match(/class="note pinned"/g)).toHaveLength(5);
  });

  it("keeps a draft until its note is added, and shows notes as text only", async () => {
    const cookie = await signIn("alice");
    const text = `<script>alert("x")</script>`;
    await post("/draft", { cookie, fields: { text } });
    const escaped = "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;";
    expect(await (await get("/", { cookie })).text()).toContain(`${escaped}</textarea`);
    await post("/notes", { cookie, fields: { text } });
    const page = await (await get("/", { cookie })).text();
    expect(page).toContain(`<p>${escaped}</p>`);
    expect(page).not.toContain("</textarea>alert");
    expect(page).not.toContain(`${escaped}</textarea`);
  });

  it("does not live longer for polls and open streams, only for acts", async () => {
    await demo.stop();
    demo = await startDemo(folder, { NOTES_IDLE: "4s" });
    const cookie = await signIn("alice");
    const before = await deadlines(cookie);
    // The demo's process has the clock, and writes activity down once in a second here.
    while (Date.now() < before.idleExpiresAt - 2_500) {
      await sleep(200);
      const next = await listen(cookie);
      expect(await next("hello")).toMatchObject({ idleExpiresAt: before.idleExpiresAt });
      expect(await deadlines(cookie)).toMatchObject({ idleExpiresAt: before.idleExpiresAt });
    }
    await get("/", { cookie });
    const read = async () => (await deadlines(cookie)).idleExpiresAt;
    await expect.poll(read).toBeGreaterThan(before.idleExpiresAt);
    const answer = await post("/session/extend", { cookie, accept: "application/json" });
    const after = (await answer.json()) as Deadlines;
    expect(after.idleExpiresAt).toBeGreaterThan(before.idleExpiresAt + 1_000);
    expect(after.absoluteExpiresAt).toBe(before.absoluteExpiresAt);
    await demo.stop();
    demo = await startDemo(folder);
  });

  it("ends none but the person's own sessions", async () => {
    const [alice, bob, other] = await Promise.all([
      signIn("alice"),
      signIn("bob"),
      signIn("alice"),
    ]);
    const mine = await handles(alice);
    await Promise.all(mine.map((id) => post(`/devices/${id}/end`, { cookie: bob })));
    expect((await get("/session", { cookie: other })).status).toBe(200);
    await Promise.all(mine.map((id) => post(`/devices/${id}/end`, { cookie: alice })));
    expect((await get("/session", { cookie: other })).status).toBe(401);
    expect((await get("/session", { cookie: alice })).status).toBe(200);
    expect((await post("/devices/nonsense/end", { cookie: alice })).status).toBe(400);
  });

  it("[TE-01] is refused after logout, whoever still sends the old cookie", async () => {
    const cookie = await signIn("bob");
    const response = await post("/logout", { cookie });
    expect(response.headers.getSetCookie()).toEqual([
      "session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
    ]);
    expect(response.headers.get("clear-site-data")).toContain('"cookies"');
    const replay = await post("/notes", { cookie, fields: { text: "still here" } });
    expect(replay.status).toBe(401);
    expect(replay.headers.getSetCookie()).toEqual([]);
    const page = await (await get("/", { cookie: await signIn("bob") })).text();
    expect(page).not.toContain("still here");
  });

  it("asks for the password before it is changed", async () => {
    const cookie = await signIn("alice");
    const fields = { password: "a new password" };
    const response = await post("/password", { cookie, fields });
    expect(response.headers.get("location")).toBe("/password");
    const wrong = await post("/confirm", { cookie, fields: { password: "guess" } });
    expect(wrong.status).toBe(401);
    expect(await (await get("/password", { cookie })).text()).toContain("Is it you, alice?");
    const right = await post("/confirm", { cookie, fields: { password: PASSWORDS.alice } });
    expect(cookieIn(right)).not.toBe(cookie);
    const page = await (await get("/password", { cookie: cookieIn(right) })).text();
    expect(page).toContain("New password");
  });
});

describe("the demo beside other processes on its file", () => {
  it("tells an open stream within a second that another process ended the session", async () => {
    const cookie = await signIn("bob");
    const next = await listen(cookie);
    await next("hello");
    const store = new SqliteStore({ path: folder.database });
    const operator = createSessions({ store, secrets: [folder.secret], sweep: false });
    const { items } = await operator.subject("bob").list({ limit: 1 });
    const startedAt = performance.now();
    await operator.revoke(`ses_${items[0]?.id}`, { actor: "operator" });
    expect(await next("ended")).toMatchObject({ reason: "revoked" });
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(await next("anything")).toBeUndefined();
    await operator.close();
    await store.close();
  });

  it("answers 503 to writes while the file is locked, and ends nobody's session (I7)", async () => {
    const cookie = await signIn("bob");
    const lock = new DatabaseSync(folder.database);
    lock.exec("BEGIN IMMEDIATE");
    const pin = { cookie, fields: { pinned: "yes" }, accept: "application/json" };
    const response = await post("/notes/n1/pin", pin);
    lock.exec("ROLLBACK");
    lock.close();
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(response.headers.getSetCookie()).toEqual([]);
    expect((await post("/notes/n1/pin", pin)).status).toBe(204);
  });
});

describe("the demo as a server", () => {
  it("sends no page without a content security policy, and none with inline scripts", async () => {
    const cookie = await signIn("alice");
    for (const path of ["/", "/devices", "/nowhere", "/style.css"]) {
      const response = await get(path, { cookie });
      const policy = response.headers.get("content-security-policy");
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
      expect(response.headers.get("x-content-type-options")).toBe("nosniff");
      expect(await response.text()).not.toMatch(/<script(?![^>]* src=)|<style|\son\w+=|\sstyle=/);
    }
  });

  it("refuses a body over its limit with 413, and goes on", async () => {
    const cookie = await signIn("alice");
    const response = await post("/notes", { cookie, fields: { text: "x".repeat(20_000) } });
    expect(response.status).toBe(413);
    expect((await get("/", { cookie })).status).toBe(200);
  });

  it.each(["SIGTERM", "SIGINT"] as const)(
    "%s ends it cleanly with a stream and a silent connection open, and sessions outlive it",
    async (signal) => {
      const cookie = await signIn("bob");
      const silent = connect(Number(new URL(demo.url).port), "127.0.0.1");
      await once(silent, "connect");
      const next = await listen(cookie);
      await next("hello");
      expect(await demo.stop(signal)).toBe(0);
      expect(await next("anything")).toBeUndefined();
      demo = await startDemo(folder);
      expect((await get("/session", { cookie })).status).toBe(200);
    },
  );

  it("says what is wrong with its settings and does not start", async () => {
    const wrong = { NOTES_IDLE: "soon", SOJOURN_STORE: "sqlite:x" };
    await expect(startDemo(folder, wrong)).rejects.toThrow('NOTES_IDLE is "soon"; it takes');
    const store = { SOJOURN_STORE: "oracle" };
    await expect(startDemo(folder, store)).rejects.toThrow('it takes "memory" or "sqlite:<path>"');
  });
});
