import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { at, optionsIn, startConsole, Visitor } from "./console-harness.ts";
import type { ConsoleService } from "./console-harness.ts";
import { send } from "./service-harness.ts";
import type { Authenticator } from "../support/passkey.ts";

let s: ConsoleService;

beforeAll(async () => {
  s = await startConsole();
});

afterAll(async () => {
  await s.service.stop();
});

const LINK = "/console/session/link";

describe("a one-time link", () => {
  it("signs in once; used, forged and other people's tokens get one and the same answer", async () => {
    const token = await s.invite("ada", "admin");
    const ada = new Visitor(s.service.url);
    const first = await ada.send("POST", LINK, { body: { token } });
    expect([first.status, at(first.json, "user.name")]).toEqual([200, "ada"]);
    const stranger = new Visitor(s.service.url);
    const again = await stranger.send("POST", LINK, { body: { token } });
    const forged = `sj1i_${"A".repeat(43)}`;
    const other = await stranger.send("POST", LINK, { body: { token: forged } });
    expect([again.status, other.status]).toEqual([401, 401]);
    expect(again.json).toEqual(other.json);
    expect(stranger.cookie).toBe("");
  });

  it("is used by one of many who come at once", async () => {
    const token = await s.invite("race", "auditor");
    const visitors = Array.from({ length: 8 }, () => new Visitor(s.service.url));
    const answers = await Promise.all(
      visitors.map((visitor) => visitor.send("POST", LINK, { body: { token } })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  it("is over after fifteen minutes, not one millisecond before", async () => {
    let now = Date.now();
    const clock = { now: () => now, monotonic: () => now };
    const own = await startConsole({ library: { clock: clock as never } });
    try {
      const [early, late] = [await own.invite("e", "auditor"), await own.invite("l", "auditor")];
      now += 15 * 60_000 - 1;
      const before = await new Visitor(own.service.url).send("POST", LINK, {
        body: { token: early },
      });
      now += 1;
      const after = await new Visitor(own.service.url).send("POST", LINK, {
        body: { token: late },
      });
      expect([before.status, after.status]).toEqual([200, 401]);
    } finally {
      await own.service.stop();
    }
  });

  it("signs nobody in whom an administrator has disabled meanwhile", async () => {
    const token = await s.invite("gone", "auditor");
    const { users } = s.service.console ?? {};
    const user = await users?.look("gone");
    await users?.disable(user?.id ?? "");
    const answer = await new Visitor(s.service.url).send("POST", LINK, { body: { token } });
    expect(answer.status).toBe(401);
  });

  it("keeps no token in the control store, and none in any answer or log line", async () => {
    const token = await s.invite("quiet", "admin");
    const quiet = new Visitor(s.service.url);
    const answer = await quiet.send("POST", LINK, { body: { token } });
    expect(answer.text).not.toContain("sj1");
    expect(s.logs.join("\n")).not.toContain(token);
  });
});

describe("the console's own session", () => {
  it("[TN-03] is strict: HttpOnly, SameSite=Strict, idle after 15 minutes, over after 8 hours", async () => {
    const token = await s.invite("strict", "admin");
    const visitor = new Visitor(s.service.url);
    const answer = await visitor.send("POST", LINK, { body: { token } });
    const line = String(answer.headers["set-cookie"]);
    expect(line).toMatch(/^sojourn-console=[^;]+;/);
    expect(line).toMatch(/HttpOnly/);
    expect(line).toMatch(/SameSite=Strict/);
    expect(line).not.toMatch(/Max-Age|Expires|Domain/);
    const session = answer.json["session"] as Record<string, string>;
    const span = (name: string): number =>
      Date.parse(session[name] ?? "") - Date.parse(session["createdAt"] ?? "");
    expect(span("idleExpiresAt")).toBe(15 * 60_000);
    expect(span("absoluteExpiresAt")).toBe(8 * 3_600_000);
  });

  it("is refused to other sites' pages and to a header, and answers JSON alone", async () => {
    const ada = await s.arrive("csrf", "admin");
    const cross = { headers: { "sec-fetch-site": "cross-site" } };
    const foreign = await ada.send("DELETE", "/console/session", cross);
    expect([foreign.status, foreign.json["code"]]).toEqual([403, "csrf_failed"]);
    const sibling = { headers: { "sec-fetch-site": "same-site" } };
    expect((await ada.api("POST", "/v1/keys", { ...sibling, body: {} })).status).toBe(403);
    const token = ada.cookie.replace("sojourn-console=", "");
    const bearer = { headers: { authorization: `Bearer ${token}` } };
    expect((await send(`${s.service.url}/console/session`, "GET", bearer)).status).toBe(401);
    const form = {
      raw: "token=x",
      headers: { "content-type": "application/x-www-form-urlencoded" },
    };
    expect((await ada.send("POST", LINK, form)).status).toBe(415);
    expect((await ada.send("GET", "/console/session")).status).toBe(200);
  });

  it("is no session of the service, and none of the service's is one of the console", async () => {
    const ada = await s.arrive("apart", "admin");
    const token = ada.cookie.replace("sojourn-console=", "");
    const verdict = await s.api("POST", "/v1/sessions/verify", { body: { token } });
    expect(verdict.json["state"]).toBe("unknown");
    const { token: own } = await s.open("alice");
    const stranger = new Visitor(s.service.url);
    stranger.cookie = `sojourn-console=${own}`;
    expect((await stranger.send("GET", "/console/session")).status).toBe(401);
    const made = s.service.keys.create({
      name: "sneaky",
      tenant: "sojourn-console",
      scopes: ["sessions:write"],
    });
    await expect(made).rejects.toThrow(/console's own/);
  });

  it("ends at sign-out, for the cookie that was copied, too", async () => {
    const ada = await s.arrive("leaver", "admin");
    const copy = new Visitor(s.service.url);
    copy.cookie = ada.cookie;
    const out = await ada.send("DELETE", "/console/session");
    expect(out.json).toEqual({ ended: true });
    expect(out.headers["clear-site-data"]).toBeDefined();
    const answer = await copy.send("GET", "/console/session");
    expect([answer.status, answer.json["reason"]]).toEqual([401, "logout"]);
  });

  it("ends at once when its user is disabled", async () => {
    const [ada, bob] = [await s.arrive("boss", "admin"), await s.arrive("bob", "operator")];
    await ada.enroll();
    const { json } = await ada.send("GET", "/console/users");
    const items = json["items"] as { id: string; name: string }[];
    const id = items.find(({ name }) => name === "bob")?.id;
    const done = await ada.send("POST", `/console/users/${id}/disable`);
    expect(at(done.json, "user.state")).toBe("disabled");
    expect((await bob.api("GET", "/v1/sessions")).status).toBe(401);
  });
});

describe("a passkey", () => {
  it("is registered after a fresh sign-in, and then signs in by itself", async () => {
    const ada = await s.arrive("keyed", "admin");
    await ada.enroll();
    const list = await ada.send("GET", "/console/passkeys");
    expect(list.json["items"]).toHaveLength(1);
    const back = new Visitor(s.service.url);
    const asked = await back.send("POST", "/console/session/passkey/options");
    const response = ada.authenticator.get(optionsIn(asked));
    const answer = await back.send("POST", "/console/session/passkey", { body: { response } });
    expect([answer.status, at(answer.json, "user.name")]).toEqual([200, "keyed"]);
    expect(answer.json["steppedUpUntil"]).toBeDefined();
    const replayed = await new Visitor(s.service.url).send("POST", "/console/session/passkey", {
      body: { response },
    });
    expect(replayed.status).toBe(401);
  });

  it("answers only the challenge that was made for this, and this session", async () => {
    const [ada, bob] = [await s.arrive("one", "admin"), await s.arrive("two", "admin")];
    await ada.enroll();
    await bob.enroll();
    const forSignIn = await ada.send("POST", "/console/session/passkey/options");
    const forBob = await bob.send("POST", "/console/session/step-up/options");
    for (const asked of [forSignIn, forBob]) {
      const response = ada.authenticator.get(optionsIn(asked));
      const answer = await ada.send("POST", "/console/session/step-up", { body: { response } });
      expect(answer.status).toBe(401);
    }
    const own = await ada.send("POST", "/console/session/step-up/options");
    const others = bob.authenticator.get(optionsIn(own));
    const answer = await ada.send("POST", "/console/session/step-up", {
      body: { response: others },
    });
    expect(answer.status).toBe(401);
    expect((await ada.stepUp()).status).toBe(200);
  });

  it("of another origin, without its owner's proof, or copied, signs nobody in", async () => {
    const ada = await s.arrive("odd", "admin");
    await ada.enroll();
    const trial = async (change: (authenticator: Authenticator) => void): Promise<number> => {
      const asked = await ada.send("POST", "/console/session/step-up/options");
      change(ada.authenticator);
      const response = ada.authenticator.get(optionsIn(asked));
      return (await ada.send("POST", "/console/session/step-up", { body: { response } })).status;
    };
    const origin = ada.authenticator.origin;
    const at = (value: string) => (authenticator: Authenticator) =>
      void Object.assign(authenticator, { origin: value });
    expect(await trial(at("http://evil.example"))).toBe(401);
    at(origin)(ada.authenticator);
    expect(await trial((one) => void (one.verifies = false))).toBe(401);
    ada.authenticator.verifies = true;
    expect(await trial((one) => void (one.counter = 0))).toBe(401);
    expect(await trial((one) => void (one.counter = 50))).toBe(200);
  });

  it("signs nobody in whom an administrator has disabled", async () => {
    const bob = await s.arrive("barred", "operator");
    await bob.enroll();
    const user = await s.service.console?.users.look("barred");
    await s.service.console?.users.disable(user?.id ?? "");
    const asked = await bob.send("POST", "/console/session/passkey/options");
    const response = bob.authenticator.get(optionsIn(asked));
    const answer = await bob.send("POST", "/console/session/passkey", { body: { response } });
    expect(answer.status).toBe(401);
  });

  it("is asked for before one is removed, and is gone then", async () => {
    const ada = await s.arrive("remover", "admin");
    await ada.enroll();
    const { json } = await ada.send("GET", "/console/passkeys");
    const [passkey] = json["items"] as { id: string }[];
    const gone = await ada.send("DELETE", `/console/passkeys/${passkey?.id}`);
    expect(gone.json).toEqual({ deleted: true });
    const asked = await ada.send("POST", "/console/session/step-up/options");
    expect([asked.status, asked.json["code"]]).toEqual([403, "forbidden"]);
  });
});

describe("bad input to the sign-in", () => {
  it("is a 4xx problem, whatever it is", async () => {
    const bodies: unknown[] = [
      {},
      { token: "" },
      { token: 1 },
      { token: "x".repeat(300) },
      { token: "sj1i_x", more: 1 },
      { response: {} },
      { response: { id: "x", rawId: "x", type: "public-key", response: { clientDataJSON: "%%" } } },
      { response: { id: "x", rawId: "x", type: "other", response: { clientDataJSON: "" } } },
      null,
      [],
      "text",
    ];
    for (const path of [LINK, "/console/session/passkey", "/console/session/step-up"]) {
      for (const body of bodies) {
        const answer = await new Visitor(s.service.url).send("POST", path, { body });
        expect([path, body, answer.status < 500 && answer.status >= 400]).toEqual([
          path,
          body,
          true,
        ]);
      }
    }
  });
});
