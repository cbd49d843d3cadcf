/** The command `sojourn doctor`: what it says before, without and instead of an examination. */
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { CHECKS, GROUPS } from "../../packages/sojourn-server/src/cli/doctor/findings.ts";
import { COMMANDS } from "../../packages/sojourn-server/src/cli/run.ts";
import { listen, stopServers } from "../support/servers.ts";
import { read } from "../tidy/repository.ts";
import { doctor, LOGIN, PATHS, withPassword } from "./doctor-run.ts";
import { expressTill, openShop, PASSWORD, sojournTill } from "./doctor-shop.ts";
import type { Till } from "./doctor-shop.ts";
import { sojourn } from "./service-harness.ts";

afterEach(stopServers);

describe("what cannot be examined", () => {
  it("is said, with what would let it be, and is no failure", async () => {
    const shop = await openShop(expressTill());
    const { code, out } = await doctor([shop.url]);
    expect(code).toBe(0);
    expect(out).toMatch(/skipped {2}logout-ends, .*Give --login-path with --field/);
    const blind = ["--login-path", "/login", "--field", "name=alice", "--field", "password=env:P"];
    const without = await doctor([shop.url, ...blind], { P: PASSWORD });
    expect(without.err).toContain("Without --whoami-path nobody can tell");
    expect(without.out).toMatch(/skipped {2}fixation-kept, .*Give --whoami-path/);
  });

  it("fails when the login does not work, and says what was tried", async () => {
    const shop = await openShop(expressTill());
    const args = [shop.url, ...PATHS, "--field", "password=env:P"];
    const wrong = await doctor(args, { P: "nonsense" });
    expect([wrong.code, wrong.out]).toEqual([
      1,
      expect.stringContaining("POST /login with name, password was answered 401"),
    ]);
    const blind = args.map((word) => (word === "/me" ? "/" : word));
    const same = await doctor(blind, { P: PASSWORD });
    expect([same.code, same.out]).toEqual([
      1,
      expect.stringContaining("/ answers the person as it answers nobody"),
    ]);
  });

  it("says so when nothing has set a cookie, which no field of the login mends", async () => {
    const shop = await openShop(sojournTill(true));
    const { code, out } = await doctor([shop.url, ...PATHS, "--field", "password=env:P"], {
      P: PASSWORD,
    });
    expect(code).toBe(1);
    expect(out).toContain("POST /login was answered 303, and nothing has set a cookie.");
    expect(out).toMatch(/no Secure cookie is set over plain HTTP: examine the https address/);
    expect(out).not.toContain("Check --field");
  });

  it("shows nothing of a path that refuses its own page", async () => {
    const shop = await openShop(expressTill());
    const args = [shop.url, ...LOGIN, "--field", "password=env:P", "--write-path", "/nothing"];
    const { out } = await doctor(args, { P: PASSWORD });
    expect(out).toMatch(/skipped {2}csrf-cross-site, .* answered 404/);
  });
});

describe("an application that cannot be reached", () => {
  it("has exit code 3, and the reason", async () => {
    const refused = await doctor(["http://127.0.0.1:1"]);
    expect([refused.code, refused.err]).toEqual([3, expect.stringContaining("nothing listens")]);
    const { url } = await listen(createServer(() => undefined));
    const hanging = await doctor([url, "--timeout", "100ms"]);
    expect([hanging.code, hanging.err]).toEqual([3, expect.stringContaining("within 0.1 s")]);
    const plain = await doctor([url.replace("http:", "https:")]);
    expect([plain.code, plain.err]).toEqual([3, expect.stringContaining("http://")]);
    const cut = createTcpServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => void cut.listen(0, "127.0.0.1", resolve));
    const { port } = cut.address() as AddressInfo;
    expect((await doctor([`http://127.0.0.1:${port}`])).code).toBe(3);
    await new Promise((resolve) => void cut.close(resolve));
  });
});

