/** What nginx alone can be told: pages, public paths, and to keep a yes for a while. */
import { expect, it } from "vitest";
import { read } from "../tidy/repository.ts";
import { page, SOCKET, startWorld } from "./gateway-harness.ts";

it("sends people who want a page to the sign-in, and programs a problem", async () => {
  const w = await startWorld("nginx");
  const answer = await w.ask("/notes", { headers: { accept: "text/html,*/*;q=0.8" } });
  expect([answer.status, answer.headers.location]).toEqual([
    303,
    expect.stringMatching(/\/sign-in$/),
  ]);
  expect((await w.ask("/notes", { headers: { accept: "*/*" } })).status).toBe(401);
  await w.close();
});

it("asks for more where a location says so, and hands the challenge on", async () => {
  const w = await startWorld("nginx");
  const { token } = await w.s.open("alice");
  expect((await w.ask("/admin", page(token))).status).toBe(200);
  w.pass(301_000);
  const late = await w.ask("/admin", page(token));
  expect([late.status, late.text]).toEqual([403, expect.stringContaining("step_up_required")]);
  expect(late.headers["www-authenticate"]).toMatch(/insufficient_user_auth.*max_age="?300/);
  const person = await w.ask("/admin", page(token, { accept: "text/html" }));
  expect(person.headers.location).toMatch(/\/sign-in$/);
  expect((await w.ask("/notes", page(token))).status).toBe(200);
  await w.close();
});

it("lets nobody name themselves on a path that asks nothing", async () => {
  const open = "    location /open { proxy_pass http://backend; }\n";
  const edit = (text: string): string =>
    text.replace("    location / {", `${open}    location / {`);
  const w = await startWorld("nginx", { edit });
  const headers = { "x-session-subject": "admin", x_session_subject: "admin" };
  const { status, text } = await w.ask("/open", { headers });
  expect([status, text]).toEqual([200, "hello undefined"]);
  expect(JSON.stringify(w.heard)).not.toContain("admin");
  await w.close();
});

/** Word for word what the page says. */
function keeping(text: string): string {
  const said = read("docs/operations/gateway.md");
  const [, path = ""] = /`(proxy_cache_path [^`]+)`/.exec(said) ?? [];
  const [, block = ""] = /```nginx\n([^`]+)```/.exec(said) ?? [];
  expect([path, block]).toEqual([expect.stringMatching(/;$/), expect.stringMatching(/_key/)]);
  const place = "      proxy_pass_request_body off;";
  return text.replace("  upstream sojourn {", `  ${path}\n$&`).replace(place, () => block + place);
}

it("[CK-15] keeps a yes for its seconds, for this credential, method and origin alone", async () => {
  const env = { SOJOURN_NEAR_CACHE: "2s", SOJOURN_GATEWAY_CACHE: "2s" };
  const w = await startWorld("nginx", { env, edit: keeping });
  const asked = async (): Promise<number> => {
    const text = await (await fetch(`${w.s.service.metricsUrl ?? ""}/metrics`)).text();
    const counts = text.matchAll(/^sojourn_forward_auths_total\{[^}]*\} (\d+)$/gm);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  const alice = await w.s.open("alice");
  const bob = await w.s.open("bob");
  for (let time = 0; time < 3; time += 1) {
    expect((await w.ask("/notes", page(alice.token))).text).toBe("hello alice");
    expect((await w.ask("/notes", page(bob.token))).text).toBe("hello bob");
  }
  expect(await asked()).toBe(2);
  const statusOf = async (method: string, site: string, more: object = {}): Promise<number> => {
    const sent = page(alice.token, { "sec-fetch-site": site, ...more });
    return (await w.ask("/notes", { ...sent, method })).status;
  };
  expect(await statusOf("GET", "cross-site")).toBe(200);
  expect(await statusOf("POST", "cross-site")).toBe(403);
  expect(await statusOf("POST", "same-origin")).toBe(200);
  expect(await statusOf("POST", "cross-site")).toBe(403);
  expect(await statusOf("GET", "cross-site", SOCKET)).toBe(403);
  expect((await w.ask("/notes")).status).toBe(401);
  expect((await w.ask("/notes", page(`${alice.token.slice(0, -1)}_`))).status).toBe(401);
  await w.s.api("POST", `/v1/sessions/${alice.id}/revoke`, { body: {} });
  const endedAt = performance.now();
  while ((await statusOf("GET", "same-origin")) === 200) {
    expect(performance.now() - endedAt).toBeLessThan(4_500);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(await statusOf("GET", "same-origin")).toBe(401);
  await w.close();
});
