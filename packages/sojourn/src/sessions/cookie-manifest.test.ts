import { describe, expect, it } from "vitest";
import { leave, visit, world } from "../../../../tests/support/world.ts";
import type { CookieFacts } from "./cookie-manifest.ts";

/** What a `Set-Cookie` line says, in the words of the manifest. */
function told(line: string): Partial<CookieFacts> & { readonly maxAge: number | undefined } {
  const [pair = "", ...attributes] = line.split("; ");
  const value = (name: string): string | undefined =>
    attributes.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
  const age = value("Max-Age");
  const domain = value("Domain");
  return {
    name: pair.slice(0, pair.indexOf("=")),
    path: value("Path") as "/",
    secure: attributes.includes("Secure"),
    httpOnly: attributes.includes("HttpOnly") as true,
    sameSite: value("SameSite") as "Lax",
    partitioned: attributes.includes("Partitioned"),
    ...(domain === undefined ? {} : { domain }),
    maxAge: age === undefined ? undefined : Number(age),
  };
}

async function cookieOf(place: ReturnType<typeof world>, remember: boolean): Promise<string> {
  const exchange = await visit(place, { view: { method: "POST" }, headers: SAME_ORIGIN });
  await exchange.session.login("alice", { remember });
  return leave(exchange).cookies.at(-1) ?? "";
}

const DAY_MS = 86_400_000;
const REMEMBERS = {
  extends: "owasp-asvs-l1",
  remember: { idleMs: 14 * DAY_MS, absoluteMs: 30 * DAY_MS },
} as const;
const SAME_ORIGIN = { "sec-fetch-site": "same-origin" };

describe("the cookie manifest", () => {
  it.each([
    ["the usual cookie", {}],
    ["that of a whole site", { cookie: { name: "__Secure-s", domain: "example.com" } }],
    ["an embedded one", { cookie: { partitioned: true } }],
  ] as const)("[PR-05] says of %s what the browser is sent", async (_name, options) => {
    const place = world({ policy: REMEMBERS, ...options });
    const [facts, ...more] = place.sessions.cookies();
    expect(more).toEqual([]);
    for (const remember of [false, true]) {
      const { maxAge, ...sent } = told(await cookieOf(place, remember));
      expect(facts).toMatchObject(sent);
      expect(facts?.kept).toBe("remember");
      if (remember) expect(maxAge).toBeLessThanOrEqual(facts?.maxSeconds ?? 0);
      else expect(maxAge).toBeUndefined();
    }
  });

  it("[PR-05] keeps nothing past the browser's end where the policy remembers nobody", async () => {
    const place = world({ policy: "consumer" });
    const [facts] = place.sessions.cookies();
    expect(facts).toMatchObject({ kept: "browser", category: "strictly-necessary" });
    expect(facts).not.toHaveProperty("maxSeconds");
    for (const remember of [false, true]) {
      expect(told(await cookieOf(place, remember)).maxAge).toBeUndefined();
    }
  });

  it("names the bound cookie too, and that of plain HTTP where there is one", () => {
    const place = world({ dbsc: {}, policy: REMEMBERS });
    expect(place.sessions.cookies().map(({ kept }) => kept)).toEqual(["remember", "bound"]);
    expect(place.sessions.cookies({ https: false })[0]).toMatchObject({
      name: "session",
      secure: false,
    });
  });
});
