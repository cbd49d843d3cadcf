/** A thief presents the token of a device-bound session where there is no request to look at. */
import { sessionsAuthority } from "sojourn/sealed";
import { describe, expect, it } from "vitest";
import {
  BOUND,
  BoundBrowser,
  boundBrowser,
  boundPlace,
  SESSION,
} from "../support/bound-browser.ts";
import type { PlaceOptions } from "../support/bound-browser.ts";

const MINUTE_MS = 60_000;

async function bound(options: PlaceOptions = {}) {
  const browser = await boundBrowser(options);
  await browser.visit((session) => session.set("note", "secret"));
  const { sessions, clock } = browser.place;
  const token = browser.jar.get(SESSION) ?? "";
  const cookie = browser.jar.get(BOUND) ?? "";
  const ask = (context: Parameters<typeof sessions.authenticate>[1] = {}) =>
    sessions.authenticate(token, context);
  return { browser, sessions, clock, token, cookie, ask };
}

describe("the token of a device-bound session", () => {
  it("[DB-11] is locked without the bound cookie, and says how the device is proved", async () => {
    const { browser, ask, cookie } = await bound();
    const standing = await ask();
    expect(standing).toMatchObject({
      state: "locked",
      session: { subject: null, claimant: "alice", data: {} },
      unproven: { why: "missing", enforcement: "step-up" },
    });
    expect(await ask({ boundCookie: cookie })).toMatchObject({
      state: "active",
      session: { subject: "alice", data: { note: "secret" } },
    });
    expect(await ask({ boundCookie: cookie })).not.toHaveProperty("unproven");
    // The challenge that came along is one that the browser's next proof may answer.
    const { headers = {} } = "unproven" in standing ? (standing.unproven ?? {}) : {};
    const [, challenge] =
      /^"([^"]+)";id="ses_/.exec(headers["secure-session-challenge"] ?? "") ?? [];
    expect((await browser.refresh(browser.answer({ payload: { jti: challenge } }))).status).toBe(
      200,
    );
  });

  it("[DB-11] is locked from the end of the bound time, not one millisecond before", async () => {
    const { ask, cookie, clock } = await bound();
    await clock.advanceAsync(10 * MINUTE_MS - 10_001);
    expect(await ask({ boundCookie: cookie })).toMatchObject({ state: "active" });
    await clock.advanceAsync(1);
    expect(await ask({ boundCookie: cookie })).toMatchObject({
      state: "locked",
      unproven: { why: "expired" },
    });
  });

  it.each(["", "A".repeat(48), "x".repeat(5_000)])(
    "[DB-11] is locked with a bound cookie that is none: %.10s",
    async (boundCookie) => {
      const { ask } = await bound();
      expect(await ask({ boundCookie })).toMatchObject({
        state: "locked",
        unproven: { why: "foreign" },
      });
    },
  );

  it("[DB-11] is given no successor without the bound cookie", async () => {
    const { ask, clock } = await bound();
    await clock.advanceAsync(61 * MINUTE_MS);
    const standing = await ask({ canSetToken: true });
    expect(standing).toMatchObject({ state: "locked" });
    expect(standing).not.toHaveProperty("successor");
  });

  it("[DB-11] is active under observe, and it is told all the same", async () => {
    const { ask } = await bound({ dbsc: { enforcement: "observe" } });
    expect(await ask()).toMatchObject({
      state: "active",
      session: { subject: "alice" },
      unproven: { why: "missing", enforcement: "observe" },
    });
  });

  it("[DB-08] is served without assurance where a skipped refresh is excused", async () => {
    const { ask, browser } = await bound({ dbsc: { onSkipped: "degraded" } });
    const skipped = `unreachable;session_identifier="${browser.id}"`;
    expect(await ask({ skipped })).toMatchObject({
      state: "active",
      session: { assurance: { amr: [], factors: [] } },
      unproven: { enforcement: "degraded" },
    });
    expect(await ask({ skipped: "unreachable" })).toMatchObject({ state: "locked" });
  });

  it("[DB-11] takes a factor in place of the device, by its token and by its handle", async () => {
    for (const how of ["token", "handle"] as const) {
      const { ask, sessions, browser, cookie } = await bound();
      const standing = await ask();
      const session =
        how === "handle"
          ? await sessions.find(browser.id, { unproven: true })
          : "session" in standing && standing.session;
      if (session === undefined || session === false) throw new Error("no session");
      expect(session.state).toBe("locked");
      const { token } = await session.stepUp({ amr: ["pwd"] });
      expect(await sessions.authenticate(token)).toMatchObject({ state: "active" });
      // Whoever had the old token is out at once, with the bound cookie as well.
      expect(await ask({ boundCookie: cookie })).toMatchObject({ state: "ended" });
    }
  });

  it("[DB-11] takes none where only a login helps", async () => {
    const { sessions, browser } = await bound({ dbsc: { enforcement: "require" } });
    const session = await sessions.find(browser.id, { unproven: true });
    await expect(session?.stepUp({ amr: ["pwd"] })).rejects.toThrow("only a login");
  });

  it("[DB-11] is locked for a sealed session's authority, which has no cookie to show", async () => {
    const { sessions, token } = await bound();
    const answer = await sessionsAuthority(sessions).check({
      tenant: "default",
      token,
      activity: false,
      canSetToken: false,
    });
    expect(answer).toMatchObject({ state: "live", session: { state: "locked" }, data: {} });
  });

  it("needs no cookie while the session is not bound", async () => {
    const browser = new BoundBrowser(boundPlace());
    await browser.login();
    const token = browser.jar.get(SESSION) ?? "";
    const standing = await browser.place.sessions.authenticate(token, { boundCookie: "x" });
    expect(standing).toMatchObject({ state: "active" });
  });
});
