/** One visit of a person with Chromium to the same application in every framework. */
import { createServer } from "node:https";
import type { Browser, BrowserContext, Cookie } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { FRAMEWORKS } from "../support/frameworks.ts";
import { KINDS, listen, stopServers } from "../support/servers.ts";
import type { Application } from "../support/servers.ts";
import { HOUR, world } from "../support/world.ts";
import { makeCertificate } from "./support/certificate.ts";
import { launchChromium } from "./support/chromium.ts";
import { APP } from "./support/site.ts";

const certificate = makeCertificate();
let browser: Browser;
let context: BrowserContext;

beforeAll(async () => {
  browser = await launchChromium({ trustedKey: certificate.trustedKey });
});

afterEach(async () => {
  await context.close();
  await stopServers();
});

afterAll(() => browser?.close());

const BACK = { status: 303, headers: { location: "/" } };

const forms = ["login", "write", "logout"]
  .map((name) => `<form method="post" action="/${name}"><button id="${name}">x</button></form>`)
  .join("");

/** A page with three forms that says what it knows, and a stream that says it bit by bit. */
const pages: Application = async ({ session, url, method }) => {
  const act = method === "POST" ? url.pathname : "";
  if (act === "/login") await session.login("alice", { amr: ["pwd"] });
  if (act === "/write") await session.update((draft) => void (draft["note"] = "kept"));
  if (act === "/logout") await session.logout();
  if (act !== "") return BACK;
  const says = `<p>${session.subject ?? "nobody"}, ${session.data["note"] === "kept" ? "kept" : "nothing"}</p>`;
  const headers = { "content-type": "text/html" };
  if (url.pathname === "/stream") return { headers, chunks: ["<!doctype html>", says] };
  return { headers, body: `<!doctype html>${says}${forms}` };
};

/** The other tests of this folder are on Express, which is Node's own response and a router. */
const FRAMEWORKS_ELSEWHERE = KINDS.filter((kind) => !/^express|^node/.test(kind));

describe.each(FRAMEWORKS_ELSEWHERE)("a visit to %s", (kind) => {
  it("[CK-01] [CK-13] signs in, writes, rotates and signs out by forms alone", async () => {
    const place = world({ production: true });
    const inner = await FRAMEWORKS[kind]({ place, application: pages });
    const outer = createServer(certificate, (req, res) => void inner.emit("request", req, res));
    const { port } = new URL((await listen(outer)).url);
    context = await browser.newContext();
    const page = await context.newPage();
    const cookie = async (): Promise<Cookie | undefined> => (await context.cookies())[0];
    const press = async (name: string): Promise<string> => {
      await Promise.all([page.waitForEvent("load"), page.click(`#${name}`)]);
      return page.innerText("p");
    };

    await page.goto(`https://${APP}:${port}/`);
    expect(await page.innerText("p")).toBe("nobody, nothing");
    expect(await context.cookies()).toEqual([]);

    expect(await press("write")).toBe("nobody, kept");
    const anonymous = await cookie();
    expect(await press("login")).toBe("alice, kept");
    const first = await cookie();
    expect(first).toMatchObject({
      name: "__Host-session",
      domain: APP,
      path: "/",
      expires: -1,
      httpOnly: true,
      secure: true,
      sameSite: "Lax",
    });
    expect(first?.value).not.toBe(anonymous?.value);

    place.clock.advance(HOUR);
    await page.goto(`https://${APP}:${port}/stream`);
    expect(await page.innerText("p")).toBe("alice, kept");
    const second = await cookie();
    expect(second?.value).not.toBe(first?.value);

    await page.goto(`https://${APP}:${port}/`);
    expect((await cookie())?.value).toBe(second?.value);
    expect(await press("logout")).toBe("nobody, nothing");
    expect(await context.cookies()).toEqual([]);
    expect(place.named("session-ended").at(-1)).toMatchObject({ reason: "logout" });
    expect(place.named("token-fork")).toEqual([]);
    expect(place.named("cookie-not-set")).toEqual([]);
  });
});
