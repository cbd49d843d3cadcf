/** The attacker overhears a request with its proof and sends it again. */
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { memoryReplays } from "sojourn/tokens";
import { dpopWorld, whyOf } from "../support/dpop-world.ts";
import type { DpopWorldOptions } from "../support/dpop-world.ts";

const MODES: [string, DpopWorldOptions][] = [
  ["without nonces", {}],
  ["with nonces", { withNonces: true }],
];

describe.each(MODES)("a proof, %s,", (_mode, options) => {
  async function heard() {
    const world = await dpopWorld(options);
    const nonce = options.withNonces === true ? await nonceOf(world) : undefined;
    const proof = await world.alice.proof(nonce === undefined ? {} : { nonce });
    return { world, proof, token: world.alice.token };
  }

  it("[DP-04] is taken once, on every node that shares the cache", async () => {
    const { world, proof, token } = await heard();
    const other = world.node();
    expect(await world.ask(token, proof)).toMatchObject({ state: "active" });
    expect(await whyOf(world.ask(token, proof))).toBe("replayed");
    expect(await whyOf(other(token, proof))).toBe("replayed");
    expect(await whyOf(world.node({ replays: memoryReplays() })(token, proof))).toBe("active");
  });

  it("[DP-04] of many simultaneous ones lets one through", async () => {
    const { world, proof, token } = await heard();
    const nodes = [world.ask, world.node(), world.node()];
    const asked = Array.from({ length: 30 }, (_, at) => (nodes[at % 3] ?? world.ask)(token, proof));
    const states = (await Promise.all(asked)).map(({ state }) => state);
    expect(states.filter((state) => state === "active")).toHaveLength(1);
  });

  it("[DP-04] is refused at any later time, with clocks of nodes apart", async () => {
    const { world, proof, token } = await heard();
    const { alice, tokens } = world;
    expect(await whyOf(world.ask(token, proof))).toBe("active");
    const slow = world.node({ now: () => tokens.time.wall() - 10_000 });
    for (let seconds = 0; seconds < 90; seconds += 1) {
      tokens.time.pass(1_000);
      expect(await whyOf(world.ask(token, proof))).not.toBe("active");
      // What is over for this node is forgotten here.
      const fresh = options.withNonces === true ? { nonce: await nonceOf(world) } : {};
      expect(await whyOf(world.ask(token, await alice.proof(fresh)))).toBe("active");
      // Behind by the whole leeway: it must not be taken for new there.
      expect(await whyOf(slow(token, proof))).not.toBe("active");
    }
  });
});

describe("the cache of replays", () => {
  it("[DP-04] knows a name by its key and address: nobody uses up the names of another", async () => {
    const world = await dpopWorld();
    const { alice, mallory } = world;
    const named = (of: typeof alice, path = "/notes") =>
      of.odd({}, { jti: "1", htu: `https://api.example${path}` });
    expect(await whyOf(world.ask(mallory.token, await named(mallory)))).toBe("active");
    expect(await whyOf(world.ask(alice.token, await named(alice)))).toBe("active");
    const elsewhere = { path: "/other" };
    const other = await named(alice, "/other");
    expect(await whyOf(world.ask(alice.token, other, elsewhere))).toBe("active");
    expect(await whyOf(world.ask(alice.token, await named(alice)))).toBe("replayed");
    expect(await whyOf(world.ask(alice.token, other, elsewhere))).toBe("replayed");
  });

  it("[DP-04] cannot be filled by whoever has nothing but keys", async () => {
    const world = await dpopWorld({ replays: memoryReplays({ max: 1 }) });
    const { alice, mallory } = world;
    const stranger = { ...mallory, token: alice.token };
    for (let at = 0; at < 20; at += 1) {
      const proof = await stranger.proof({ token: alice.token });
      expect(await whyOf(world.ask(alice.token, proof))).toBe("binding");
      const unknown = await mallory.proof({ token: "garbage" });
      expect(await whyOf(world.ask("garbage", unknown))).not.toBe("active");
    }
    expect(await whyOf(world.ask(alice.token, await alice.proof()))).toBe("active");
  });

  it("[DP-04] that is full answers 503 and forgets nothing", async () => {
    const world = await dpopWorld({ replays: memoryReplays({ max: 2 }) });
    const { alice } = world;
    const first = await alice.proof();
    expect(await whyOf(world.ask(alice.token, first))).toBe("active");
    expect(await whyOf(world.ask(alice.token, await alice.proof()))).toBe("active");
    const answer = await world.ask(alice.token, await alice.proof());
    expect(answer).toMatchObject({ state: "refused", status: 503, why: "replays" });
    expect(await whyOf(world.ask(alice.token, first))).toBe("replayed");
    world.tokens.time.pass(70_000);
    expect(await whyOf(world.ask(alice.token, await alice.proof()))).toBe("active");
  });

  it("[DP-04] holds hashes: no name of a proof is longer there, and none tells who", async () => {
    const claimed: string[] = [];
    const inner = memoryReplays();
    const replays = {
      claim(key: string, untilAt: number, now: number) {
        claimed.push(key);
        return inner.claim(key, untilAt, now);
      },
    };
    const world = await dpopWorld({ replays });
    const { alice } = world;
    const jti = "j".repeat(256);
    expect(await whyOf(world.ask(alice.token, await alice.odd({}, { jti })))).toBe("active");
    expect(await whyOf(world.ask(alice.token, await alice.odd({}, { jti: `${jti}j` })))).toBe(
      "claims",
    );
    expect(claimed).toEqual([expect.stringMatching(/^[\w-]{43}$/)]);
    expect(claimed[0]).not.toBe(createHash("sha256").update(jti).digest("base64url"));
  });
});

async function nonceOf(world: Awaited<ReturnType<typeof dpopWorld>>): Promise<string> {
  return world.nonces.make(world.tokens.time.wall());
}
