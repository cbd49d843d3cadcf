/** A request that was in flight when the person signed out must not sign him in again. */
import { afterEach, describe, expect, it } from "vitest";
import { Jar, KINDS, serve, stopServers } from "../support/servers.ts";
import type { Application } from "../support/servers.ts";
import { failure, gate, HOUR, leave, sessionIn, visit, world } from "../support/world.ts";

afterEach(stopServers);

const WRITES = {
  update: "patchData",
  set: "patchData",
  extend: "touch",
  rotate: "replace",
  stepUp: "replace",
  lock: "replace",
} as const;

describe("a logout", () => {
  it.each(Object.entries(WRITES))(
    "sticks when %s is between load and %s (I1, I2)",
    async (write, operation) => {
      const place = world();
      const { token, session } = await place.sessions.open({ subject: "alice" });
      const other = sessionIn(await place.sessions.authenticate(token));
      place.store.before(operation, () => other.logout());
      const writes = {
        update: () => session.update((draft) => void (draft["n"] = 1)),
        set: () => session.set("n", 1),
        extend: () => session.extend(),
        rotate: () => session.rotate(),
        stepUp: () => session.stepUp({ amr: ["otp"] }),
        lock: () => session.lock(),
      };
      const error = await failure(writes[write as keyof typeof writes]());
      expect(error).toMatchObject({ code: "ERR_SESSION_ENDED", reason: "logout" });
      expect(await place.sessions.authenticate(token)).toMatchObject({ reason: "logout" });
      expect(await place.sessions.subject("alice").count()).toBe(0);
    },
  );

  it("sticks while reads, touches and rotations of other tabs are under way", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(HOUR);
    place.store.before("replace", () => session.logout());
    const standing = await place.sessions.authenticate(token, { canSetToken: true });
    expect(standing).toEqual({ state: "ended", reason: "logout" });
    await place.clock.advanceAsync(1_000);
    expect(await place.sessions.authenticate(token)).toMatchObject({ reason: "logout" });
  });

  it("sticks in the request's own hands, whatever was asked for before it", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    const exchange = await visit(place, { token });
    const door = gate();
    place.store.after("replace", door.wait);
    const stepUp = exchange.session.stepUp({ amr: ["otp"] }).catch(() => undefined);
    // The store has the step-up, and its answer is late.
    await place.clock.advanceAsync(0);
    const logout = exchange.session.logout();
    // Long enough for a logout that does not wait its turn to be done first.
    await place.clock.advanceAsync(0);
    door.open();
    await Promise.all([stepUp, logout]);
    expect(exchange.session.subject).toBeNull();
    expect(leave(exchange).cookies[0]).toContain("Max-Age=0");
  });

  it.each(KINDS)(
    "sticks behind %s: a slow write answers without a cookie, and fails",
    async (kind) => {
      const door = gate();
      let slow = 0;
      const application: Application = async ({ session, url }) => {
        if (url.pathname === "/logout") await session.logout();
        if (url.pathname === "/slow") {
          slow += 1;
          await door.wait();
          const error = await session.set("n", 1).catch((caught: unknown) => caught);
          return { body: String((error as { code?: string } | undefined)?.code) };
        }
        if (url.pathname === "/login") await session.login("alice");
        return { body: String(session.subject) };
      };
      const place = world();
      const { url } = await serve(kind, place, application);
      const jar = new Jar();
      await jar.ask(`${url}/login`, { method: "POST" });
      const copy = new Jar();
      for (const [name, value] of jar.cookies) copy.cookies.set(name, value);
      const late = copy.ask(`${url}/slow`, { method: "POST" });
      for (let waited = 0; slow === 0 && waited < 2_000; waited += 1) {
        await new Promise((resolve) => void setTimeout(resolve, 1));
      }
      await jar.ask(`${url}/logout`, { method: "POST" });
      door.open();
      const answer = await late;
      expect(answer.cookies).toEqual([]);
      expect((await copy.ask(url)).body).toBe("null");
      expect(await place.sessions.subject("alice").count()).toBe(0);
    },
  );
});
