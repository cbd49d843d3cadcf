/** Tenants and webhooks as administrators manage them: in Chromium, against a real service. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startWorld } from "../../tools/console/world.mjs";
import { launchChromium, soon } from "../browser/support/chromium.ts";
import { startReceiver, verified } from "../support/webhook-receiver.ts";
import type { Received, Receiver } from "../support/webhook-receiver.ts";
import { expectAccessible, giveAuthenticator, makePasskey } from "./support/visit.ts";
import { settled, signIn, visit } from "./support/visit.ts";
import type { Visit } from "./support/visit.ts";

const PHONE = 390;
const FAILED = 500;

let world: Awaited<ReturnType<typeof startWorld>>;
let browser: Browser;
let receiver: Receiver;
const open: Visit[] = [];

beforeAll(async () => {
  const env = { SOJOURN_RATE_LIMIT: "0", SOJOURN_WEBHOOK_NETWORKS: "127.0.0.0/8, ::1/128" };
  [world, browser, receiver] = await Promise.all([
    startWorld({ env }),
    launchChromium(),
    startReceiver(),
  ]);
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
  await receiver?.close();
});

/** With a passkey, which was not asked for yet. */
async function comeAs(name: string): Promise<Visit> {
  const visitor = await visit(browser, world.origin);
  open.push(visitor);
  await giveAuthenticator(visitor);
  await signIn(visitor, await world.invite(name, "admin"));
  await makePasskey(visitor);
  return visitor;
}

async function prove(page: Page): Promise<void> {
  const again = page.getByRole("dialog", { name: "Confirm that it is you" });
  await again.getByRole("button", { name: "Use a passkey" }).click();
  await again.waitFor({ state: "detached" });
}

