/** What is fed from the audit trail, on each engine: every entry counts, and none of them twice. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { additions } from "../../packages/sojourn-server/src/analytics/analytics-table.ts";
import { amountsOf, HOUR_MS } from "../../packages/sojourn-server/src/analytics/figures.ts";
import type { AuditEntry } from "../../packages/sojourn-server/src/audit/entry.ts";
import type { ReadEntry } from "../../packages/sojourn-server/src/audit/trail-reader.ts";
import { ControlStore } from "../../packages/sojourn-server/src/control/control-store.ts";
import type { ControlSql } from "../../packages/sojourn-server/src/control/control-sql.ts";
import {
  Consumer,
  LEASE_MS,
  takenByAll,
} from "../../packages/sojourn-server/src/consumers/consumer.ts";
import type { ConsumerParts, Gap } from "../../packages/sojourn-server/src/consumers/consumer.ts";
import { queued } from "../../packages/sojourn-server/src/webhooks/delivery-table.ts";
import type { Endpoint } from "../../packages/sojourn-server/src/webhooks/endpoint-table.ts";
import { CONTROL_ENGINES } from "../support/control-grounds.ts";
import type { ControlGround } from "../support/control-grounds.ts";
import { SECRET } from "./service-harness.ts";

const NOW = 1_800_000_000_000;
const DAY_MS = 86_400_000;
const HOUR = Math.floor(NOW / HOUR_MS);

let made = 0;

function entries(count: number, more: Partial<AuditEntry> = {}): AuditEntry[] {
  return Array.from({ length: count }, () => {
    made += 1;
    const about = { subject: "ann", session: `ses_${made}`, detail: { kind: "user" } };
    const told = { at: NOW, tenant: "default", name: "session-established", actor: "key:shop" };
    return { id: `o.${made}`, ...told, about, ...more };
  });
}

describe.each(CONTROL_ENGINES)("what is fed from the trail in %s", (_name, start) => {
  let ground: ControlGround;
  let open: () => ControlSql;
  let sql: ControlSql;
  let now: number;
  let control: ControlStore;
  let gaps: Gap[];

  beforeAll(async () => {
    ground = await start();
  }, 60_000);

  afterAll(() => ground.end());

  beforeEach(() => {
    now = NOW;
    gaps = [];
    open = ground.fresh();
    sql = open();
    control = new ControlStore(sql, [SECRET], () => now);
  });

  /** One of another process: on connections of its own. */
  function consumer(more: Partial<ConsumerParts> = {}): Consumer {
    const own = more.sql ?? open();
    const reader = new ControlStore(own, [SECRET], () => now).trailReader;
    return new Consumer({
      name: "figures",
      sql: own,
      reader,
      now: () => now,
      begins: "at-first",
      batch: 7,
      take: async (all) => additions(all.flatMap(amountsOf)),
      onGap: (gap) => gaps.push(gap),
      ...more,
    });
  }

  async function counted(): Promise<number> {
    const amounts = await control.analytics.read("default", HOUR, HOUR + 1);
    return amounts.find(({ figure }) => figure === "sign-in")?.amount ?? 0;
  }

  async function all(one: Consumer): Promise<void> {
    while (await one.round());
  }

  it("counts each entry once, in order, from where the one before it ended", async () => {
    await control.trail.append(entries(20));
    const first = consumer();
    expect(await first.claim()).toBe(true);
    await first.round();
    expect(await counted()).toBe(7);
    await first.release();
    const seen: number[] = [];
    const second = consumer({
      take: async (some) => {
        seen.push(...some.map(({ seq }) => seq));
        return additions(some.flatMap(amountsOf));
      },
    });
    expect(await second.claim()).toBe(true);
    await all(second);
    expect(seen).toEqual(Array.from({ length: 13 }, (_, at) => at + 8));
    expect(await counted()).toBe(20);
  });

  it("leaves nothing of a batch that could not be written whole, and takes it again", async () => {
    await control.trail.append(entries(5));
    let refuse = true;
    const one = consumer({
      take: async (some) => [
        ...additions(some.flatMap(amountsOf)),
        {
          text: "DELETE FROM control.meta WHERE key = ?",
          values: ["none"],
          ...(refuse ? { writes: 1 } : {}),
        },
      ],
    });
    await one.claim();
    await one.round();
    expect([await counted(), one.holds]).toEqual([0, false]);
    refuse = false;
    await one.claim();
    await one.round();
    expect(await counted()).toBe(5);
  });

  it("counts once although two processes both believe that it is theirs", async () => {
    await control.trail.append(entries(60));
    const one = consumer();
    // Its clock is past any lease, and so is what it writes for the first one's.
    const other = consumer({ now: () => now + 10 * LEASE_MS });
    for (let round = 0; round < 200 && (await counted()) < 60; round += 1) {
      await Promise.all([one.claim(), other.claim()]);
      await Promise.all([one.round(), other.round()]);
    }
    expect(await counted()).toBe(60);
  });

  it("is taken over when the lease is over and not before, and at once when it was let go", async () => {
    const one = consumer();
    const other = consumer();
    expect([await one.claim(), await other.claim()]).toEqual([true, false]);
    now += LEASE_MS - 1;
    expect(await other.claim()).toBe(false);
    now += 1;
    expect([await other.claim(), await one.claim(), one.holds]).toEqual([true, false, false]);
    await other.release();
    expect([await one.claim(), one.holds]).toEqual([true, true]);
  });

  it("does not believe a lease that a clock far ahead has written", async () => {
    const ahead = consumer({ now: () => now + DAY_MS });
    expect(await ahead.claim()).toBe(true);
    expect(await consumer().claim()).toBe(true);
  });

  it("begins with what comes, where it is for that", async () => {
    await control.trail.append(entries(5));
    const one = consumer({ begins: "at-next" });
    await one.claim();
    await control.trail.append(entries(2));
    await all(one);
    expect(await counted()).toBe(2);
  });

  it("keeps old entries for who has not had them, a week; then says what was missed", async () => {
    await control.trail.append(entries(10));
    const one = consumer();
    await one.claim();
    await one.round();
    const retire = async (): Promise<number> =>
      control.trail.retire(now, await takenByAll(sql, now), now - 7 * DAY_MS);
    now += 1;
    expect(await retire()).toBe(7);
    expect(await retire()).toBe(0);
    now += 7 * DAY_MS - 1;
    expect(await retire()).toBe(0);
    now += 1;
    expect(await retire()).toBe(3);
    await control.trail.append(entries(2));
    await one.claim();
    await all(one);
    expect(gaps).toEqual([{ consumer: "figures", after: 7, before: 10 }]);
    expect(await counted()).toBe(9);
  });

  it("holds no entries for a consumer that was given up", async () => {
    await control.trail.append(entries(3));
    await consumer().claim();
    now += 8 * DAY_MS;
    expect(await control.trail.retire(now, await takenByAll(sql, now), 0)).toBe(3);
  });

  it("goes on, and says so, where the trail was put back to an earlier state", async () => {
    await control.trail.append(entries(9));
    const one = consumer();
    await one.claim();
    await all(one);
    await sql.run("test", "DELETE FROM control.audit_entry");
    await sql.run("test", "DELETE FROM control.audit_head");
    await control.trail.append(entries(4));
    await all(one);
    expect(gaps).toEqual([{ consumer: "figures", after: 9, before: 0 }]);
    expect(await counted()).toBe(13);
  });

  it("keeps the last and the highest of what was sampled", async () => {
    for (const [count, exact] of [
      [5, true],
      [9, false],
      [2, true],
    ] as const) {
      await control.analytics.sample("default", HOUR, { count, exact });
    }
    const amounts = await control.analytics.read("default", HOUR, HOUR + 1);
    const told = Object.fromEntries(amounts.map(({ label, amount }) => [label, amount]));
    expect(told).toEqual({ last: 2, peak: 9, inexact: 1 });
    expect(await control.analytics.tenants(HOUR, 10)).toEqual(["default"]);
    expect(await control.analytics.retire(HOUR + 1)).toBe(3);
  });

  describe("deliveries", () => {
    const endpoint: Endpoint = {
      id: "whk_one",
      tenant: "default",
      url: "https://example.com/",
      events: ["session-established"],
      description: "",
      sinceSeq: 0,
      secret: new Uint8Array([1]),
      version: 1,
      createdAt: NOW,
    };

    async function queue(): Promise<readonly ReadEntry[]> {
      const all = await control.trailReader.after(0, 100);
      await sql.all("test", [...queued(all, await control.endpoints.active(), now)]);
      return all;
    }

    it("are queued for those who want them: by tenant, name, and time", async () => {
      await control.endpoints.insert(endpoint);
      await control.endpoints.insert({ ...endpoint, id: "whk_late", sinceSeq: 3 });
      await control.endpoints.insert({ ...endpoint, id: "whk_all", events: [] });
      await control.endpoints.insert({ ...endpoint, id: "whk_off", disabled: "operator" });
      await control.trail.append(entries(3));
      await control.trail.append(entries(1, { tenant: "other" }));
      await control.trail.append(entries(2, { name: "session-ended" }));
      await control.trail.append(entries(1));
      await queue();
      const of = async (id: string): Promise<readonly number[]> =>
        (await control.deliveries.due(id, now, 50)).map(({ seq }) => seq);
      expect(await of("whk_one")).toEqual([1, 2, 3, 7]);
      expect(await of("whk_late")).toEqual([7]);
      expect(await of("whk_all")).toEqual([1, 2, 3, 5, 6, 7]);
      expect(await of("whk_off")).toEqual([]);
    });

    it("are sent again by their id, when dead, or from a time, with the ids they had", async () => {
      await control.endpoints.insert(endpoint);
      await control.trail.append(entries(3));
      const [first] = await queue();
      const { deliveries } = control;
      const due = await deliveries.due("whk_one", now, 9);
      expect(due[0]?.id).toBe(`msg_${first?.id.replace(".", "_") ?? ""}_whk_one`);
      for (const [each, one] of due.entries()) {
        const outcome = each === 0 ? { status: 200 } : { status: 500, trouble: "status" as const };
        await deliveries.tried(one, outcome, { at: now, next: undefined });
      }
      const states = async (): Promise<readonly string[]> =>
        (await deliveries.list("whk_one", {}, 9)).map(({ state }) => state);
      expect(await states()).toEqual(["dead", "dead", "done"]);
      expect(await deliveries.again(endpoint, { delivery: due[2]?.id ?? "" }, now)).toBe(1);
      expect(await states()).toEqual(["waiting", "dead", "done"]);
      expect(await deliveries.again(endpoint, { dead: true }, now)).toBe(1);
      expect(await states()).toEqual(["waiting", "waiting", "done"]);
      await deliveries.tidy(now + 8 * DAY_MS);
      expect(await states()).toEqual(["waiting", "waiting"]);
      await control.trail.append(entries(1, { at: NOW + 5, name: "session-ended" }));
      await control.trail.append(entries(1, { at: NOW + 5 }));
      const from = { from: NOW, to: NOW + 5 };
      expect(await deliveries.again(endpoint, from, now)).toBe(3);
      const ids = (await deliveries.list("whk_one", {}, 9)).map(({ id }) => id);
      expect(ids.toReversed()).toEqual(due.map(({ id }) => id));
      expect(await deliveries.again(endpoint, { ...from, to: NOW + 6 }, now)).toBe(4);
    });

    it("are held with an endpoint that is disabled, and go with one that is removed", async () => {
      await control.endpoints.insert(endpoint);
      await control.trail.append(entries(2));
      await queue();
      const off = await control.endpoints.change(endpoint, { disabled: "operator" });
      expect(await control.deliveries.withDue(now)).toEqual([]);
      const on = await control.endpoints.change(off, { disabled: null });
      expect(on.disabled).toBeUndefined();
      expect(await control.deliveries.withDue(now)).toEqual(["whk_one"]);
      await expect(control.endpoints.remove(off)).rejects.toMatchObject({
        code: "ERR_STORE_CONTENTION",
      });
      await control.endpoints.remove(on);
      expect(await control.deliveries.list("whk_one", {}, 9)).toEqual([]);
    });

    it("that were sent again meanwhile keep that, whatever a try before it came to", async () => {
      await control.endpoints.insert(endpoint);
      await control.trail.append(entries(1));
      await queue();
      const [one] = await control.deliveries.due("whk_one", now, 1);
      if (one === undefined) throw new Error("nothing is due");
      const failed = { status: 500, trouble: "status" } as const;
      expect(await control.deliveries.tried(one, failed, { at: now, next: now })).toBe(true);
      const late = { status: 200 };
      expect(await control.deliveries.tried(one, late, { at: now, next: undefined })).toBe(false);
      expect((await control.deliveries.due("whk_one", now, 1))[0]).toMatchObject({ tries: 1 });
    });
  });
});