describe("a line that cannot be meant", () => {
  const url = "http://127.0.0.1:9";
  it.each<[string[], string]>([
    [[], "URL is missing"],
    [["app.example"], "did you mean https://app.example?"],
    [["localhost:3000"], "did you mean http://localhost:3000?"],
    [["localhost.example"], "did you mean https://localhost.example?"],
    [["ftp://app.example"], "expected an address like"],
    [["http://alice:secret-word@app.example"], "ends up in logs"],
    [[url, "--whoami-path", "/me"], "needs a session"],
    [[url, "--login-path", "login", "--field", "a=b"], "a path of the application like /login"],
    [[url, "--login-path", "//evil.test", "--field", "a=b"], "a path of the application"],
    [[url, "--login-path", "/login"], "needs --field"],
    [[url, "--field", "a=b"], "needs --login-path"],
    [[url, "--login-path", "/login", "--field", "secret-word"], "expected NAME=VALUE"],
    [[url, "--login-path", "/l", "--field", "p=@/nowhere"], "the file /nowhere cannot be read"],
    [[url, "--login-path", "/l", "--field", "p=env:NOWHERE"], "NOWHERE is not set"],
    [[url, "--cookie", "sid=secret-word"], "sid=@FILE or sid=env:VARIABLE"],
    [[url, "--cookie", "sid=env:A", "--login-path", "/l", "--field", "a=b"], "give one of them"],
    [[url, "--write-body", "a=1"], "needs --write-path"],
    [[url, "--timeout", "soon"], "like 30m"],
    [[url, "--plain-url", "https://app.example"], "begins with http://"],
  ])("%j says why, with exit code 2, and repeats no secret", async (args, why) => {
    const { code, out, err } = await doctor(args, { A: "b" });
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(why);
    expect(err).not.toContain("secret-word");
  });

  it("is warned of a password that everybody can see", async () => {
    const args = [url, "--login-path", "/login", "--field", "password=hunter2", "--dry-run"];
    const { err, out, code } = await doctor(args);
    expect([code, err]).toEqual([0, expect.stringContaining("password=@FILE")]);
    expect(out + err).not.toContain("hunter2");
  });
});

describe("before anything is sent", () => {
  it("what will be sent is said; with --dry-run nothing is", async () => {
    const shop = await openShop(expressTill());
    const dry = await doctor([shop.url, ...withPassword(), "--dry-run"]);
    expect(dry.code).toBe(0);
    expect(dry.out).toContain("POST /cart: changes something");
    expect(shop.values.size).toBe(0);
    const { err } = await doctor([shop.url, ...withPassword()]);
    expect(err).toContain(dry.out.trim());
  });

  it("no more logins happen than were announced", async () => {
    let logins = 0;
    const till = expressTill();
    const counting: Till = {
      ...till,
      login: async (...args) => {
        logins += 1;
        await till.login(...args);
      },
    };
    const shop = await openShop(counting);
    const { err } = await doctor([shop.url, ...withPassword(), "--slow-path", "/slow"]);
    const [, most = ""] = /up to (\d+) times\n/.exec(err) ?? [];
    expect(logins).toBeGreaterThan(3);
    expect(logins).toBeLessThanOrEqual(Number(most));
  });
});

describe("the document", () => {
  const page = read("docs/operations/doctor.md");

  it("has a heading for every group and a row for every check, and no others", () => {
    for (const group of GROUPS) expect(page).toContain(`\n## ${group}\n`);
    const rows = [...page.matchAll(/^\| `([a-z][a-z-]+)` \|/gm)].map(([, name = ""]) => name);
    expect(rows.toSorted()).toEqual([...CHECKS].toSorted());
  });

  it("names every flag", () => {
    const flags = COMMANDS.find(({ name }) => name === "doctor")?.options ?? [];
    expect(flags.filter(({ name }) => !page.includes(`\`--${name}\``))).toEqual([]);
  });
});

describe("the built command", () => {
  it("examines by itself, and exits with the code", async () => {
    const shop = await openShop(expressTill());
    const ran = await sojourn(["doctor", shop.url]);
    expect([ran.code, ran.out]).toEqual([0, expect.stringContaining("visitor-cookie")]);
  });
});
