/** The gateway example as its reader starts it: nginx, Python, and the service. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cleanEnvironment, node } from "../../tools/setup.mjs";
import { launchChromium } from "../browser/support/chromium.ts";
import { ask, Jar } from "../support/servers.ts";
import { root } from "../tidy/repository.ts";

const READY_MS = 60_000;
const ALICE = "name=alice&password=correct+horse";
const FORM = { "content-type": "application/x-www-form-urlencoded" } as const;
const PAGE = { accept: "text/html" } as const;

describe("the gateway example", () => {
  let child: ChildProcess;
  let url = "";

  beforeAll(async () => {
    const file = join(root, "examples", "gateway", "start.mjs");
    child = spawn(node, [file], { env: cleanEnvironment(), stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not ready: ${said}`)), READY_MS);
      const hear = (chunk: Buffer): void => {
        said += chunk.toString();
        const [, found] = /(http:\/\/\S+)/.exec(said) ?? [];
        if (found === undefined) return;
        clearTimeout(timer);
        url = found;
        resolve();
      };
      child.stdout?.on("data", hear);
      child.stderr?.on("data", (chunk: Buffer) => void (said += chunk.toString()));
      child.on("close", () => reject(new Error(`ended: ${said}`)));
    });
  });

  afterAll(async () => {
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    await expect(ask(`${url}/sign-in`)).rejects.toThrow("ECONNREFUSED");
  });

  async function signedIn(body: string = ALICE): Promise<Jar> {
    const jar = new Jar();
    const { status } = await jar.ask(`${url}/sign-in`, { method: "POST", headers: FORM, body });
    expect(status).toBe(303);
    return jar;
  }

  it("shows the sign-in to people, refuses programs, and never asks the back end", async () => {
    const person = await ask(url, { headers: PAGE });
    expect([person.status, person.headers.location]).toEqual([303, `${url}/sign-in`]);
    const program = await ask(`${url}/me`, { headers: { "x-session-subject": "alice" } });
    expect([program.status, program.body]).toEqual([
      401,
      expect.stringContaining("unauthenticated"),
    ]);
  });

  it("tells the Python back end who is asking, in any script", async () => {
    const jar = await signedIn(`name=${encodeURIComponent("Zoë 日本")}&password=battery+staple`);
    const forged = { "X-Session-Subject": "alice", "X-Session-Acr": "aal3" };
    const { body } = await jar.ask(`${url}/me`, { headers: forged });
    expect(JSON.parse(body)).toMatchObject({
      subject: "Zoë 日本",
      tenant: "default",
      acr: "",
      amr: ["pwd"],
      id: expect.stringMatching(/^ses_/),
    });
  });

  it("[CS-01] lets no other site write, or sign anybody in", async () => {
    const jar = await signedIn();
    const cross = { ...FORM, "sec-fetch-site": "cross-site" };
    const body = "note=mine";
    const forged = await jar.ask(`${url}/notes`, { method: "POST", headers: cross, body });
    expect([forged.status, forged.body]).toEqual([403, expect.stringContaining("csrf_failed")]);
    const own = await jar.ask(`${url}/notes`, { method: "POST", headers: FORM, body });
    expect(own.status).toBe(303);
    const login = await ask(`${url}/sign-in`, { method: "POST", headers: cross, body: ALICE });
    expect([login.status, login.cookies]).toEqual([403, []]);
  });

  it("a sign-in ends the session that the browser had, and a wrong password none", async () => {
    const jar = await signedIn();
    const before = jar.header;
    const wrong = { method: "POST", headers: FORM, body: "name=alice&password=wrong" };
    expect((await jar.ask(`${url}/sign-in`, wrong)).status).toBe(401);
    expect((await ask(`${url}/me`, { headers: { cookie: before } })).status).toBe(200);
    await jar.ask(`${url}/sign-in`, { method: "POST", headers: FORM, body: ALICE });
    expect(jar.header).not.toBe(before);
    const old = await ask(`${url}/me`, { headers: { cookie: before } });
    expect([old.status, old.body]).toEqual([401, expect.stringContaining("session_ended")]);
    expect((await jar.ask(`${url}/me`)).status).toBe(200);
  });

  it("serves Chromium: sign in, a note, administration, sign out", async () => {
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.goto(url);
      expect(page.url()).toBe(`${url}/sign-in`);
      await page.getByLabel("Name").fill("alice");
      await page.getByLabel("Password").fill("correct horse");
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect.poll(() => page.locator("#subject").textContent()).toBe("alice");
      await page.getByLabel("Note").fill("<b>figs</b>");
      await page.getByRole("button", { name: "Add" }).click();
      await expect.poll(() => page.locator("li").allTextContents()).toContain("alice: <b>figs</b>");
      await page.goto(`${url}/admin`);
      expect(await page.textContent("body")).toContain("You gave a factor just now.");
      await page.goto(url);
      await page.getByRole("button", { name: "Sign out" }).click();
      await expect.poll(() => page.url()).toBe(`${url}/sign-in`);
      expect(await page.context().cookies(url)).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
