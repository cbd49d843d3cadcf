/** The console as people use it: in Chromium, against a service of its own. */
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startWorld } from "../../tools/console/world.mjs";
import { launchChromium, soon } from "../browser/support/chromium.ts";
import { giveAuthenticator, makePasskey, settled, signIn, visit } from "./support/visit.ts";
import type { StorageState, Visit, VisitOptions } from "./support/visit.ts";

type World = Awaited<ReturnType<typeof startWorld>>;
type Backend = Awaited<ReturnType<World["key"]>>;

/** More than two pages of the table. */
const CROWD = 240;
const SCREENFUL = 60;
/** On a busy machine the first may be late for reasons of its own. */
const TRIES = 3;
const KNOWN_MS_MAX = 1_000;

let world: World;
let shop: Backend;
let browser: Browser;
const open: Visit[] = [];

beforeAll(async () => {
  [world, browser] = await Promise.all([
    startWorld({ env: { SOJOURN_RATE_LIMIT: "0" } }),
    launchChromium(),
  ]);
  shop = await world.key("shop-api");
});

afterEach(async () => {
  for (const { context, trouble } of open.splice(0)) {
    await context.close();
    expect(trouble).toEqual([]);
  }
});

afterAll(async () => {
  await browser?.close();
  await world?.close();
});

async function come(options?: VisitOptions): Promise<Visit> {
  const visitor = await visit(browser, world.origin, options);
  open.push(visitor);
  return visitor;
}

const signedIn = new Map<string, StorageState>();

/** Signing in is shown once; whoever comes again is still signed in. */
async function comeAs(name: string, role: string): Promise<Visit> {
  const storageState = signedIn.get(name);
  if (storageState !== undefined) return come({ storageState });
  const visitor = await come();
  await signIn(visitor, await world.invite(name, role));
  signedIn.set(name, await visitor.context.storageState());
  return visitor;
}

/** With a passkey, made just now. */
async function comeWithPasskey(name: string): Promise<Visit> {
  const visitor = await come();
  await giveAuthenticator(visitor);
  await signIn(visitor, await world.invite(name, "admin"));
  await makePasskey(visitor);
  return visitor;
}

