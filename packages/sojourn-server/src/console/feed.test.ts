import { describe, expect, it } from "vitest";
import { AuditLog } from "../audit/audit-log.ts";
import { Signer } from "../audit/signer.ts";
import { TrailReader } from "../audit/trail-reader.ts";
import { Trail } from "../audit/trail.ts";
import { SqliteControl } from "../control/sqlite-control.ts";
import { Feed } from "./feed.ts";
import type { Watcher } from "./feed.ts";

const SECRET = "c29qb3Vybi10ZXN0LXNlY3JldC0wMTIzNDU2Nzg5QUJDREVG";

function world(page?: number) {
  const sql = new SqliteControl(":memory:");
  const signer = new Signer([SECRET]);
  const trail = new Trail({ sql, signer, now: Date.now });
  const log = (): AuditLog => new AuditLog({ trail, background: false, now: Date.now });
  const own = log();
  return { own, other: log(), feed: new Feed(new TrailReader(sql, signer), own, page) };
}

function watcher(): Watcher & { readonly told: unknown[]; gaps: number } {
  const told: unknown[] = [];
  return {
    tenant: "t",
    told,
    gaps: 0,
    entry(entry, seq) {
      told.push([(entry as { name: string }).name, seq]);
    },
    placed(seq) {
      told.push(["placed", seq]);
    },
    gap() {
      this.gaps += 1;
    },
  };
}

const wait = { timeout: 5_000 };

describe("the feed", () => {
  it("tells an entry of this process at once, and its place later instead of it again", async () => {
    const { own, feed } = world();
    const seen = watcher();
    const leave = await feed.watch(seen, undefined);
    own.note("now", "a", {}, "t");
    expect(seen.told).toEqual([["now", undefined]]);
    await own.drain();
    await expect
      .poll(() => seen.told, wait)
      .toEqual([
        ["now", undefined],
        ["placed", 1],
      ]);
    leave();
    own.note("after", "a", {}, "t");
    expect(seen.told).toHaveLength(2);
  });

  it("tells entries of others when the trail has them, of the own tenant alone", async () => {
    const { other, feed } = world();
    const seen = watcher();
    const leave = await feed.watch(seen, undefined);
    other.note("foreign", "a", {}, "elsewhere");
    other.note("theirs", "a", {}, "t");
    await other.drain();
    await expect.poll(() => seen.told, wait).toEqual([["theirs", 2]]);
    leave();
  });

  it("tells what came behind a place first, then goes on", async () => {
    const { other, feed } = world();
    for (const name of ["one", "two", "three"]) other.note(name, "a", {}, "t");
    await other.drain();
    const seen = watcher();
    const leave = await feed.watch(seen, 1);
    expect(seen.told).toEqual([
      ["two", 2],
      ["three", 3],
    ]);
    leave();
  });

  it("says that there is more instead of telling a page full", async () => {
    const { other, feed } = world(5);
    for (let count = 0; count < 5; count += 1) other.note("many", "a", {}, "t");
    await other.drain();
    const late = watcher();
    (await feed.watch(late, 0))();
    expect([late.gaps, late.told.length]).toEqual([1, 0]);
    const early = watcher();
    const leave = await feed.watch(early, undefined);
    for (let count = 0; count < 5; count += 1) other.note("many", "a", {}, "t");
    await other.drain();
    await expect.poll(() => [early.gaps, early.told], wait).toEqual([1, []]);
    leave();
  });
});
