import { createSessions, MemoryStore } from "sojourn";
import { generateSecret } from "sojourn/tokens";
import { beforeEach, describe, expect, it } from "vitest";
import { KeyDesk } from "./key-desk.ts";
import type { KeyRefusal } from "./key-desk.ts";
import { KeyTable, SCOPES } from "./key-table.ts";
import { SqliteControl } from "./sqlite-control.ts";

const wanted = { name: "shop", tenant: "acme", scopes: SCOPES };

let now: number;
let reads: number;
let proofs: number;
let refused: KeyRefusal[];
let desk: KeyDesk;
let elsewhere: KeyDesk;
let table: KeyTable;

beforeEach(async () => {
  now = 1_800_000_000_000;
  reads = 0;
  proofs = 0;
  refused = [];
  const database = new SqliteControl(":memory:");
  table = new KeyTable(database);
  const find = table.find.bind(table);
  table.find = (id) => {
    reads += 1;
    return find(id);
  };
  const secrets = [generateSecret()];
  const sessions = createSessions({ secrets, store: new MemoryStore(), sweep: false });
  const keys = await sessions.serviceKeys();
  const prove = (text: string): ReturnType<typeof keys.prove> => {
    proofs += 1;
    return keys.prove(text);
  };
  const parts = { serviceKeys: { ...keys, prove }, now: () => now };
  desk = new KeyDesk({ ...parts, table, refused: (why) => void refused.push(why) });
  // Another process on the same file: it shares the rows and not the memory.
  elsewhere = new KeyDesk({ ...parts, table: new KeyTable(database) });
});

describe("a service key", () => {
  it("proves its tenant and scopes", async () => {
    const { text, record } = await desk.create(wanted);
    expect(await desk.authenticate(text)).toEqual({ keyId: record.id, ...wanted });
  });

  it("that is forged costs no read, however often it comes", async () => {
    const { text } = await desk.create(wanted);
    const last = text.endsWith("A") ? "B" : "A";
    for (const wrong of [text.slice(0, -1) + last, text.slice(0, -1), "sj1k_x", ""]) {
      expect(await desk.authenticate(wrong)).toBeUndefined();
    }
    expect(reads).toBe(0);
    expect(refused).toEqual(["forged", "forged", "forged", "forged"]);
  });

  it("is none where the store has another's in its place (I12)", async () => {
    const { text } = await desk.create(wanted);
    const other = await desk.create({ ...wanted, name: "other" });
    const find = table.find.bind(table);
    table.find = async (id) => {
      const record = await find(id);
      return record === undefined ? record : { ...record, verifier: other.record.verifier };
    };
    expect(await desk.authenticate(text)).toBeUndefined();
    expect(refused).toEqual(["unknown"]);
    expect(await desk.authenticate(other.text)).toMatchObject({ name: "other" });
  });

  it("is read again after half a second, not at every request", async () => {
    const { text } = await desk.create(wanted);
    for (let count = 0; count < 10; count += 1) await desk.authenticate(text);
    expect(reads).toBe(1);
    now += 500;
    await desk.authenticate(text);
    expect(reads).toBe(2);
  });

  it("is proved once while its record stays, and anew when another took its place (I12)", async () => {
    const { text } = await desk.create(wanted);
    const other = await desk.create({ ...wanted, name: "other" });
    await desk.authenticate(text);
    const before = proofs;
    expect(desk.authenticate(text)).toMatchObject({ name: "shop" });
    expect(proofs).toBe(before);
    const find = table.find.bind(table);
    table.find = async (id) => {
      const record = await find(id);
      return record === undefined ? record : { ...record, verifier: other.record.verifier };
    };
    now += 500;
    expect(await desk.authenticate(text)).toBeUndefined();
    expect(refused).toEqual(["unknown"]);
    expect(await desk.authenticate(text)).toBeUndefined();
  });

  it("is read once for requests that come together", async () => {
    const { text } = await desk.create(wanted);
    await Promise.all(Array.from({ length: 10 }, async () => desk.authenticate(text)));
    expect(reads).toBe(1);
  });

  it("that another process revoked is refused half a second later at the latest", async () => {
    const { text } = await desk.create(wanted);
    expect(await desk.authenticate(text)).toBeDefined();
    await elsewhere.revoke("shop");
    now += 500;
    expect(await desk.authenticate(text)).toBeUndefined();
    expect(refused).toEqual(["revoked"]);
  });

  it("is refused at once by the process that revoked it", async () => {
    const { text } = await desk.create(wanted);
    await desk.authenticate(text);
    await desk.revoke("shop");
    expect(await desk.authenticate(text)).toBeUndefined();
  });

  it("is accepted during the overlap of a rotation, and not from its end on", async () => {
    const { text } = await desk.create(wanted);
    const fresh = await desk.rotate("shop", 60_000);
    expect(fresh?.record).toMatchObject(wanted);
    now += 59_999;
    expect(await desk.authenticate(text)).toBeDefined();
    now += 1;
    expect(await desk.authenticate(text)).toBeUndefined();
    expect(await desk.authenticate(fresh?.text ?? "")).toBeDefined();
  });

  it("has a name of its own while it lives", async () => {
    await desk.create(wanted);
    await expect(desk.create(wanted)).rejects.toThrow("exists");
    await desk.revoke("shop");
    await expect(desk.create(wanted)).resolves.toBeDefined();
    await expect(desk.create({ ...wanted, name: "a b" })).rejects.toThrow("1 to 64 letters");
  });
});
