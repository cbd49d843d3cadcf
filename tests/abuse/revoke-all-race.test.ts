/** Whoever stole the password signs in again and again while its owner signs out everywhere. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { idOf, world } from "../support/world.ts";

const POLICY = { extends: "saas", concurrency: { max: null } } as const;

describe("sign-ins that race a sign-out everywhere", () => {
  it("[TE-03] none that began before it survives it, in any interleaving (I5)", async () => {
    const ticks = fc.array(fc.nat({ max: 12 }), { minLength: 2, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(ticks, fc.nat({ max: 12 }), async (starts, revokeAfter) => {
        const place = world({ policy: POLICY });
        const alice = place.sessions.subject("alice");
        const epoch = await alice.epoch();
        const logins = starts.map(async (after) => {
          for (let tick = 0; tick < after; tick += 1) await Promise.resolve();
          return place.sessions
            .open({ subject: "alice", subjectEpoch: epoch })
            .catch(() => undefined);
        });
        for (let tick = 0; tick < revokeAfter; tick += 1) await Promise.resolve();
        await alice.revokeAll();
        for (const opened of await Promise.all(logins)) {
          if (opened === undefined) continue;
          const { state } = await place.sessions.authenticate(opened.token);
          expect(state).toBe("ended");
        }
        expect(await alice.count()).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it("[TE-04] leaves exactly the one that asked, of 20 that were live (I5)", async () => {
    const place = world({ policy: POLICY });
    const opened = await Promise.all(
      Array.from({ length: 20 }, () => place.sessions.open({ subject: "alice" })),
    );
    const [mine] = opened;
    if (mine === undefined) throw new Error("nothing opened");
    const other = world({ beside: place, policy: POLICY });
    await Promise.all([
      place.sessions.subject("alice").revokeAll({ except: idOf(mine.session) }),
      ...opened.map(({ token }) => other.sessions.authenticate(token)),
    ]);
    const after = await Promise.all(opened.map(({ token }) => other.sessions.authenticate(token)));
    expect(after.filter(({ state }) => state === "active")).toHaveLength(1);
    expect((await place.sessions.authenticate(mine.token)).state).toBe("active");
    const ends = place.named("session-ended").map(({ session }) => session);
    expect(new Set(ends).size).toBe(19);
    expect(ends).toHaveLength(19);
  });

  it("refuses a handle that is none, before anything ends", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    const wrong = async () => place.sessions.subject("alice").revokeAll({ except: "ses_x" });
    await expect(wrong()).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    expect((await place.sessions.authenticate(token)).state).toBe("active");
  });
});
