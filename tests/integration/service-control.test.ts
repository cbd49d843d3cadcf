/** What every control store promises, on each engine that can be one. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ControlSql } from "../../packages/sojourn-server/src/control/control-sql.ts";
import { KeyTable, SCOPES } from "../../packages/sojourn-server/src/control/key-table.ts";
import type { KeyRecord } from "../../packages/sojourn-server/src/control/key-table.ts";
import { Proofs } from "../../packages/sojourn-server/src/control/proofs.ts";
import { Replies } from "../../packages/sojourn-server/src/control/replies.ts";
import { SqliteControl } from "../../packages/sojourn-server/src/control/sqlite-control.ts";
import { CONTROL_ENGINES } from "../support/control-grounds.ts";
import type { ControlGround } from "../support/control-grounds.ts";

const HOUR_MS = 3_600_000;
const NOW = 1_800_000_000_000;
const attempt = { callerId: "key-1", route: "POST /v1/sessions", key: "k", body: '{"a":1}' };
const reply = { status: 201, headers: { etag: '"1.0"' }, body: '{"token":"sj1s_canary"}' };

describe.each(CONTROL_ENGINES)("the control store in %s", (_name, start) => {
  let ground: ControlGround;
  let open: () => ControlSql;
  let here: ControlSql;
  let there: ControlSql;
  let now: number;
  let replies: Replies;
  let elsewhere: Replies;

  beforeAll(async () => {
    ground = await start();
  }, 60_000);

  afterAll(() => ground.end());

  beforeEach(() => {
    now = NOW;
    open = ground.fresh();
    [here, there] = [open(), open()];
    replies = new Replies(here, ["secret-one"], () => now);
    elsewhere = new Replies(there, ["secret-one"], () => now);
  });

  it("is made once by any number that start at the same time", async () => {
    const keys = Array.from({ length: 8 }, (_, at) => new KeyTable(at % 2 === 0 ? here : there));
    expect(await Promise.all(keys.map((table) => table.list()))).toEqual(keys.map(() => []));
  });

  it("gives a reply to one of two processes that claim it at once, and then to both", async () => {
    const claims = await Promise.all([replies.claim(attempt), elsewhere.claim(attempt)]);
    expect(claims.map(({ outcome }) => outcome).toSorted()).toEqual(["busy", "claimed"]);
    await replies.keep(attempt, reply);
    expect(await elsewhere.claim(attempt)).toEqual({ outcome: "kept", reply });
    const other = { ...attempt, body: "{}" };
    expect(await elsewhere.claim(other)).toEqual({ outcome: "mismatch" });
  });

  it("lets one of fifty claims of each key through", async () => {
    const all = Array.from({ length: 5 }, (_, key) => ({ ...attempt, key: `k${key}` }));
    const claims = await Promise.all(
      all.flatMap((one) =>
        Array.from({ length: 50 }, (_, at) => (at % 2 === 0 ? replies : elsewhere).claim(one)),
      ),
    );
    expect(claims.filter(({ outcome }) => outcome === "claimed")).toHaveLength(all.length);
  });

  it("[DP-04] takes a proof once, from any process, until it is over", async () => {
    const [one, two] = [here, there].map((sql) => new Proofs(sql, { now: () => now, max: 3 }));
    if (one === undefined || two === undefined) throw new Error("two processes");
    const claims = Array.from({ length: 20 }, (_, at) =>
      (at % 2 === 0 ? one : two).claim("proof", NOW + 60_000.5, NOW),
    );
    expect((await Promise.all(claims)).filter(Boolean)).toHaveLength(1);
    expect(await two.claim("proof", NOW + 90_000, NOW + 60_000)).toBe(false);
    expect(await two.claim("proof", NOW + 90_000, NOW + 60_001)).toBe(true);
    expect(await one.claim("second", NOW + 70_000, NOW)).toBe(true);
    now = NOW + 69_999;
    expect(await one.tidy()).toBe(0);
    expect(await one.claim("third", NOW + 95_000, now)).toBe(true);
    now = NOW + 70_000;
    expect(await one.tidy()).toBe(1);
    expect(await two.claim("fourth", NOW + 95_000, now)).toBe(true);
    await one.tidy();
    await expect(one.claim("fifth", NOW + 99_000, now)).rejects.toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
      retryable: true,
    });
    now = NOW + 95_000;
    expect(await one.tidy()).toBe(3);
    expect(await one.claim("fifth", NOW + 99_000, now)).toBe(true);
  });

  it("keeps replies by caller and route", async () => {
    await replies.claim(attempt);
    await replies.keep(attempt, reply);
    expect(await replies.claim({ ...attempt, callerId: "key-2" })).toEqual({ outcome: "claimed" });
    expect(await replies.claim({ ...attempt, route: "POST /x" })).toEqual({ outcome: "claimed" });
  });

  it("holds a reply sealed: neither token nor idempotency key can be read from it", async () => {
    const visible = { ...attempt, key: "visible-key" };
    await replies.claim(visible);
    await replies.keep(visible, reply);
    const { rows } = await here.run("look", "SELECT slot, sealed FROM control.reply LIMIT ?", 9);
    expect(rows).toHaveLength(1);
    const bytes = Object.values(rows[0] ?? {}).map((value) =>
      Buffer.from(value as Uint8Array).toString("latin1"),
    );
    for (const text of [...bytes, JSON.stringify(rows)]) {
      expect(text).not.toContain("canary");
      expect(text).not.toContain("visible-key");
    }
  });

  it("opens a reply under a secret that moved down the list, and under no other", async () => {
    await replies.claim(attempt);
    await replies.keep(attempt, reply);
    const rotated = new Replies(here, ["secret-two", "secret-one"], () => now);
    expect(await rotated.claim(attempt)).toEqual({ outcome: "kept", reply });
    const foreign = new Replies(here, ["secret-two"], () => now);
    expect(await foreign.claim(attempt)).toEqual({ outcome: "mismatch" });
  });

  it("forgets a reply after 24 hours, not one millisecond before", async () => {
    await replies.claim(attempt);
    await replies.keep(attempt, reply);
    now += 24 * HOUR_MS - 1;
    expect((await replies.claim(attempt)).outcome).toBe("kept");
    expect(await replies.tidy()).toBe(0);
    now += 1;
    expect(await elsewhere.claim(attempt)).toEqual({ outcome: "claimed" });
    now += 24 * HOUR_MS;
    expect(await replies.tidy()).toBe(1);
  });

  it("lets a claim that failed be made again at once, an abandoned one after a minute", async () => {
    await replies.claim(attempt);
    await replies.release(attempt);
    expect(await elsewhere.claim(attempt)).toEqual({ outcome: "claimed" });
    now += 59_999;
    expect((await replies.claim(attempt)).outcome).toBe("busy");
    now += 1;
    expect(await replies.claim(attempt)).toEqual({ outcome: "claimed" });
  });

  it("gives a name to one of two keys made at once, and again once that has ended", async () => {
    const [one, two] = [new KeyTable(here), new KeyTable(there)];
    const made = await Promise.all([one.insert(keyOf("a")), two.insert(keyOf("b"))]);
    expect(made.toSorted()).toEqual([false, true]);
    const taken = await two.look("shop");
    expect(await one.revoke(taken?.id ?? "", NOW)).toBe(true);
    expect(await two.insert(keyOf("c"))).toBe(true);
    expect(await one.find("c")).toEqual(keyOf("c"));
    expect((await two.list()).map(({ id }) => id).toSorted()).toHaveLength(2);
  });

  it("keeps the earlier end of a key and the later use, whoever writes them", async () => {
    const [one, two] = [new KeyTable(here), new KeyTable(there)];
    await one.insert(keyOf("a"));
    await Promise.all([one.revoke("a", NOW + 2), two.revoke("a", NOW + 1)]);
    await Promise.all([one.noteUse("a", NOW + 9), two.noteUse("a", NOW + 7)]);
    const found = { ...keyOf("a"), revokedAt: NOW + 1, lastUsedAt: NOW + 9 };
    expect(await two.find("a")).toEqual(found);
    expect(await two.revoke("nobody", NOW)).toBe(false);
  });

  it("rotates a key whole or not at all", async () => {
    const [one, two] = [new KeyTable(here), new KeyTable(there)];
    await one.insert(keyOf("a"));
    await one.insert({ ...keyOf("z"), name: "other" });
    // The new id is taken: nothing of the rotation may stay.
    await expect(one.replace("a", NOW, keyOf("z"))).rejects.toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
    });
    expect(await two.find("a")).toEqual(keyOf("a"));
    await one.replace("a", NOW, keyOf("b"));
    expect((await two.look("shop"))?.id).toBe("b");
    expect((await two.find("a"))?.revokedAt).toBe(NOW);
  });

  it("refuses the tables of a newer release", async () => {
    await new KeyTable(here).list();
    const text =
      here instanceof SqliteControl
        ? "PRAGMA user_version = 99"
        : "UPDATE control.meta SET value = '99' WHERE key = 'schema'";
    await here.run("test", text);
    const opening = async (): Promise<unknown> => open().run("test", "SELECT 1");
    await expect(opening()).rejects.toMatchObject({ code: "ERR_STORE_SCHEMA" });
  });
});

function keyOf(id: string): KeyRecord {
  const of = { name: "shop", tenant: "acme", scopes: SCOPES, verifier: `v-${id}` };
  return { id, ...of, createdAt: NOW };
}