async function keyOf(tenant: string): Promise<(path: string, body: object) => Promise<Response>> {
  const { key } = await world.command(
    "keys",
    "create",
    "--tenant",
    tenant,
    "--name",
    `${tenant}-api`,
  );
  return (path, body) =>
    fetch(`${world.service}/v1${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
}

/** Light and dark, wide and on a phone. */
async function expectGoodEverywhere(visitor: Visit): Promise<void> {
  const { page } = visitor;
  for (const colorScheme of ["dark", "light"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await expectAccessible(visitor);
  }
  const { width = 0, height = 0 } = page.viewportSize() ?? {};
  await page.setViewportSize({ width: PHONE, height });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(PHONE);
  await page.setViewportSize({ width, height });
}

describe("tenants", () => {
  it("are made with limits and quotas, suspended and resumed, with a passkey for the first", async () => {
    const visitor = await comeAs("ada");
    const { page, go } = visitor;
    await go("/");
    await settled(visitor);
    await page.keyboard.press("g");
    await page.keyboard.press("t");
    await page.getByRole("button", { name: "New tenant" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("textbox", { name: "Id", exact: true }).fill("acme");
    await page.getByRole("textbox", { name: "Name" }).fill("Acme Corporation");
    await page.getByLabel("Idle time at most").fill("10m");
    await page.getByLabel("Live sessions").fill("2");
    await expectGoodEverywhere(visitor);
    await page.keyboard.press("Enter");
    await prove(page);
    await page.getByRole("heading", { name: "Acme Corporation" }).waitFor();
    await page.getByText("10 min", { exact: true }).waitFor();
    await page.getByText("No back end can reach it yet.").waitFor();
    await expectGoodEverywhere(visitor);
    const call = await keyOf("acme");
    const opened = await call("/sessions", { subject: "alice", amr: ["pwd"] });
    expect(opened.status).toBe(201);
    await call("/sessions", { subject: "bob", amr: ["pwd"] });
    await page.getByRole("button", { name: "Suspend" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Suspend" }).click();
    await page.getByText("All of its requests are refused.").waitFor();
    const { token } = (await opened.json()) as { token: string };
    const refused = await call("/sessions/verify", { token });
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([
      403,
      "tenant_suspended",
    ]);
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Resume" }).click();
    await page.getByText("All of its requests are refused.").waitFor({ state: "detached" });
    expect((await call("/sessions/verify", { token })).status).toBe(200);
    await go("/tenants");
    const row = page.getByRole("row", { name: /Acme Corporation/ });
    await row.getByText("of 2 full").waitFor();
    await settled(visitor);
    await expectGoodEverywhere(visitor);
  });

  it("keep limits that the form does not show when others are changed", async () => {
    const call = await world.key("changer", ["--scope", "tenants:write"]);
    const policy = { idleMs: "10m", touchEveryMs: "1m" };
    await call("/tenants", { id: "kept", policy, quotas: { serviceKeys: 3 } });
    const { page, go } = await comeAs("clara");
    await go("/tenants/kept");
    await page.getByRole("button", { name: "Change" }).click();
    await page.getByLabel("Absolute time at most").fill("4h");
    await page.getByLabel("Service keys").fill("");
    await page.getByRole("button", { name: "Save" }).click();
    await prove(page);
    await page.getByText("4 h", { exact: true }).waitFor();
    const { tenant } = await call("/tenants/kept", undefined, "GET");
    expect(tenant.policy).toEqual({
      idleMs: 600_000,
      touchEveryMs: 60_000,
      absoluteMs: 14_400_000,
    });
    expect(tenant.quotas.serviceKeys).toBe(null);
  });

  it("are gone into though they were made later, and stay in the choice", async () => {
    const call = await world.key("maker", ["--scope", "tenants:write"]);
    await call("/tenants", { id: "later" });
    const visitor = await comeAs("bea");
    const { page, go } = visitor;
    await go("/tenants/later");
    await page.getByRole("button", { name: "Go into it" }).click();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    expect(await page.locator(".tenant select").inputValue()).toBe("later");
    await page.reload();
    await settled(visitor);
    expect(await page.locator(".tenant select").inputValue()).toBe("later");
    await page.locator(".tenant select").selectOption("default");
  });

  it("are erased once the id is typed and the passkey given, for good", async () => {
    const call = await world.key("eraser", ["--scope", "tenants:write"]);
    await call("/tenants", { id: "doomed" });
    const theirs = await keyOf("doomed");
    expect((await theirs("/sessions", { subject: "alice", amr: ["pwd"] })).status).toBe(201);
    const visitor = await comeAs("dora");
    const { page, go } = visitor;
    await go("/tenants/doomed");
    await page.getByRole("button", { name: "Erase" }).click();
    const erase = page.getByRole("button", { name: "Erase the tenant" });
    expect(await erase.isDisabled()).toBe(true);
    await page.getByLabel(/to confirm/).fill("doome");
    expect(await erase.isDisabled()).toBe(true);
    await page.getByLabel(/to confirm/).fill("doomed");
    await expectGoodEverywhere(visitor);
    await erase.click();
    await prove(page);
    await page.getByText("and nothing of it is left").waitFor();
    expect(await page.getByRole("button", { name: "Erase" }).count()).toBe(0);
    expect((await theirs("/sessions", { subject: "alice", amr: ["pwd"] })).status).toBe(401);
    expect(await page.locator(".tenant select").locator("option").allTextContents()).not.toContain(
      "doomed",
    );
  });

  it("are nobody's business who may see one alone", async () => {
    const visitor = await visit(browser, world.origin);
    open.push(visitor);
    const one = ["--name", "erin", "--role", "admin", "--tenant", "default"];
    await signIn(visitor, (await world.command("console", "invite", ...one)).link);
    await settled(visitor);
    expect(await visitor.page.getByRole("link", { name: "Webhooks" }).count()).toBe(1);
    expect(await visitor.page.getByRole("link", { name: "Tenants" }).count()).toBe(0);
    await visitor.go("/tenants");
    const said = await visitor.page.getByRole("alert").textContent();
    expect(said).toContain("Forbidden");
    expect(await visitor.page.getByRole("table").count()).toBe(0);
  });
});

describe("webhooks", () => {
  it("show their secret once, which signs what arrives", async () => {
    const shop = await world.key("shop-api");
    const visitor = await comeAs("grace");
    const { page, go, context } = visitor;
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await go("/");
    await settled(visitor);
    await page.keyboard.press("g");
    await page.keyboard.press("w");
    await page.getByText("Nobody is told").waitFor();
    await page.getByRole("button", { name: "New webhook" }).click();
    await page.getByLabel("URL").fill(receiver.url);
    await page.getByLabel("What is sent").selectOption("some");
    expect(await page.getByRole("button", { name: "Make the webhook" }).isDisabled()).toBe(true);
    await page.getByLabel("session-established").check();
    await page.getByLabel("Others").fill("no-such-thing");
    await expectGoodEverywhere(visitor);
    await page.getByRole("button", { name: "Make the webhook" }).click();
    await prove(page);
    await page.getByRole("alert").getByText("no-such-thing").waitFor();
    await page.getByLabel("Others").fill("session-locked");
    await page.getByRole("button", { name: "Make the webhook" }).click();
    const shown = page.getByRole("dialog", { name: /copy it now/ });
    await shown.getByRole("button", { name: "Copy the secret" }).click();
    const secret = await page.evaluate(() => navigator.clipboard.readText());
    expect(secret).toMatch(/^whsec_/);
    await page.keyboard.press("Escape");
    await expectGoodEverywhere(visitor);
    await shown.getByRole("button", { name: "I have kept it" }).click();
    expect(await page.content()).not.toContain(secret);
    await shop("/sessions", { subject: "alice", amr: ["pwd"] });
    await soon(() => receiver.got.length).toBe(1);
    expect(() => verified(receiver.got[0]!, secret)).not.toThrow();
    await page.getByText("delivered").waitFor();
    await settled(visitor);
    await expectGoodEverywhere(visitor);
  });

  it("tell what fails and why, and send again what is dead", async () => {
    const call = await world.key("hooks", ["--scope", "webhooks:write"]);
    const shop = await world.key("failing-shop");
    receiver.answer = (response) => void response.writeHead(FAILED).end();
    const arrived = () => receiver.got.filter(({ path }) => path === "/fraud");
    const url = `${receiver.url}/fraud`;
    const body = { url, events: ["session-established"], description: "Fraud desk" };
    const { webhook } = await call("/webhooks", body);
    await shop("/sessions", { subject: "bob", amr: ["pwd"] });
    const visitor = await comeAs("henry");
    const { page, go } = visitor;
    await go("/webhooks");
    const row = page.getByRole("row", { name: /Fraud desk/ });
    await row.getByText("failing").waitFor();
    await row.getByRole("link").click();
    await page.getByText("It has taken nothing since").waitFor();
    await page.getByText(`answered ${FAILED}`).waitFor();
    await settled(visitor);
    await expectGoodEverywhere(visitor);
    lastTryOf(webhook.id);
    await page.getByRole("cell", { name: "dead" }).waitFor();
    await page.getByRole("combobox", { name: "Show" }).selectOption("dead");
    receiver.answer = (response) => void response.writeHead(204).end();
    await page.getByRole("button", { name: "Resend all dead ones" }).click();
    await prove(page);
    await page.getByText("1 message will be sent again").waitFor();
    await page.getByText("None is like that").waitFor();
    await page.getByRole("combobox", { name: "Show" }).selectOption("done");
    await page.getByText("answered 204").waitFor();
    await page.getByText("It has taken nothing since").waitFor({ state: "detached" });
    const before = arrived().length;
    await page.getByRole("button", { name: "Resend" }).click();
    await soon(() => arrived().length).toBeGreaterThan(before);
    const ids = arrived().map(({ headers }) => headers["webhook-id"]);
    expect(new Set(ids).size).toBe(1);
  });

  it("are tested, given a new secret, disabled, enabled and removed", async () => {
    receiver.answer = (response) => void response.writeHead(204).end();
    const call = await world.key("more-hooks", ["--scope", "webhooks:write"]);
    const description = "Data warehouse";
    const { webhook, secret: old } = await call("/webhooks", { url: receiver.url, description });
    const visitor = await comeAs("ivan");
    const { page, go } = visitor;
    await go(`/webhooks/${webhook.id}`);
    await page.getByRole("button", { name: "Send a test" }).click();
    await prove(page);
    await page.getByText("The test arrived.").waitFor();
    await page.getByRole("button", { name: "New secret" }).click();
    await page.getByRole("button", { name: "Make the new secret" }).click();
    const shown = page.getByRole("dialog", { name: /copy it now/ });
    const secret = (await shown.locator("code").textContent()) ?? "";
    await shown.getByRole("button", { name: "I have kept it" }).click();
    await page.getByText("Two secrets sign").waitFor();
    const before = receiver.got.length;
    await page.getByRole("button", { name: "Send a test" }).click();
    await soon(() => receiver.got.slice(before).some(isTest)).toBe(true);
    const test = receiver.got.slice(before).find(isTest)!;
    expect(secret).not.toBe(old);
    for (const each of [old, secret]) expect(() => verified(test, each)).not.toThrow();
    await page.getByRole("button", { name: "Disable" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
    await page.getByText("Somebody disabled it.").waitFor();
    await expectGoodEverywhere(visitor);
    await page.getByRole("button", { name: "Enable" }).click();
    await page.getByText("Somebody disabled it.").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Remove" }).click();
    await page.getByLabel(/to confirm/).fill(new URL(receiver.url).host);
    await page.getByRole("button", { name: "Remove the webhook" }).click();
    await page.getByRole("heading", { name: "Webhooks" }).waitFor();
    await settled(visitor);
    expect(await page.getByText(description).count()).toBe(0);
  });
});

function isTest({ json }: Received): boolean {
  return json.type === "webhook-test";
}

/** Three days later, as the service keeps them: what is due now is the last try of all. */
function lastTryOf(endpoint: string): void {
  const database = new DatabaseSync(join(world.folder, "control.db"), { timeout: 10_000 });
  const text = "UPDATE webhook_delivery SET tries = 9, due_at = 0 WHERE endpoint = ?";
  const { changes } = database.prepare(text).run(endpoint);
  database.close();
  expect(changes).toBe(1);
}

describe("the overview and health", () => {
  it("count sign-ins from the figures, and tell how long verifications take", async () => {
    const shop = await world.key("busy-shop");
    const visitor = await comeAs("olga");
    const { page, go } = visitor;
    const figure = (name: string) => page.locator(`[data-figure='${name}']`);
    await go("/");
    await settled(visitor);
    const before = Number(await figure("Sign-ins").textContent());
    const { token } = await shop("/sessions", { subject: "peggy", amr: ["pwd"] });
    await shop("/sessions", { subject: "victor", amr: ["pwd"] });
    await shop("/sessions/verify", { token });
    await soon(async () => Number(await figure("Sign-ins").textContent())).toBe(before + 2);
    await soon(async () => {
      await page.reload();
      await settled(visitor);
      return figure("Verify, 99 of 100").textContent();
    }).toMatch(/^(?:≤ [\d.]+ m?s|> 5 s)$/);
    await go("/health");
    await page.getByText("99 of 100 took").waitFor();
  });
});
