import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyChanges, changesOf, checkKey, decodeData, encodeValue } from "./data.ts";
import type { DataSnapshot, EncodedData } from "./data.ts";
import { SojournError } from "./errors.ts";

/** Names that a careless object would take for its own. */
const TRAPS = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "then"];

const key = fc.oneof(
  fc.constantFrom(...TRAPS),
  fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }),
);
/** JSON values as they come back from JSON: without `-0`. */
const value = fc
  .jsonValue({ maxDepth: 3 })
  .map((one) => JSON.parse(JSON.stringify(one)) as unknown);

function snapshotOf(entries: Iterable<readonly [string, unknown]>): DataSnapshot {
  return Object.fromEntries(entries);
}

/** Any UTF-16 code units, so that halves of surrogate pairs stand alone. */
const anyText = fc
  .array(fc.oneof(fc.nat({ max: 0xff_ff }), fc.integer({ min: 0xd8_00, max: 0xdf_ff })))
  .map((units) => String.fromCharCode(...units));

const data = fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name }).map(snapshotOf);

function encoded(snapshot: DataSnapshot): EncodedData {
  return applyChanges(new Map(), changesOf(new Map(), snapshot));
}

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return error instanceof SojournError ? error.code : `a bare ${String(error)}`;
  }
  return undefined;
}

describe("a snapshot", () => {
  it("comes back as it was, whatever its keys are called", () => {
    fc.assert(
      fc.property(data, (snapshot) => {
        const back = decodeData(encoded(snapshot));
        expect(Object.keys(back).toSorted()).toEqual(Object.keys(snapshot).toSorted());
        for (const name of Object.keys(snapshot)) expect(back[name]).toEqual(snapshot[name]);
      }),
    );
  });

  it("never gets a prototype from its data, nor changes that of others", () => {
    const stored = new Map([
      ["__proto__", '{"admin":true}'],
      ["nested", '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}'],
    ]);
    const snapshot = decodeData(stored);
    expect(Object.getPrototypeOf(snapshot)).toBe(Object.prototype);
    expect(Reflect.get(snapshot, "admin")).toBeUndefined();
    expect(Object.hasOwn(snapshot, "__proto__")).toBe(true);
    expect(Reflect.get(Object(snapshot["nested"]) as object, "admin")).toBeUndefined();
    expect(Reflect.get({}, "admin")).toBeUndefined();
    expect(encoded(snapshot)).toEqual(stored);
  });
});

describe("a value", () => {
  it.each([
    ["a function", () => 1],
    ["a symbol", Symbol("s")],
    ["a BigInt", 1n],
    ["a BigInt inside", { deep: [1n] }],
  ])("that is %s is refused by name", (_what, wrong) => {
    expect(codeOf(() => encodeValue("cart", wrong))).toBe("ERR_DATA_NOT_JSON");
    expect(() => encodeValue("cart", wrong)).toThrow(/"cart"/);
  });

  it("that refers to itself is refused, and so is one whose toJSON throws", () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = [cycle];
    const thrower = {
      toJSON(): never {
        throw new Error("no");
      },
    };
    for (const wrong of [cycle, thrower]) {
      expect(codeOf(() => encodeValue("cart", wrong))).toBe("ERR_DATA_NOT_JSON");
    }
  });

  it("that is refused does not show in the error", () => {
    const wrong = { password: "hunter2", loop: 1n };
    expect(() => encodeValue("form", wrong)).toThrow(expect.not.stringContaining("hunter2"));
  });

  it("keeps lone surrogates and every other text", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const json = encodeValue("k", text) ?? "";
        expect(JSON.parse(json)).toBe(text);
        // Throws for a lone surrogate: the stored text itself has none.
        expect(encodeURIComponent(json)).toBeTypeOf("string");
      }),
    );
    expect(JSON.parse(encodeValue("k", "\uD800") ?? "")).toBe("\uD800");
  });

  it("that is undefined removes its key", () => {
    expect(encodeValue("k", undefined)).toBeUndefined();
    const before = encoded({ a: 1, b: 2 });
    expect(changesOf(before, { a: undefined, b: 2 })).toEqual([{ key: "a", json: undefined }]);
  });
});

describe("a key", () => {
  it("has 1 to 256 characters", () => {
    expect(codeOf(() => checkKey("k".repeat(256)))).toBeUndefined();
    expect(codeOf(() => checkKey("k"))).toBeUndefined();
    for (const wrong of ["", "k".repeat(257)]) {
      expect(codeOf(() => checkKey(wrong))).toBe("ERR_INVALID_ARGUMENT");
    }
  });

  it("is well-formed Unicode: stores would turn two lone surrogates into one key", () => {
    for (const wrong of ["\uD800", "a\uDC00", "\uDC00\uD800"]) {
      expect(codeOf(() => checkKey(wrong))).toBe("ERR_INVALID_ARGUMENT");
      expect(codeOf(() => changesOf(new Map(), { [wrong]: 1 }))).toBe("ERR_INVALID_ARGUMENT");
    }
    expect(codeOf(() => checkKey("\u{1F600}"))).toBeUndefined();
  });

  it("is a text: callers without types get a clear error", () => {
    for (const wrong of [1, null, undefined, {}, Symbol("k")]) {
      expect(codeOf(() => checkKey(wrong as string))).toBe("ERR_INVALID_ARGUMENT");
    }
  });
});

describe("changes", () => {
  it("of an untouched draft are none", () => {
    fc.assert(
      fc.property(data, (snapshot) => {
        const before = encoded(snapshot);
        expect(changesOf(before, { ...decodeData(before) })).toEqual([]);
      }),
    );
  });

  it("turn what was into the draft, and nothing else", () => {
    fc.assert(
      fc.property(data, data, (from, to) => {
        const before = encoded(from);
        const after = applyChanges(before, changesOf(before, to));
        expect(new Map(after)).toEqual(new Map(encoded(to)));
        expect(before).toEqual(encoded(from));
      }),
    );
  });

  it("name only the keys that changed", () => {
    fc.assert(
      fc.property(data, key, value, (snapshot, name, next) => {
        const before = encoded(snapshot);
        const draft = snapshotOf([...Object.entries(snapshot), [name, next]]);
        const changed = changesOf(before, draft).map((change) => change.key);
        const same = before.get(name) === JSON.stringify(next);
        expect(changed).toEqual(same ? [] : [name]);
      }),
    );
  });

  it("of two drafts that do not overlap are both kept, in either order (I4)", () => {
    const two = fc.uniqueArray(
      fc.tuple(key, value, value, fc.constantFrom("left", "right", "none")),
      {
        selector: ([name]) => name,
      },
    );
    fc.assert(
      fc.property(two, fc.boolean(), (rows, removes) => {
        const was = encoded(snapshotOf(rows.map(([name, old]) => [name, old])));
        const draftOf = (side: string): DataSnapshot =>
          snapshotOf(
            rows.flatMap(([name, old, next, whose]) => {
              if (whose !== side) return [[name, old]];
              return removes ? [] : [[name, next]];
            }),
          );
        const [left, right] = [changesOf(was, draftOf("left")), changesOf(was, draftOf("right"))];
        const one = applyChanges(applyChanges(was, left), right);
        const other = applyChanges(applyChanges(was, right), left);
        const wanted = encoded(
          snapshotOf(
            rows.flatMap(([name, old, next, whose]) => {
              if (whose === "none") return [[name, old]];
              return removes ? [] : [[name, next]];
            }),
          ),
        );
        expect(new Map(one)).toEqual(new Map(wanted));
        expect(new Map(other)).toEqual(new Map(wanted));
      }),
    );
  });
});
