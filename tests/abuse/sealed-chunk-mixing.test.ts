/** The attacker owns sealed sessions and puts one together from their cookies. */
import { describe, expect, it } from "vitest";
import { activeIn, CookieBox, factsOf, NAME, sealedWorld } from "../support/sealed-world.ts";

const CHUNK_CHARS = 3_800;
const UNKNOWN = expect.objectContaining({ state: "unknown" }) as object;

/** Three chunks each. */
function large(letter: string): Record<string, unknown> {
  return { text: letter.repeat(6_500) };
}

async function twoSessions() {
  const world = sealedWorld({ chunksMax: 4 });
  const alice = await world.signIn(large("a"), "alice");
  const mallory = await world.signIn(large("m"), "mallory");
  const values = [...alice.box.cookies.values()];
  expect(values).toHaveLength(3);
  for (const { box } of [alice, mallory]) activeIn(await world.edge.read(box.header));
  return { ...world, alice, mallory, values };
}

function headerOf(values: readonly string[]): string {
  const name = (index: number): string => (index === 0 ? NAME : `${NAME}.${index}`);
  return values.map((value, index) => `${name(index)}=${value}`).join("; ");
}

describe("chunks of two sessions", () => {
  it("open no session, whichever are mixed", async () => {
    const { edge, alice, mallory } = await twoSessions();
    const [a, m] = [[...alice.box.cookies.values()], [...mallory.box.cookies.values()]];
    for (let mask = 1; mask < 7; mask += 1) {
      const mixed = a.map((value, index) => ((mask >> index) & 1 ? (m[index] ?? "") : value));
      expect(await edge.read(headerOf(mixed))).toEqual(UNKNOWN);
    }
  });

  it("open no session when both are one person's, of two moments", async () => {
    const { edge, alice } = await twoSessions();
    const before = [...alice.box.cookies.values()];
    const later = new CookieBox();
    later.take(await edge.seal(factsOf(alice.session, alice.token)));
    const after = [...later.cookies.values()];
    expect(await edge.read(headerOf([before[0] ?? "", ...after.slice(1)]))).toEqual(UNKNOWN);
    expect(await edge.read(headerOf([after[0] ?? "", ...before.slice(1)]))).toEqual(UNKNOWN);
  });
});

describe("chunks of one session", () => {
  it("open none when one is missing", async () => {
    const { edge, values } = await twoSessions();
    const [first = "", second = "", third = ""] = values;
    const cut = [
      `${NAME}=${first}`,
      headerOf([first, second]),
      `${NAME}=${first}; ${NAME}.2=${third}`,
      `${NAME}.1=${second}; ${NAME}.2=${third}`,
      headerOf([first, second, ""]),
    ];
    for (const header of cut) expect(await edge.read(header)).toEqual(UNKNOWN);
  });

  it("open none when one is cut short, by any length", async () => {
    const { edge, values } = await twoSessions();
    for (const [index, value] of values.entries()) {
      for (const keep of [1, 4, 100, value.length - 4, value.length - 1]) {
        const cut = values.with(index, value.slice(0, keep));
        expect(await edge.read(headerOf(cut))).toEqual(UNKNOWN);
      }
    }
  });

  it("open none in another order", async () => {
    const { edge, values } = await twoSessions();
    const [a = "", b = "", c = ""] = values;
    for (const order of [
      [a, c, b],
      [b, a, c],
      [b, c, a],
      [c, a, b],
      [c, b, a],
    ]) {
      expect(await edge.read(headerOf(order))).toEqual(UNKNOWN);
    }
  });

  it("open none when one is given twice", async () => {
    const { edge, values } = await twoSessions();
    const [a = "", b = "", c = ""] = values;
    for (const twice of [
      [a, a, c],
      [a, b, b],
      [a, b, a],
    ]) {
      expect(await edge.read(headerOf(twice))).toEqual(UNKNOWN);
    }
    const tossed = `${headerOf(values)}; ${NAME}.1=${c.padEnd(CHUNK_CHARS, "A")}`;
    expect(await edge.read(tossed)).toEqual({ state: "unknown", why: "conflict" });
    activeIn(await edge.read(`${headerOf(values)}; ${NAME}.1=${b}`));
  });

  it("open none when they are cut in other places", async () => {
    const { edge, values } = await twoSessions();
    const text = values.join("");
    for (const at of [1, 100, CHUNK_CHARS - 1, CHUNK_CHARS + 1]) {
      const moved = [
        text.slice(0, at),
        text.slice(at, at + CHUNK_CHARS),
        text.slice(at + CHUNK_CHARS),
      ];
      expect(await edge.read(headerOf(moved))).toEqual(UNKNOWN);
    }
  });

  it("open none when the first counts others", async () => {
    const { edge, values } = await twoSessions();
    const [first = "", ...rest] = values;
    for (const count of ["0", "1", "2", "4", "5", "9", ":", "A", ""]) {
      const counted = `sj1e_${count}${first.slice(6)}`;
      expect(await edge.read(headerOf([counted, ...rest]))).toEqual(UNKNOWN);
      expect(await edge.read(headerOf([counted, ...rest, rest[0] ?? ""]))).toEqual(UNKNOWN);
    }
  });

  it("are what they are beside one that was left over", async () => {
    const { edge, values, mallory } = await twoSessions();
    const left = [...mallory.box.cookies.values()][1] ?? "";
    const standing = activeIn(await edge.read(headerOf([...values, left])));
    expect(standing.session.subject).toBe("alice");
  });
});
