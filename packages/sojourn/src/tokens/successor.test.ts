import { describe, expect, it } from "vitest";
import * as node from "../platform/node.ts";
import * as web from "../platform/web.ts";
import { createKeyRing } from "./key-ring.ts";
import { generateSecret, type Secret } from "./secrets.ts";
import { newSessionId } from "./session-id.ts";
import { type MintRequest, sessionTokens } from "./session-token.ts";
import { successors } from "./successor.ts";
import { type ParsedToken, parseToken } from "./token-format.ts";

const platforms = [
  ["node", node],
  ["web", web],
] as const;
const { entropy } = node;
const id = newSessionId(entropy);
const place = { tenant: "acme", id, generation: 2 };
const request: MintRequest = { type: "session", tenant: "acme", id, generation: 1, subject: "a" };

async function nodeOfFleet(secrets: readonly Secret[], platform: typeof node | typeof web = node) {
  const ring = await createKeyRing({ secrets, digest: platform.digest });
  const tools = { ring, entropy };
  const tokens = sessionTokens(tools);
  return {
    ...successors(tools),
    mint: async (part: Partial<MintRequest> = {}): Promise<string> =>
      (await tokens.mint({ ...request, ...part })).text,
  };
}

function parsed(text: string): ParsedToken {
  const token = parseToken(text, "session");
  if (token === undefined) throw new Error("not a token");
  return token;
}

describe.each(platforms)("a sealed successor on %s", (name, platform) => {
  it("opens to the identical token for whoever presents the confirmed one, on any node", async () => {
    const secret = generateSecret();
    const here = await nodeOfFleet([secret], platform);
    const there = await nodeOfFleet([secret], name === "node" ? web : node);
    const confirmed = parsed(await here.mint());
    const next = await here.mint({ generation: 2 });
    const sealed = await here.seal(confirmed, next, place);
    expect(sealed).toMatch(/^[\w-]{72}$/);
    expect(await here.open(confirmed, sealed, place)).toBe(next);
    expect(await there.open(confirmed, sealed, place)).toBe(next);
  });

  it("opens for no other token, tenant, session or generation", async () => {
    const fleet = await nodeOfFleet([generateSecret()], platform);
    const confirmed = parsed(await fleet.mint());
    const sealed = await fleet.seal(confirmed, await fleet.mint({ generation: 2 }), place);
    const sibling = parsed(await fleet.mint());
    expect(await fleet.open(sibling, sealed, place)).toBeUndefined();
    const places = [
      { ...place, tenant: "other" },
      { ...place, id: newSessionId(entropy) },
      { ...place, generation: 3 },
      { ...place, generation: 2 + 2 ** 24 },
    ];
    for (const other of places) {
      expect(await fleet.open(confirmed, sealed, other)).toBeUndefined();
    }
  });

  it("needs our key beside the presented secret", async () => {
    const fleet = await nodeOfFleet([generateSecret()], platform);
    const confirmed = parsed(await fleet.mint());
    const sealed = await fleet.seal(confirmed, await fleet.mint({ generation: 2 }), place);
    const stranger = await nodeOfFleet([generateSecret()], platform);
    expect(await stranger.open(confirmed, sealed, place)).toBeUndefined();
  });

  it("opens for no changed text of any kind", async () => {
    const fleet = await nodeOfFleet([generateSecret()], platform);
    const confirmed = parsed(await fleet.mint());
    const sealed = await fleet.seal(confirmed, await fleet.mint({ generation: 2 }), place);
    const wrong = ["", "A", sealed.slice(1), `${sealed}A`, `${sealed}AAAA`, "é".repeat(72)];
    for (let at = 0; at < sealed.length; at += 1) {
      wrong.push(sealed.slice(0, at) + (sealed[at] === "A" ? "B" : "A") + sealed.slice(at + 1));
    }
    for (const text of wrong) {
      expect(await fleet.open(confirmed, text, place)).toBeUndefined();
    }
  });

  it("keeps a successor of the new primary while secrets roll, both ways", async () => {
    const [old, fresh] = [generateSecret(), generateSecret()];
    const before = await nodeOfFleet([old, fresh], platform);
    const after = await nodeOfFleet([fresh, old], platform);
    const confirmed = parsed(await before.mint());
    const next = await after.mint({ generation: 2 });
    const sealed = await after.seal(confirmed, next, place);
    expect(parsed(next).kid).not.toBe(confirmed.kid);
    expect(await before.open(confirmed, sealed, place)).toBe(next);
  });
});

describe("sealing a successor", () => {
  it("never gives the same text twice, nor anything of the token", async () => {
    const fleet = await nodeOfFleet([generateSecret()]);
    const confirmed = parsed(await fleet.mint());
    const next = await fleet.mint({ generation: 2 });
    const [one, two] = [fleet.seal(confirmed, next, place), fleet.seal(confirmed, next, place)];
    expect(one).not.toBe(two);
    for (let at = 5; at + 8 <= next.length; at += 1) {
      expect(one).not.toContain(next.slice(at, at + 8));
    }
  });

  it("refuses a token that is no successor of this session", async () => {
    const fleet = await nodeOfFleet([generateSecret()]);
    const confirmed = parsed(await fleet.mint());
    const wrong = [
      await fleet.mint({ generation: 3 }),
      await fleet.mint({ generation: 2, id: newSessionId(entropy) }),
      await fleet.mint({ generation: 2, type: "anonymous" }),
      "not a token",
    ];
    for (const text of wrong) {
      expect(() => fleet.seal(confirmed, text, place)).toThrow(
        expect.objectContaining({ code: "ERR_INVARIANT" }),
      );
    }
  });
});
