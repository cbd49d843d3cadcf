/** Data: merged per key inside the store, so that no writer loses another's key. Invariant I4. */
import type { DataOperation } from "../../engine/ports.ts";
import { hold, outcome, same } from "../expect.ts";
import { found, handles, HOUR_MS, opened, revoked } from "../store-case.ts";
import type { StoreCase } from "../store-case.ts";
import { sweepAll } from "./sweep.ts";

function set(key: string, value: string): DataOperation {
  return { op: "set", key, value };
}

/** Keys that have broken somebody's serializer, prototype, index or query. */
export const AWKWARD_TEXTS: readonly string[] = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "length",
  "0",
  "-1",
  "",
  " ",
  "a:b",
  "a/b",
  "a.b",
  "a%b_",
  'quo"te',
  "apo'strophe",
  "back\\slash",
  "new\nline",
  "nul\u0000inside",
  "$.path[0]",
  "{brace}",
  "null",
  "ключ",
  "鍵",
  "🗝️",
  "e\u0301",
  "é",
  "\u202Eright-to-left",
  "k".repeat(1024),
];

export const dataCases: readonly StoreCase[] = [
  {
    name: "keeps every other key when one is set or deleted",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record, { data: { a: "1", b: "2" } });
      const start = (await found(store, record)).dataVersion;
      const first = await store.patchData(record, [set("c", "3"), { op: "delete", key: "a" }]);
      same(first, { outcome: "patched", dataVersion: start + 1 }, "the first write");
      same((await found(store, record)).data, { b: "2", c: "3" }, "after the first write");
      const second = await store.patchData(record, [
        { op: "delete", key: "unknown" },
        set("b", ""),
      ]);
      outcome(second, "patched", "a write that deletes an unknown key");
      same((await found(store, record)).data, { b: "", c: "3" }, "after the second write");
    },
  },
  {
    name: "keeps the last of several operations on one key",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record);
      await store.patchData(record, [
        set("a", "1"),
        { op: "delete", key: "a" },
        { op: "delete", key: "b" },
        set("b", "1"),
        set("c", "1"),
        set("c", "2"),
      ]);
      same((await found(store, record)).data, { b: "1", c: "2" }, "data in the order written");
    },
  },
  {
    name: "changes nothing when the data are not at the expected version",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record, { data: { a: "1" } });
      const { dataVersion } = await found(store, record);
      const first = await store.patchData(record, [set("a", "2")], dataVersion);
      same(first, { outcome: "patched", dataVersion: dataVersion + 1 }, "onto the stored version");
      for (const stale of [dataVersion, dataVersion + 2]) {
        const result = await store.patchData(record, [set("a", "3")], stale);
        same(result, { outcome: "conflict" }, `onto version ${stale}`);
      }
      const stored = await found(store, record);
      same([stored.data, stored.dataVersion], [{ a: "2" }, dataVersion + 1], "the data");
    },
  },
  {
    name: "keeps the keys of 20 simultaneous writers (I4)",
    async run(store, kit) {
      const stores = handles(store, kit);
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record);
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (stores[index % 2] ?? store).patchData(record, [set(`key-${index}`, `${index}`)]),
        ),
      );
      const versions = results.map((result) => outcome(result, "patched", "a write").dataVersion);
      const expected = Array.from({ length: 20 }, (_, index) => index + 1);
      same(
        versions.toSorted((a, b) => a - b),
        expected,
        "each write's own data version",
      );
      const { data, dataVersion } = await found(store, record);
      same(Object.keys(data).length, 20, "keys that survived");
      for (let index = 0; index < 20; index += 1) same(data[`key-${index}`], `${index}`, "a value");
      same(dataVersion, 20, "the data version after 20 writes");
    },
  },
  {
    name: "tells all but one of 20 simultaneous compare-and-set writers",
    async run(store, kit) {
      const stores = handles(store, kit);
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record);
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (stores[index % 2] ?? store).patchData(record, [set("a", `${index}`)], 0),
        ),
      );
      const won = results.flatMap((result, index) => (result.outcome === "patched" ? [index] : []));
      same(won.length, 1, "writers that won");
      const stored = await found(store, record);
      same([stored.data, stored.dataVersion], [{ a: `${won[0]}` }, 1], "the data");
    },
  },
  {
    name: "keeps any text as key and as value",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record, { data: { ["__proto__"]: '"first"', plain: "1" } });
      hold(Object.hasOwn((await found(store, record)).data, "__proto__"), "__proto__ is a key");
      for (const text of AWKWARD_TEXTS) await store.patchData(record, [set(text, `v:${text}`)]);
      const { data } = await found(store, record);
      const prototype: unknown = Object.getPrototypeOf(data);
      hold(prototype === null || prototype === Object.prototype, "no key becomes a prototype");
      const keys = [...new Set([...AWKWARD_TEXTS, "plain"])].toSorted();
      same(Object.keys(data).toSorted(), keys, "the keys");
      for (const text of AWKWARD_TEXTS) same(data[text], `v:${text}`, `the value of ${text}`);
      for (const text of AWKWARD_TEXTS)
        await store.patchData(record, [{ op: "delete", key: text }]);
      same((await found(store, record)).data, { plain: "1" }, "after deleting them");
    },
  },
  {
    name: "changes nothing when the data would pass the limit, counted in bytes [DE-08]",
    async run(store, kit) {
      const { maxDataBytes } = store.capabilities;
      const record = kit.recordOf({ tenant: kit.tenant() });
      const half = "x".repeat(Math.floor(maxDataBytes / 2) - 16);
      await opened(store, record, { data: { a: "1" } });
      outcome(await store.patchData(record, [set("half", half)]), "patched", "half the limit");
      const before = await found(store, record);
      const wide = "€".repeat(Math.floor(maxDataBytes / 4));
      const attempts: readonly (readonly DataOperation[])[] = [
        [set("b", "2"), set("big", "x".repeat(maxDataBytes + 1))],
        [set("other-half", `${half}${"x".repeat(64)}`)],
        [set("wide", wide)],
      ];
      for (const operations of attempts) {
        const result = await store.patchData(record, operations);
        const { bytes } = outcome(result, "too-large", "a write over the limit");
        hold(bytes > maxDataBytes, "the size that is told is over the limit");
        same(await found(store, record), before, "the session after a refused write");
      }
      outcome(await store.patchData(record, [set("half", "1")]), "patched", "making it smaller");
    },
  },
  {
    name: "refuses data for a session that is absent, revoked or swept, and keeps what it had (I1)",
    async run(store, kit) {
      const tenant = kit.tenant();
      const absent = { tenant, id: kit.id() };
      const ended = kit.recordOf({ tenant });
      const expired = kit.recordOf({ tenant });
      await opened(store, ended, { data: { a: "1" } });
      await opened(store, expired, { data: { a: "1" } });
      await store.revoke(ended, revoked(kit.now + 1), { now: kit.now + 1 });
      await sweepAll(store, tenant, kit.now + HOUR_MS);
      for (const ref of [absent, ended, expired]) {
        const before = await store.find(ref);
        for (const version of [undefined, before?.dataVersion ?? 0]) {
          const result = await store.patchData(ref, [set("a", "2")], version);
          same(result, { outcome: "gone" }, "data for what is not live");
        }
        same(await store.find(ref), before, "the session afterwards");
      }
      same((await found(store, ended)).data, { a: "1" }, "the data of an ended session");
    },
  },
  {
    name: "keeps the record out of data writes",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record);
      await store.patchData(record, [set("a", "1")]);
      same((await found(store, record)).record, record, "the record after a data write");
    },
  },
];