function latch(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

interface Opened {
  readonly session: { readonly id: string };
  readonly token: string;
}

function login(subject: string): Promise<Opened> {
  return shop("/sessions", {
    subject,
    amr: ["pwd"],
    device: { id: `dev_${subject}`, label: "Firefox on Linux", address: "203.0.113.24" },
    data: { cart: ["A-100"] },
  }) as Promise<Opened>;
}

/** A page of an application whose session is told when it ends. */
async function holder(token: string): Promise<{ endedAt(): Promise<number> }> {
  const { page, go } = await come();
  await go("/sign-in");
  await page.evaluate(async (authorization) => {
    const answer = await fetch("/v1/session/stream", { headers: { authorization } });
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    const state = globalThis as unknown as { endedAt?: number };
    void (async () => {
      for (let text = ""; ;) {
        const { value, done } = await reader.read();
        text += value ?? "";
        if (text.includes("event: ended") || done) break;
      }
      state.endedAt = Date.now();
    })();
  }, `Bearer ${token}`);
  const read = (): Promise<number | undefined> =>
    page.evaluate(() => (globalThis as unknown as { endedAt?: number }).endedAt);
  return {
    endedAt: async () => {
      await soon(read).toBeGreaterThan(0);
      return (await read()) ?? 0;
    },
  };
}

describe("signing in", () => {
  it("takes a one-time link once, and its token out of the address", async () => {
    const link = await world.invite("ada", "admin");
    const first = await come();
    await signIn(first, link);
    expect(first.page.url()).not.toContain("#");
    const second = await come();
    await second.page.goto(link);
    await second.page.getByRole("alert").waitFor();
    expect(await second.page.getByRole("button", { name: "Use a passkey" }).count()).toBe(1);
  });

  it("leaves as a whole: nobody signs in to a page that is about to go", async () => {
    const { page, go } = await comeAs("ada", "admin");
    await go("/sessions");
    await page.getByText("Live", { exact: true }).waitFor();
    signedIn.delete("ada");
    const ended = latch();
    const told = latch();
    await page.route("**/console/session", async (route) => {
      if (route.request().method() !== "DELETE") return route.continue();
      const response = await route.fetch();
      ended.open();
      await told.opened;
      return route.fulfill({ response });
    });
    await page.getByRole("button", { name: /ada/ }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await ended.opened;
    await page.waitForTimeout(500);
    expect(await page.getByRole("button", { name: "Use a passkey" }).count()).toBe(0);
    told.open();
    await page.getByRole("button", { name: "Use a passkey" }).waitFor();
  });

  it("asks for the passkey again before what reaches far, and shows a new key once", async () => {
    const { page } = await comeWithPasskey("grace");
    await page.getByRole("button", { name: /grace/ }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("button", { name: "Use a passkey" }).click();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.getByRole("link", { name: "Keys" }).click();
    await page.getByRole("button", { name: "New service key" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("stock-api");
    await page.getByRole("button", { name: "Make the key" }).click();
    const secret = await page
      .locator("dialog", { hasText: "copy it now" })
      .locator("code")
      .textContent();
    expect(secret).toMatch(/^sj1k_/);
    const answer = await fetch(`${world.service}/v1/sessions`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    expect(answer.status).toBe(200);
    await page.getByRole("button", { name: "I have kept it" }).click();
    expect(await page.content()).not.toContain(secret);
  });
});

describe("watching and acting", () => {
  it("shows a session as it arrives, explains it, ends it, and its holder knows", async () => {
    const { page, go } = await comeAs("ada", "admin");
    await go("/sessions");
    await page.getByText("Live", { exact: true }).waitFor();
    const { session, token } = await login("walter");
    const row = page.getByRole("link", { name: session.id });
    await row.waitFor();
    const held = await holder(token);
    await row.click();
    await page.getByRole("heading", { name: "Why it is active" }).waitFor();
    await page.getByText("Nobody has ended it.").waitFor();
    expect(await page.getByText("A-100").count()).toBe(0);
    await page.getByRole("button", { name: "End session" }).click();
    await page.getByLabel("Cause").fill("lost_laptop");
    await page.locator("dialog").getByRole("button", { name: "End session" }).click();
    await page.getByRole("heading", { name: "Why it is ended" }).waitFor();
    await page.getByText("lost laptop").first().waitFor();
    await held.endedAt();
  });

  it("lets the other browser know within a second, at one of three tries", async () => {
    const { page, go } = await comeAs("ada", "admin");
    await go("/");
    let late = Infinity;
    for (let count = 0; count < TRIES && late > KNOWN_MS_MAX; count += 1) {
      const { session, token } = await login("victor");
      const held = await holder(token);
      const endedAt = await page.evaluate(async (id) => {
        const path = `/console/api/v1/sessions/${id}/revoke`;
        const answer = await fetch(path, { method: "POST" });
        return ((await answer.json()) as { endedAt: string }).endedAt;
      }, session.id);
      late = (await held.endedAt()) - Date.parse(endedAt);
    }
    expect(late).toBeLessThan(KNOWN_MS_MAX);
  });

  it("draws a screenful of many sessions, and reads on where one scrolls to", async () => {
    const first = await login("crowd");
    for (let count = 0; count < CROWD; count += 20) {
      await Promise.all(Array.from({ length: 20 }, (_, index) => login(`crowd${index}`)));
    }
    const person = await comeAs("ada", "admin");
    const { page } = person;
    await person.go("/sessions");
    await settled(person);
    const rows = page.locator("[role=table] a[href*='/sessions/']");
    await rows.first().waitFor();
    expect(await rows.count()).toBeLessThan(SCREENFUL);
    const oldest = page.getByRole("link", { name: first.session.id });
    await soon(async () => {
      await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
      return oldest.count();
    }).toBe(1);
    expect(await rows.count()).toBeLessThan(SCREENFUL);
  });

  it("[TE-06] ends everything of a subject once its name is typed", async () => {
    await login("mallory");
    await login("mallory");
    const { page, go } = await comeWithPasskey("heidi");
    await go("/subjects/mallory");
    await page.getByRole("button", { name: "End all sessions" }).click();
    const end = page.getByRole("button", { name: "End 2 sessions" });
    expect(await end.isDisabled()).toBe(true);
    await page.getByLabel(/to confirm/).fill("mallory");
    await end.click();
    const again = page.getByRole("dialog", { name: "Confirm that it is you" });
    await again.getByRole("button", { name: "Use a passkey" }).click();
    await page.getByText("Signed in nowhere").waitFor();
  });

  it("offers an auditor nothing that writes", async () => {
    const { session } = await login("olivia");
    const person = await comeAs("carl", "auditor");
    const { page, go } = person;
    const writes = /^(?:End|Lock|Extend|New|Revoke|Exchange|Invite|Disable|Lift)\b/;
    for (const path of [`/sessions/${session.id}`, "/subjects/olivia", "/sessions", "/keys"]) {
      await go(path);
      await settled(person);
      expect(await page.getByRole("button", { name: writes }).count()).toBe(0);
    }
    expect(await page.getByRole("link", { name: "Users" }).count()).toBe(0);
    await go("/audit");
    await page.getByText("session established").first().waitFor();
  });
});

describe("the frame", () => {
  it("is walked by keyboard alone", async () => {
    await login("peggy");
    const person = await comeAs("ada", "admin");
    const { page, go } = person;
    await go("/");
    await settled(person);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("content");
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("g");
    await page.keyboard.press("s");
    await page.getByRole("heading", { name: "Sessions" }).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("peggy");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "peggy" }).waitFor();
    await page.getByRole("button", { name: "End all sessions" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("End all sessions");
  });

  it("keeps a theme that was chosen", async () => {
    const { page, go } = await comeAs("ada", "admin");
    await go("/");
    await page.getByRole("button", { name: /ada/ }).click();
    await page.getByLabel("dark").check();
    await go("/health");
    const ground = (): Promise<string> =>
      page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    expect(await ground()).toBe("rgb(18, 20, 22)");
  });

  it("says that the service is away, and recovers by itself", async () => {
    const person = await comeAs("ada", "admin");
    const { page, go } = person;
    await go("/");
    await settled(person);
    await page.getByText("Live", { exact: true }).waitFor();
    await world.stop();
    await page.getByText("Not live").waitFor();
    await page.getByText("The service does not answer").waitFor();
    await world.start();
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByText("The service does not answer").waitFor({ state: "detached" });
    const { session } = await login("trent");
    await go("/sessions");
    await page.getByRole("link", { name: session.id }).waitFor();
  });
});
