/** The attacker makes, changes and moves sealed cookies, and listens to how they are refused. */
import { describe, expect, it } from "vitest";
import { gzipSync } from "node:zlib";
import { createSessions, MemoryStore } from "sojourn";
import { createSealedSessions, sessionsAuthority } from "sojourn/sealed";
import {
  activeIn,
  CookieBox,
  factsOf,
  NAME,
  sealedWorld,
  secretText,
} from "../support/sealed-world.ts";

const SEALED = { state: "unknown", why: "sealed" };
const UNKNOWN = expect.objectContaining({ state: "unknown" }) as object;

function valueIn(box: CookieBox): string {
  return box.cookies.get(NAME) ?? "";
}

describe("a sealed cookie", () => {
  it("is nothing with any one character changed", async () => {
    const { edge, signIn, asked } = sealedWorld();
    const { box } = await signIn();
    const good = valueIn(box);
    for (let at = 0; at < good.length; at += 5) {
      const other = good[at] === "A" ? "B" : "A";
      const changed = good.slice(0, at) + other + good.slice(at + 1);
      expect(await edge.read(`${NAME}=${changed}`)).toEqual(UNKNOWN);
    }
    expect(asked).toEqual([]);
    activeIn(await edge.read(`${NAME}=${good}`));
  });

  it("has one spelling: no padding, no other alphabet, no stray bits, nothing around it", async () => {
    const { edge, signIn } = sealedWorld();
    for (const text of ["", "a", "ab"]) {
      const good = valueIn((await signIn({ text })).box);
      const stray = good.slice(0, -1) + String.fromCharCode(good.charCodeAt(good.length - 1) + 1);
      for (const spelt of [`${good}=`, `${good}==`, `"${good}"`, `${good}A`, good.toUpperCase()]) {
        expect(await edge.read(`${NAME}=${spelt}`)).toEqual(UNKNOWN);
      }
      expect(await edge.read(`${NAME}=${stray}`)).toEqual(UNKNOWN);
      expect(await edge.read(`${NAME}=${good.replaceAll("-", "+")}x`)).toEqual(UNKNOWN);
    }
  });

  it("counts its chunks in one way", async () => {
    const { edge, signIn } = sealedWorld();
    const good = valueIn((await signIn()).box);
    for (const count of ["0", "2", "5", "9", "/", ":", "A", "\u0661"]) {
      const counted = `sj1e_${count}${good.slice(6)}`;
      expect(await edge.read(`${NAME}=${counted}`), count).toEqual(UNKNOWN);
    }
  });

  it("opens for its tenant and under its name alone", async () => {
    const { edge, edgeWith, signIn } = sealedWorld();
    const { box } = await signIn();
    const good = valueIn(box);
    expect(await edgeWith({ tenant: "other" }).read(box.header)).toEqual(SEALED);
    const named = edgeWith({ cookie: { name: "basket" } });
    expect(await named.read(`__Host-basket=${good}`)).toEqual(SEALED);
    const plain = edgeWith({ cookie: { secure: false } });
    expect(await plain.read(`session=${good}`)).toEqual(SEALED);
    activeIn(await edge.read(box.header));
  });

  it("is nothing under other secrets, though the key id be the right one", async () => {
    const { edge, edgeWith, signIn } = sealedWorld();
    const { box, session, token } = await signIn();
    const theirs = new CookieBox();
    theirs.take(await edgeWith({ secrets: [secretText(9)] }).seal(factsOf(session, token)));
    const [ours, other] = [valueIn(box), valueIn(theirs)];
    expect(await edge.read(theirs.header)).toEqual(SEALED);
    const dressed = other.slice(0, 6) + ours.slice(6, 10) + other.slice(10);
    expect(await edge.read(`${NAME}=${dressed}`)).toEqual(SEALED);
  });

  it("[KY-05] is refused in one way, whatever was wrong with its inside", async () => {
    const { edge, signIn } = sealedWorld();
    const good = valueIn((await signIn()).box);
    const wrong = [
      good.slice(0, 10),
      good.slice(0, 40),
      `${good.slice(0, 6)}0000${good.slice(10)}`,
      `${good.slice(0, -2)}AA`,
      `${good.slice(0, 12)}!${good.slice(13)}`,
      good.slice(0, 10) + gzipSync(Buffer.alloc(1_000_000)).toString("base64url"),
    ];
    for (const value of wrong) expect(await edge.read(`${NAME}=${value}`)).toEqual(SEALED);
  });

  it("never makes the reader throw or ask, whatever comes", async () => {
    const { edge, asked } = sealedWorld();
    const long = "A".repeat(3_800);
    const odd = ["", "sj1e_", "sj1e_1", `sj1e_1${long}`, "sj1s_", `sj1s_${"A".repeat(80)}x`];
    const bytes = ["\u0000", "\u00ff", "{}", "__proto__", "../..", "null", "e1.0000AAAA"];
    for (const value of [...odd, ...bytes]) {
      expect(await edge.read(`${NAME}=${value}`)).toEqual(UNKNOWN);
      expect(await edge.read(`${NAME}=sj1e_2${long}; ${NAME}.1=${value}`)).toEqual(UNKNOWN);
    }
    for (const header of [undefined, null, "", ";;;", NAME, "x".repeat(100_000)]) {
      expect(await edge.read(header)).toEqual(UNKNOWN);
    }
    expect(asked).toEqual([]);
  });

  it("takes no token of another kind for the one it holds when data outgrew it", async () => {
    const { edge, edgeWith, asked, sessions } = sealedWorld();
    for (const [code, letter] of [".", "s", "a", "r", "h", "k", "n", "t"].entries()) {
      const head = Buffer.from([0x10 + code, 0, 0]).toString("base64url");
      const token = `sj1${letter}_${head}${"A".repeat(76)}`;
      const presentable = letter === "s" || letter === "n";
      const why = presentable ? "token" : "form";
      expect(await edge.read(`${NAME}=${token}`), letter).toEqual({ state: "unknown", why });
    }
    const elsewhere = edgeWith({ tenant: "other" });
    const { token } = await sessions.open({ subject: "alice" });
    const moved = await elsewhere.read(`${NAME}=${token}`);
    expect(moved).toEqual({ state: "unknown", why: "token" });
    expect(asked).toEqual([]);
    activeIn(await edge.read(`${NAME}=${token}`));
  });

  it("keeps __proto__ in data as data", async () => {
    const { edge, signIn } = sealedWorld();
    const data = JSON.parse('{"__proto__":{"admin":true},"a":1}') as Record<string, unknown>;
    const { box } = await signIn(data);
    const standing = activeIn(await edge.read(box.header));
    expect((standing.data as { admin?: boolean }).admin).toBeUndefined();
    expect(Object.keys(standing.data)).toContain("__proto__");
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });
});

