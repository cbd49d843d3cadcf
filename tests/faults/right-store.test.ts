/** The checker raises nothing where nothing is broken. */
import { SeededRandom } from "sojourn/testing";
import { afterEach, describe, expect, it } from "vitest";
import { opened, worldsOf } from "./planted-world.ts";
import type { Known, Recorder } from "./recorder.ts";

const WORLD_SEED = 20_261_121;

const world = worldsOf(afterEach);

describe("a right store", () => {
  it("under any mix of calls of three processes raises nothing (I1-I5, I7)", async () => {
    const random = new SeededRandom(WORLD_SEED);
    const good = world();
    const known: Known[] = [];
    const acts: readonly ((by: Recorder, one: Known) => Promise<unknown>)[] = [
      async (by) => {
        const made = await by.open(`user-${random.int(0, 3)}`, { first: by.value() });
        if (made !== undefined) known.push(made);
      },
      (by, one) => by.verify(one, random.chance(0.5)),
      (by, one) => by.patch(one, { [`k${random.int(0, 2)}`]: by.value() }),
      (by, one) => by.count(one, "n"),
      async (by, one) => {
        const next = await by.rotate(one);
        known[known.indexOf(one)] = next;
      },
      (by, one) => (random.chance(0.2) ? by.revoke(one) : by.verify(one, false)),
      (by, one) => (random.chance(0.1) ? by.revokeSubject(one.subject) : by.list(one.subject)),
      (by, one) => (random.chance(0.1) ? by.revokeOthers(one) : by.list(one.subject)),
    ];
    known.push(await opened(good.three[0]));
    for (let round = 0; round < 400; round += 1) {
      await Promise.all(good.recorders.map((by) => random.pick(acts)(by, random.pick(known))));
      good.clock.advance(random.int(0, 2_000));
    }
    const { violations, figures } = good.check();
    expect(violations).toEqual([]);
    expect(figures.operations).toBeGreaterThan(1_000);
    // A login that a revoke-all overtook.
    const { ERR_STALE_EPOCH: _overtaken, ...errors } = figures.errors;
    expect(errors).toEqual({});
  });
});
