/** A thief spends a copied cookie on what might outlive it: tickets for sockets. */
import { afterEach, describe, expect, it } from "vitest";
import { dial, scene, stopLive } from "../integration/live-harness.ts";
import { failure, SECOND, sessionIn, visit } from "../support/world.ts";

afterEach(stopLive);

describe("a ticket that a thief asked for", () => {
  it("[TR-10] opens nothing once the owner has stepped up, and lifts nobody to what was reached", async () => {
    const { place, server, session, token } = await scene({ require: { factors: 2 } });
    const thief = await visit(place, { token });
    const issue = () => place.sessions.tickets.issue(thief.session, { lifeMs: 120 * SECOND });
    const early = await issue();
    const { token: owned } = await session.stepUp({ amr: ["otp"] });
    // What the thief's own request still shows it of the session is as old as its token.
    const late = await issue();
    const straggler = await visit(place, { token });
    expect(await failure(place.sessions.tickets.issue(straggler.session))).toMatchObject({
      code: "ERR_ASSURANCE",
    });
    for (const { ticket } of [early, late]) {
      const protocols = ["app", `sojourn.ticket.${ticket}`];
      expect((await dial(server, { protocols })).status).toBe(401);
    }
    await place.clock.advanceAsync(10 * SECOND);
    expect((await dial(server, { token })).status).toBe(401);
    expect(server.guests).toEqual([]);
    const owner = sessionIn(await place.sessions.authenticate(owned));
    const { ticket } = await place.sessions.tickets.issue(owner);
    const protocols = ["app", `sojourn.ticket.${ticket}`];
    expect((await dial(server, { protocols })).status).toBe(101);
  });
});
