/** `sojourn/websocket` where one Socket.IO connection carries several namespaces. */
import { webSocketSessions } from "sojourn/websocket";
import { afterEach, describe, expect, it } from "vitest";
import { MINUTE, SECOND } from "../support/world.ts";
import { pass, settle } from "./live-harness.ts";
import { page, stage, stopSocketIo } from "./socket-io-harness.ts";
import type { Stage } from "./socket-io-harness.ts";

afterEach(stopSocketIo);

const QUICK = { rotateEveryMs: 5 * MINUTE } as const;
const POLICY = { extends: "owasp-asvs-l2", ...QUICK } as const;

/** What the same browser does over HTTP meanwhile: it keeps each new token. */
async function browse({ place, token }: Stage): Promise<string> {
  let held = token;
  for (let minute = 0; minute < 20; minute += 1) {
    await pass(place, MINUTE, 10 * SECOND);
    const standing = await place.sessions.authenticate(held, { canSetToken: true });
    if (standing.state !== "active") throw new Error(`${standing.state} after ${minute} minutes`);
    held = standing.successor ?? held;
  }
  expect(held).not.toBe(token);
  return held;
}

describe("a connection with several namespaces", () => {
  it("lets one be joined, or joined again, long after the browser's token was replaced", async () => {
    const on = await stage({ policy: POLICY });
    on.live.socketIo(on.io.of("/admin"));
    const join = page(on);
    const first = await join("/");
    expect(first.error).toBeUndefined();
    const held = await browse(on);
    const admin = await join("/admin");
    expect(admin.error).toBeUndefined();
    admin.socket.disconnect();
    await expect.poll(() => on.io.of("/admin").sockets.size).toBe(0);
    expect((await join("/admin")).error).toBeUndefined();
    expect(on.place.named("token-fork")).toEqual([]);
    expect((await on.place.sessions.authenticate(held)).state).toBe("active");
    // Both hang on the session: its end closes the connection.
    await settle(on.place);
    expect(on.place.sessions.live.size).toBe(2);
    await on.session.logout();
    await first.gone;
    expect(first.told).toEqual([["session-ended", { code: 4401, reason: "logout" }]]);
  });

  it("looks at the cookie as it begins, whichever of them is guarded and when that is joined", async () => {
    for (const engine of [false, true]) {
      const on = await stage({ policy: POLICY, guarded: "/admin", engine });
      const join = page(on);
      expect((await join("/")).error).toBeUndefined();
      const held = await browse(on);
      expect((await join("/admin")).error).toBeUndefined();
      expect(on.place.named("token-fork")).toEqual([]);
      expect((await on.place.sessions.authenticate(held)).state).toBe("active");
    }
  });

  it("judges each joining by the session as it then is", async () => {
    const on = await stage({ guarded: "/admin" });
    const join = page(on);
    await join("/");
    await on.session.lock();
    expect((await join("/admin")).error?.data).toMatchObject({ code: "session_locked" });
    on.place.store.setDown(true);
    expect((await join("/admin")).error?.data).toMatchObject({ code: "unavailable" });
    on.place.store.setDown(false);
    // What its token is no longer worth, neither is the connection that was opened with it.
    await on.session.unlock({ amr: ["pwd"] });
    const replaced = { code: "session_ended", reason: "replaced" };
    expect((await join("/admin")).error?.data).toMatchObject(replaced);
    await pass(on.place, MINUTE);
    expect((await join("/admin")).error?.data).toMatchObject(replaced);
    await on.session.logout();
    const left = { code: "session_ended", reason: "logout" };
    expect((await join("/admin")).error?.data).toMatchObject(left);
    expect(on.place.named("token-fork")).toEqual([]);
  });

  it("refuses them all where its token had just been replaced", async () => {
    const on = await stage();
    await on.session.stepUp({ amr: ["otp"] });
    on.live.socketIo(on.io.of("/admin"));
    on.io.of("/open");
    const join = page(on);
    expect((await join("/open")).error).toBeUndefined();
    for (const name of ["/", "/admin", "/"]) {
      const { error } = await join(name);
      expect(error?.data).toMatchObject({ code: "unauthenticated" });
    }
  });

  it("presents its cookie once also where a form token is missing each time", async () => {
    const policy = { extends: "nist-aal2", ...QUICK } as const;
    const on = await stage({ policy, guarded: "/admin" });
    const join = page(on);
    await join("/");
    const missing = { code: "csrf_failed", check: "token" };
    expect((await join("/admin")).error?.data).toMatchObject(missing);
    const held = await browse(on);
    expect((await join("/admin")).error?.data).toMatchObject(missing);
    expect((await on.place.sessions.authenticate(held)).state).toBe("active");
    expect(on.place.named("token-fork")).toEqual([]);
  });

  it("each of whom may ask for more, and may bring a ticket of its own", async () => {
    const on = await stage();
    const strict = webSocketSessions(on.place.sessions, { require: { factors: 2 } });
    strict.socketIo(on.io.of("/strict"));
    on.live.socketIo(on.io.of("/other"));
    const join = page(on);
    expect((await join("/")).error).toBeUndefined();
    expect((await join("/strict")).error?.data).toMatchObject({ code: "step_up_required" });
    const bob = await on.place.sessions.open({ subject: "bob", amr: ["pwd"] });
    const { ticket } = await on.place.sessions.tickets.issue(bob.session);
    const subjects: unknown[] = [];
    on.io.of("/other").on("connection", ({ data }) => void subjects.push(data.session.subject));
    expect((await join("/other", { ticket })).error).toBeUndefined();
    expect(subjects).toEqual(["bob"]);
  });

  it("presents its cookie again when the store could not be asked", async () => {
    const on = await stage();
    on.live.socketIo(on.io.of("/admin"));
    on.io.of("/open");
    on.place.store.setDown(true);
    const join = page(on);
    expect((await join("/open")).error).toBeUndefined();
    expect((await join("/admin")).error?.data).toMatchObject({ code: "unavailable" });
    on.place.store.setDown(false);
    expect((await join("/admin")).error).toBeUndefined();
  });
});
