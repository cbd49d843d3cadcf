/** The acts of `npm run compare`, shortened: what the page says of Sojourn is held here. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ACTS } from "../../bench/compare/acts.ts";
import { closeConnections } from "../../bench/compare/browser.ts";
import { dropInContestants, expressContestants } from "../../bench/compare/contestants/express.ts";
import { sojournContestants } from "../../bench/compare/contestants/sojourn.ts";
import { startRedis } from "../../tools/engines.mjs";

const ROUNDS = 2;
/** Kept and undone are decided here; what a read costs is no matter of right and wrong. */
const DECIDED = ACTS.slice(0, -1);

let redis: Awaited<ReturnType<typeof startRedis>>;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  closeConnections();
  await redis.stop();
});

describe("the comparison", () => {
  it("finds nothing wrong with Sojourn, on its own face and as the drop-in", async () => {
    const wrong: string[] = [];
    for (const contestant of [...sojournContestants(redis.url), ...dropInContestants()]) {
      for (const act of DECIDED) {
        const { good, text } = await act.run(contestant, ROUNDS);
        if (good === false) wrong.push(`${contestant.name}, ${act.name}: ${text}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  // What it loses depends on requests that overlap by milliseconds, which a busy machine may spoil.
  const again = { retry: 3 };

  it("finds what express-session loses: the acts can tell right from wrong", again, async () => {
    const [memory] = expressContestants(redis.url);
    if (memory === undefined) throw new Error("express-session is not among the contestants");
    const [writes, logout] = ACTS;
    expect(await writes?.run(memory, ROUNDS)).toEqual({ text: "1 of 5", good: false });
    expect(await logout?.run(memory, ROUNDS)).toEqual({ text: "2 of 2 undone", good: false });
  });
});
