import { describe, expect, it } from "vitest";
import { Names } from "./names.ts";

const HERE = [{ address: "192.0.2.1", family: 4 }];

/** A resolver whose answers come when the test says so. */
function slowly(): {
  readonly names: Names;
  readonly asked: string[];
  readonly waiting: Map<string, (found: boolean) => void>;
  later(ms: number): void;
} {
  let now = 0;
  const asked: string[] = [];
  const waiting = new Map<string, (found: boolean) => void>();
  const resolve = (name: string): Promise<typeof HERE> =>
    new Promise((settle, fail) => {
      asked.push(name);
      waiting.set(name, (found) => {
        waiting.delete(name);
        if (found) settle(HERE);
        else fail(new Error("ENOTFOUND"));
      });
    });
  return { names: new Names(resolve, () => now), asked, waiting, later: (ms) => void (now += ms) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a name", () => {
  it("is asked for once, however many want it, and again when the answer is old", async () => {
    const { names, asked, waiting, later } = slowly();
    const all = Array.from({ length: 50 }, () => names.addressesOf("a.example"));
    await turn();
    waiting.get("a.example")?.(true);
    expect(new Set(await Promise.all(all))).toEqual(new Set([HERE]));
    later(9_999);
    expect(await names.addressesOf("a.example")).toEqual(HERE);
    expect(asked).toEqual(["a.example"]);
    later(1);
    void names.addressesOf("a.example");
    await turn();
    expect(asked).toEqual(["a.example", "a.example"]);
  });

  it("that leads nowhere is left alone for half a minute", async () => {
    const { names, asked, waiting, later } = slowly();
    const first = names.addressesOf("no.example");
    await turn();
    waiting.get("no.example")?.(false);
    expect(await first).toBeUndefined();
    later(29_999);
    expect(await names.addressesOf("no.example")).toBeUndefined();
    later(1);
    void names.addressesOf("no.example");
    await turn();
    expect(asked).toHaveLength(2);
  });

  it("whose servers keep silent holds one thread, and nobody up who was found before", async () => {
    const { names, waiting, later } = slowly();
    const good = names.addressesOf("good.example");
    await turn();
    waiting.get("good.example")?.(true);
    await good;
    later(10_000);
    for (let each = 0; each < 200; each += 1) void names.addressesOf(`silent-${each}.example`);
    const again = names.addressesOf("good.example");
    await turn();
    expect([...waiting.keys()]).toEqual(["silent-0.example", "good.example"]);
    waiting.get("good.example")?.(true);
    expect(await again).toEqual(HERE);
    waiting.get("silent-0.example")?.(false);
    await turn();
    expect([...waiting.keys()]).toEqual(["silent-1.example"]);
  });
});
