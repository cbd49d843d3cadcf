/** A sibling subdomain sets a cookie of the same name for the whole domain. */
import { describe, expect, it } from "vitest";
import { COOKIE, leave, visit, world } from "../support/world.ts";
import type { World } from "../support/world.ts";

async function withCookies(place: World, cookie: string) {
  const exchange = await visit(place, { headers: { cookie } });
  const { session } = exchange;
  return { subject: session.subject, answer: leave(exchange) };
}

describe("cookie tossing", () => {
  it("[CK-09] never puts the attacker's session in the place of the victim's", async () => {
    const place = world();
    const victim = await place.sessions.open({ subject: "alice" });
    const attacker = await place.sessions.open({ subject: "mallory" });
    const good = `${COOKIE}=${victim.token}`;
    const evil = `${COOKIE}=${attacker.token}`;
    for (const cookie of [`${evil}; ${good}`, `${good}; ${evil}`, `${good}; a=b; ${evil}`]) {
      const { subject, answer } = await withCookies(place, cookie);
      expect(subject).toBeNull();
      expect(answer.cookies).toEqual([]);
    }
  });

  it("[CK-09] by look-alikes of the name is not even noticed", async () => {
    const place = world();
    const victim = await place.sessions.open({ subject: "alice" });
    const attacker = await place.sessions.open({ subject: "mallory" });
    const good = `${COOKIE}=${victim.token}`;
    const names = [
      "__host-session",
      "__HOST-session",
      "session",
      "=__Host-session",
      "X__Host-session",
    ];
    for (const name of names) {
      for (const cookie of [
        `${name}=${attacker.token}; ${good}`,
        `${good}; ${name}=${attacker.token}`,
      ]) {
        expect((await withCookies(place, cookie)).subject).toBe("alice");
      }
    }
  });

  it("[CK-09] with quotes, commas and blanks does not smuggle a second cookie", async () => {
    const place = world();
    const victim = await place.sessions.open({ subject: "alice" });
    const attacker = await place.sessions.open({ subject: "mallory" });
    const good = `${COOKIE}=${victim.token}`;
    const tricks = [
      `a="; ${COOKIE}=${attacker.token}; b="; ${good}`,
      `a=b,${COOKIE}=${attacker.token}; ${good}`,
      `${good},${COOKIE}=${attacker.token}`,
    ];
    for (const cookie of tricks) {
      expect((await withCookies(place, cookie)).subject).not.toBe("mallory");
    }
  });

  it("of a header beyond all bounds is no credential, and costs no store call", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    place.store.resetCalls();
    const cookie = `${"a=b; ".repeat(20_000)}${COOKIE}=${token}`;
    expect((await withCookies(place, cookie)).subject).toBeNull();
    expect(place.store.calls()).toBe(0);
  });
});
