/** What every example shows, whatever its framework. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeCertificate } from "../browser/support/certificate.ts";
import { launchChromium } from "../browser/support/chromium.ts";
import { root } from "../tidy/repository.ts";
import { POLICY, start, tlsProxy } from "./application.ts";
import type { Example, Started } from "./application.ts";
import { ORIGIN, Visitor } from "./visitor.ts";
import type { Posting } from "./visitor.ts";

const TOKEN = /^__Host-session=sj1s_[\w-]{80}; Path=\/; Secure; HttpOnly; SameSite=lax$/i;
const CLEARED = /^__Host-session=; (?=.*Max-Age=0)(?=.*Path=\/)(?=.*Secure)(?=.*HttpOnly)/;
const SCREEN = { width: 720, height: 900 };

/** In a browser on a machine that builds other examples meanwhile. */
function soon<Value>(read: () => Value | Promise<Value>) {
  return expect.poll(read, { timeout: 60_000 });
}

export function rotationDue(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLICY.rotateEveryMs + 100));
}

/** @param more Tests of this example alone. */
export function showsSessions(
  title: string,
  example: Example,
  posting: Posting,
  more: (visitor: () => Visitor) => void = () => undefined,
): void {
  let app: Started | undefined;
  const visitor = (): Visitor => new Visitor(app?.url ?? "", posting);

  describe.each([title])("%s", () => {
    beforeAll(async () => {
      app = await start(example, ORIGIN);
    });
    afterAll(() => app?.stop());

    it("[CK-01] sets a cookie for this host and HTTPS alone when somebody signs in", async () => {
      const alice = visitor();
      const before = await alice.see();
      expect([before.name, before.answer.cookies]).toEqual([undefined, []]);
      const answer = await alice.post("login", { name: "alice" });
      expect([answer.status, answer.headers.location]).toEqual([303, "/"]);
      expect(answer.cookies).toEqual([expect.stringMatching(TOKEN)]);
      expect(answer.headers["cache-control"]).toContain("no-store");
    });

    it("reads the session on the server, and sets no cookie again", async () => {
      const alice = visitor();
      await alice.login("alice <b>");
      const { name, places, answer } = await alice.see();
      expect(name).toBe("alice &lt;b>".replace(">", answer.body.includes("b&gt;") ? "&gt;" : ">"));
      expect([places >= 1, answer.cookies]).toEqual([true, []]);
      expect(answer.headers["cache-control"]).toContain("no-store");
    });

    it("keeps all of five notes that are added at once (I4)", async () => {
      const alice = visitor();
      await alice.login("anna");
      const notes = ["one", "two", "three", "four", "five"];
      const answers = await Promise.all(notes.map((note) => alice.twin().post("add", { note })));
      expect(answers.filter(({ status }) => status >= 400)).toEqual([]);
      expect((await alice.see()).notes.toSorted()).toEqual(notes.toSorted());
    });

    it("renews the token of somebody who only reads, alike in parallel and after loss", async () => {
      const reader = visitor();
      await reader.login("rita");
      const old = reader.cookie;
      await rotationDue();
      const windows = [reader.twin(), reader.twin(), reader.twin()];
      const seen = await Promise.all(windows.map((window) => window.see()));
      const cookies = seen.map(({ answer }) => answer.cookies);
      expect(cookies[0]).toEqual([expect.stringMatching(TOKEN)]);
      expect(new Set(cookies.flat()).size).toBe(1);
      expect(seen.map(({ name, places }) => [name, places])).toEqual(
        windows.map(() => ["rita", 1]),
      );
      // No answer arrived: what the server rendered meanwhile has confirmed nothing.
      const again = await reader.see();
      expect([again.name, again.answer.cookies]).toEqual(["rita", cookies[0]]);
      expect(reader.cookie).not.toBe(old);
      const confirmed = await reader.see();
      expect([confirmed.name, confirmed.answer.cookies]).toEqual(["rita", []]);
      const straggler = await reader.see("/", { cookie: old });
      expect([straggler.name, straggler.answer.cookies]).toEqual(["rita", []]);
    });

    it("clears the cookie at logout, and no straggler brings the session back (I1)", async () => {
      const alice = visitor();
      await alice.login("lola");
      const straggler = alice.twin();
      const writes = ["a", "b", "c"].map((note) => alice.twin().post("add", { note }));
      const [answer, ...others] = await Promise.all([alice.post("logout"), ...writes]);
      expect(answer.cookies).toEqual([expect.stringMatching(CLEARED)]);
      expect(others.flatMap(({ cookies }) => cookies)).toEqual([]);
      expect(alice.cookie).toBe("");
      const late = await straggler.post("add", { note: "late" });
      expect([late.status < 500, late.cookies]).toEqual([true, []]);
      expect((await straggler.see()).name).toBeUndefined();
    });

    it.each(["cross-site", "same-site"])("refuses a %s post with 403", async (site) => {
      const alice = visitor();
      await alice.login("carla");
      const origin = site === "cross-site" ? "https://evil.example" : ORIGIN;
      const headers = { "sec-fetch-site": site, origin };
      const answer = await alice.post("add", { note: "forged" }, headers);
      expect([answer.status, answer.cookies]).toEqual([403, []]);
      expect((await alice.see()).notes).toEqual([]);
    });

    it("signs out elsewhere, not here", async () => {
      const [here, there] = [visitor(), visitor()];
      await here.login("edda");
      await there.login("edda");
      expect((await here.see()).places).toBe(2);
      expect((await here.post("elsewhere")).status).toBeLessThan(400);
      expect([(await here.see()).name, (await there.see()).name]).toEqual(["edda", undefined]);
    });

    it("serves Chromium over HTTPS: sign in, two notes, a reload, sign out", async () => {
      const certificate = makeCertificate();
      const proxy = await tlsProxy(certificate);
      const url = `https://app.example.test:${proxy.port}/`;
      const own = await start(example, url.slice(0, -1));
      proxy.sendTo(own.url);
      const browser = await launchChromium({ trustedKey: certificate.trustedKey });
      try {
        const page = await browser.newPage({ viewport: SCREEN, colorScheme: "dark" });
        const errors: string[] = [];
        page.on("pageerror", (error) => errors.push(error.message));
        await page.goto(url);
        await page.getByLabel("Name").fill("Ada");
        await page.getByRole("button", { name: "Sign in" }).click();
        await soon(() => page.locator("#user").textContent()).toBe("Ada");
        for (const [index, note] of ["Buy figs", "Call Grace"].entries()) {
          await page.getByLabel("New note").fill(note);
          await page.getByRole("button", { name: "Add" }).click();
          await soon(() => page.locator("li.note").count()).toBe(index + 1);
        }
        await page.reload();
        expect(await page.locator("li.note").allTextContents()).toEqual(["Buy figs", "Call Grace"]);
        const [cookie] = await page.context().cookies(url);
        expect(cookie).toMatchObject({ name: "__Host-session", httpOnly: true, secure: true });
        const folder = join(root, ".reports", "examples");
        mkdirSync(folder, { recursive: true });
        await page.screenshot({ path: join(folder, `${title.replaceAll(/\W+/g, "-")}.png`) });
        await page.getByRole("button", { name: "Sign out", exact: true }).click();
        await soon(() => page.getByRole("button", { name: "Sign in" }).count()).toBe(1);
        expect(await page.context().cookies(url)).toEqual([]);
        expect(errors).toEqual([]);
      } finally {
        await browser.close();
        await own.stop();
        await proxy.close();
      }
    });

    more(visitor);
  });
}