describe("a session of another tenant or another person's token", () => {
  it("is not sealed", async () => {
    const { edge, signIn } = sealedWorld();
    const [one, two] = [await signIn(), await signIn({}, "bob")];
    await expect((async () => edge.seal(factsOf(one.session, two.token)))()).rejects.toThrow(
      "no token of this session",
    );
    const facts = factsOf(one.session, one.token);
    const moved = { ...facts, session: { ...facts.session, tenant: "other" } };
    await expect((async () => edge.seal(moved))()).rejects.toThrow("another tenant");
  });
});

describe("options", () => {
  it("that would weaken it are refused all at once", () => {
    const wrong = {
      secrets: ["short"],
      tenant: "a b",
      cookie: { name: "a b" },
      feed: "none",
      authority: undefined,
      boundMs: 0,
      renewEveryMs: 1,
      chunksMax: 9,
      dbsc: { cookieName: "a b", path: "/a" },
      leeway: 1,
    };
    const problems = (() => {
      try {
        createSealedSessions(wrong as unknown as Parameters<typeof createSealedSessions>[0]);
      } catch (error) {
        return (error as { problems: { path: string }[] }).problems.map(({ path }) => path);
      }
      return [];
    })();
    expect(new Set(problems)).toEqual(
      new Set([
        "leeway",
        "secrets[0]",
        "cookie.name",
        "tenant",
        "feed",
        "authority",
        "boundMs",
        "renewEveryMs",
        "chunksMax",
        "dbsc.cookieName",
        "dbsc.path",
      ]),
    );
  });

  it("are copied: secrets that are wiped later do no harm", async () => {
    const sessions = createSessions({ store: new MemoryStore(), secrets: [secretText(1)] });
    const secret = Uint8Array.from({ length: 32 }, (_, at) => at * 7 + 1);
    const { feed } = sealedWorld();
    const authority = sessionsAuthority(sessions);
    const one = createSealedSessions({ secrets: [secret], feed, authority });
    const two = createSealedSessions({ secrets: [Uint8Array.from(secret)], feed, authority });
    secret.fill(0);
    const { session, token } = await sessions.open({ subject: "alice" });
    const box = new CookieBox();
    box.take(await one.seal(factsOf(session, token)));
    expect((await two.read(box.header)).state).not.toBe("unknown");
    await sessions.close();
  });
});
