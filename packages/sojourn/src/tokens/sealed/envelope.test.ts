import { describe, expect, it, vi } from "vitest";
import { digest, entropy } from "#platform";
import { decodeBase64Url, encodeBase64Url } from "../base64url.ts";
import { createKeyRing } from "../key-ring.ts";
import { generateSecret } from "../secrets.ts";
import { Envelope } from "./envelope.ts";

const NOW = 1_800_000_000_000;
const HOUR_MS = 3_600_000;
/** Of the text: prefix, count and key id. */
const HEAD_CHARS = 10;

async function envelope() {
  const ring = await createKeyRing({ secrets: [generateSecret()], digest });
  const derive = vi.spyOn(ring, "derive");
  return { made: new Envelope({ ring, entropy, tenant: "default", name: "sealed" }), derive };
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** The same text with another hour written on it. */
function movedTo(hour: number, chunk: string): string {
  const body = decodeBase64Url(chunk.slice(HEAD_CHARS)) ?? new Uint8Array();
  body.set([hour >> 16, hour >> 8, hour]);
  return chunk.slice(0, HEAD_CHARS) + encodeBase64Url(body);
}

describe("an envelope", () => {
  it("opens what it sealed, and no two seals are alike", async () => {
    const { made } = await envelope();
    const [one, two] = [await made.seal(text("a"), 2, NOW), await made.seal(text("a"), 2, NOW)];
    expect(one).not.toEqual(two);
    expect(await made.open(one ?? [])).toEqual(text("a"));
    expect(await made.open([])).toBeUndefined();
  });

  it("has a key for each hour and opens under the hour of its making alone", async () => {
    const { made, derive } = await envelope();
    const [chunk = ""] = (await made.seal(text("a"), 1, NOW)) ?? [];
    await made.seal(text("a"), 1, NOW + HOUR_MS - 1 - (NOW % HOUR_MS));
    expect(derive).toHaveBeenCalledTimes(1);
    await made.seal(text("a"), 1, NOW + HOUR_MS - (NOW % HOUR_MS));
    expect(derive).toHaveBeenCalledTimes(2);
    expect(await made.open([movedTo(Math.floor(NOW / HOUR_MS) + 1, chunk)])).toBeUndefined();
  });

  it("has a key for each tenant, besides binding its name", async () => {
    const ring = await createKeyRing({ secrets: [generateSecret()], digest });
    const derive = vi.spyOn(ring, "derive");
    for (const tenant of ["default", "other"]) {
      await new Envelope({ ring, entropy, tenant, name: "sealed" }).seal(text("a"), 1, NOW);
    }
    const [one, two] = derive.mock.results.map(({ value }) => value as Uint8Array);
    expect(one).toHaveLength(32);
    expect(one).not.toEqual(two);
  });

  it("keeps its ciphers ready whatever hours are made up", async () => {
    const { made, derive } = await envelope();
    const [chunk = ""] = (await made.seal(text("a"), 1, NOW)) ?? [];
    for (let hour = 0; hour < 100; hour += 1) {
      expect(await made.open([movedTo(hour, chunk)])).toBeUndefined();
    }
    derive.mockClear();
    expect(await made.open([chunk])).toEqual(text("a"));
    expect(derive).not.toHaveBeenCalled();
  });

  it("forgets the oldest of many ciphers and still opens what they sealed", async () => {
    const { made } = await envelope();
    const first = (await made.seal(text("a"), 1, NOW)) ?? [];
    for (let hour = 1; hour < 40; hour += 1) await made.seal(text("b"), 1, NOW + hour * HOUR_MS);
    expect(await made.open(first)).toEqual(text("a"));
  });

  it("seals up to the last byte that fits, and one more not", async () => {
    const { made } = await envelope();
    const fits = new Uint8Array(2_811);
    expect(await made.seal(fits, 1, NOW)).toHaveLength(1);
    expect(await made.seal(new Uint8Array(2_812), 1, NOW)).toBeUndefined();
    const two = (await made.seal(new Uint8Array(2_812), 2, NOW)) ?? [];
    expect(two.map(({ length }) => length)).toEqual([3_800, 1]);
    expect(await made.open(two)).toHaveLength(2_812);
    expect(await made.seal(new Uint8Array(11_000), 9, NOW)).toHaveLength(4);
    expect(await made.seal(new Uint8Array(12_000), 9, NOW)).toBeUndefined();
  });
});
