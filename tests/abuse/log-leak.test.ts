/** The attacker reads logs, error pages and events; a canary must be in none of them. */
import { inspect } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { ask, KINDS, notes, serve, stopServers } from "../support/servers.ts";
import { failure, HOUR, secretOf, secretPart, visit, world } from "../support/world.ts";

afterEach(stopServers);

describe("what is logged", () => {
  it("holds no token, secret or data: events, errors, warnings, objects (I12)", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({
      subject: "alice",
      data: { iban: "CANARY" },
    });
    place.clock.advance(HOUR);
    const standing = await place.sessions.authenticate(token, { canSetToken: true });
    const exchange = await visit(place, { token });
    await session.set("iban", "CANARY");
    place.store.setDown(true);
    const errors = [
      await failure(place.sessions.authenticate(token)),
      await failure(session.update((draft) => void (draft["iban"] = "CANARY"))),
      await failure(session.logout()),
    ];
    place.store.setDown(false);
    errors.push(await failure(session.set("iban", () => "CANARY")));
    await session.logout();
    errors.push(await failure(session.set("iban", "CANARY")));
    await place.sessions.authenticate(token.slice(0, -1) + "A");
    const said = [
      place.events,
      place.errors,
      place.warnings,
      errors,
      session,
      exchange,
      place.sessions,
    ]
      .map((one) => inspect(one, { depth: 8, showHidden: true }) + JSON.stringify(one))
      .join("\n");
    expect(said).toContain("session-ended");
    expect(said).not.toContain("CANARY");
    expect(said).not.toContain(secretPart(token));
    expect(said).not.toContain(secretOf(1));
    const successor = standing.state === "active" ? (standing.successor ?? "") : "";
    expect(successor).not.toBe("");
    expect(said).not.toContain(secretPart(successor));
  });

  it.each(KINDS)("problem answers behind %s reflect nothing of the request", async (kind) => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    const { url } = await serve(kind, place, notes);
    place.store.setDown(true);
    const headers = {
      cookie: `session=${token}`,
      "user-agent": "<script>CANARY</script>",
      origin: "https://CANARY.example",
      "x-csrf-token": "CANARY",
    };
    for (const method of ["GET", "POST"]) {
      const answer = await ask(`${url}/CANARY?CANARY`, { method, headers });
      expect([403, 503]).toContain(answer.status);
      const said = JSON.stringify(answer);
      expect(said).not.toContain("CANARY");
      expect(said).not.toContain(secretPart(token));
    }
  });
});
