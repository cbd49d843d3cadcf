/** The attacker changes an encrypted token and watches what is said, to learn what is in it. */
import { describe, expect, it } from "vitest";
import { createAccessGuard, createDpop, memoryReplays } from "sojourn/tokens";
import { jweWorld, WRAPPINGS } from "../support/jwe-world.ts";

const PARTS = ["header", "key", "iv", "content", "tag"];

describe.each(WRAPPINGS)("a token by %s with one character changed", (alg) => {
  it("[JW-12, KY-05] is told the same wherever that is, and never opens", async () => {
    const world = await jweWorld(alg);
    const replays = memoryReplays();
    const dpop = createDpop({ externalUrl: "https://api.example", replays });
    const guard = createAccessGuard({ verifier: world.verifier, dpop });
    const good = await world.issue();
    const outside = new Set<string>();
    const inside = new Set<string>();
    for (const [at] of PARTS.entries()) {
      const parts = good.split(".");
      const part = parts[at] ?? "";
      for (const place of [0, 1, Math.floor(part.length / 2), part.length - 2]) {
        const other = part[place] === "A" ? "B" : "A";
        const changed = part.slice(0, place) + other + part.slice(place + 1);
        const token = parts.with(at, changed).join(".");
        const standing = await world.verifier.verify(token);
        if (standing.state !== "unknown") throw new Error(`${PARTS[at]} ${place} opened`);
        inside.add(`${at === 0 ? "header" : "body"} ${standing.why}`);
        const asked = { method: "GET", path: "/", proof: undefined };
        const answer = await guard.check({ ...asked, authorization: `Bearer ${token}` });
        expect(answer).toMatchObject({ state: "refused", status: 401 });
        outside.add(JSON.stringify(answer.headers));
      }
    }
    expect(outside.size).toBe(1);
    // A wrong key and a wrong tag are one thing even to logs.
    expect([...inside].filter((why) => why.startsWith("body"))).toEqual(["body decryption"]);
    expect(await world.verifier.verify(good)).toMatchObject({ state: "active" });
  });
});
