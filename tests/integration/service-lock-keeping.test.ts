/** How locks are kept, on each engine of the control store, and known in every process. */
import { Lockouts, StoreUnavailableError } from "sojourn";
import type { LockoutKind } from "sojourn";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ControlSql } from "../../packages/sojourn-server/src/control/control-sql.ts";
import { LockTable } from "../../packages/sojourn-server/src/control/lock-table.ts";
import { LockDesk } from "../../packages/sojourn-server/src/locks/lock-desk.ts";
import type { NewLock } from "../../packages/sojourn-server/src/locks/lock.ts";
import { CONTROL_ENGINES } from "../support/control-grounds.ts";
import type { ControlGround } from "../support/control-grounds.ts";
import { gate } from "../support/world.ts";

const NOW = 1_800_000_000_000;
const HOUR_MS = 3_600_000;
const BY = { tenant: "default", actor: "key:test" };
const MAX = 5;

interface Process {
  readonly desk: LockDesk;
  readonly lockouts: Lockouts;
  /** Its way to the control store. */
  readonly line: { cut: boolean; slow?: Promise<void>; held?: boolean };
  /** Names of the audit's entries. */
  readonly told: string[];
}

describe.each(CONTROL_ENGINES)("locks kept in %s", (_name, start) => {
  let ground: ControlGround;
  let open: () => ControlSql;
  let now: number;
  let here: Process;
  let there: Process;

  beforeAll(async () => {
    ground = await start();
  }, 60_000);

  afterAll(() => ground.end());

  beforeEach(() => {
    now = NOW;
    open = ground.fresh();
    [here, there] = [process(), process()];
  });

  function process(): Process {
    const engine = open();
    const line: Process["line"] = { cut: false };
    const away = (): never => {
      throw new StoreUnavailableError("control");
    };
    const sql: ControlSql = {
      run: async (operation, text, ...values) => {
        const { slow } = line;
        const answer = line.cut ? away() : await engine.run(operation, text, ...values);
        if (operation !== "locks" || text.includes("lock_clock")) return answer;
        line.held = slow !== undefined;
        await slow;
        return answer;
      },
      all: async (...given) => (line.cut ? away() : engine.all(...given)),
      close: () => engine.close(),
    };
    const table = new LockTable(sql, MAX);
    const lockouts = new Lockouts();
    const desk = new LockDesk({ table, lockouts, now: () => now, monotonic: () => now });
    const told: string[] = [];
    const note = (name: string): void => void told.push(name);
    const sessions = {
      subject: () => ({ revokeAll: () => Promise.resolve({ ended: 2 }) }),
    };
    desk.begin({ sessions: sessions as never, log: { note } as never });
    return { desk, lockouts, line, told };
  }

  const wanted = (kind: LockoutKind, value: string, more: Partial<NewLock> = {}): NewLock => ({
    kind,
    value,
    message: "Call us. ☎",
    ...more,
  });
  const keptOut = ({ lockouts }: Process, subject: string, tenant = "default"): boolean =>
    lockouts.find({ tenant, subject }, now) !== undefined;

  it("are known where they were set at once, elsewhere at the next look, lifted alike", async () => {
    await there.desk.refresh();
    const { lock, ended } = await here.desk.set(wanted("subject", "ann"), BY);
    expect([keptOut(here, "ann"), keptOut(there, "ann"), ended]).toEqual([true, false, 2]);
    await there.desk.refresh();
    expect([keptOut(there, "ann"), keptOut(there, "bea")]).toEqual([true, false]);
    expect(there.lockouts.find({ tenant: "default", subject: "ann" }, now)).toMatchObject({
      id: lock.id,
      message: "Call us. ☎",
    });
    await there.desk.lift(lock.id, BY);
    expect([keptOut(here, "ann"), keptOut(there, "ann")]).toEqual([true, false]);
    await here.desk.refresh();
    expect(keptOut(here, "ann")).toBe(false);
    expect([here.told, there.told]).toEqual([["lock-set"], ["lock-lifted"]]);
  });

  it("stand where they were set, although an older answer of the store comes later", async () => {
    await there.desk.set(wanted("subject", "bea"), BY);
    const answer = gate();
    here.line.slow = answer.wait();
    const reading = here.desk.refresh();
    await expect.poll(() => here.line.held).toBe(true);
    const setting = here.desk.set(wanted("subject", "ann"), BY);
    // The lock is stored while the older answer is under way.
    for (let attempt = 0; attempt < 10_000; attempt += 1) {
      const page = await there.desk.page({ tenant: "default" }, PAGE);
      if (page.items.length === 2) break;
    }
    answer.open();
    await Promise.all([reading, setting]);
    expect([keptOut(here, "ann"), keptOut(here, "bea")]).toEqual([true, true]);
  });

  it("are one for a target that many processes set at once, and a new one after it was lifted", async () => {
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, at) =>
        (at % 2 === 0 ? here : there).desk.set(wanted("client", "app"), BY),
      ),
    );
    const [id, ...more] = [...new Set(all.map(({ lock }) => lock.id))];
    expect(more).toEqual([]);
    expect(await here.desk.lift(id ?? "", BY)).toBe(now);
    now += 1;
    // Once more is the same answer, whoever asks.
    expect(await there.desk.lift(id ?? "", BY)).toBe(now - 1);
    const again = await there.desk.set(wanted("client", "app"), BY);
    expect(again.lock.id).not.toBe(id);
    await here.desk.refresh();
    await there.desk.refresh();
    expect([here.lockouts.size, there.lockouts.size]).toEqual([1, 1]);
    expect(await here.desk.lift(id ?? "", BY)).toBeUndefined();
    expect(await here.desk.lift(again.lock.id, { ...BY, tenant: "acme" })).toBeUndefined();
    expect(await here.desk.find("acme", again.lock.id)).toBeUndefined();
    expect(here.lockouts.size).toBe(1);
  });

  it("are read whole by a process that begins, and by one that was away for long", async () => {
    await here.desk.refresh();
    const { lock } = await there.desk.set(wanted("device", "d"), BY);
    await there.desk.set(wanted("subject", "ann"), BY);
    const young = process();
    await young.desk.refresh();
    expect([young.lockouts.size, keptOut(young, "ann")]).toEqual([2, true]);
    await here.desk.refresh();
    await there.desk.lift(lock.id, BY);
    now += 25 * HOUR_MS;
    // Nobody remembers that it was lifted.
    await there.desk.tidy();
    await here.desk.refresh();
    expect([here.lockouts.size, keptOut(here, "ann")]).toEqual([1, true]);
  });

  it("go on as known while the control store is away, and say how old that is", async () => {
    await there.desk.set(wanted("subject", "ann", { expiresAt: now + HOUR_MS }), BY);
    await here.desk.refresh();
    here.line.cut = true;
    now += 2_000;
    await expect(here.desk.refresh()).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    expect([keptOut(here, "ann"), here.desk.ageMs]).toEqual([true, 2_000]);
    await expect(here.desk.set(wanted("subject", "bea"), BY)).rejects.toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
    });
    expect(keptOut(here, "bea")).toBe(false);
    now += HOUR_MS;
    // Its own time is over all the same.
    expect(keptOut(here, "ann")).toBe(false);
    here.line.cut = false;
    await there.desk.set(wanted("subject", "bea"), BY);
    await here.desk.refresh();
    expect([keptOut(here, "bea"), here.desk.ageMs]).toEqual([true, 0]);
  });

  it("end by themselves, which one process tells once", async () => {
    await here.desk.set(wanted("subject", "ann", { expiresAt: now + 10 }), BY);
    await there.desk.set(wanted("subject", "bea"), BY);
    await Promise.all([here.desk.tidy(), there.desk.tidy()]);
    expect([...here.told, ...there.told]).toEqual(["lock-set", "lock-set"]);
    now += 10;
    expect(keptOut(here, "ann")).toBe(false);
    expect((await here.desk.page({ tenant: "default" }, PAGE)).items).toHaveLength(1);
    await Promise.all([here.desk.tidy(), there.desk.tidy()]);
    const told = [...here.told, ...there.told].filter((name) => name === "lock-expired");
    expect(told).toHaveLength(1);
    await here.desk.refresh();
    await there.desk.refresh();
    expect([here.lockouts.size, there.lockouts.size]).toEqual([1, 1]);
  });

  it("are so many for each tenant, with an error that says so", async () => {
    const set = (value: string, tenant = "default") =>
      here.desk.set(wanted("subject", value), { ...BY, tenant });
    for (let at = 0; at < MAX; at += 1) await set(`user-${at}`);
    await expect(set("one-more")).rejects.toMatchObject({
      code: "ERR_LIMIT_REACHED",
      message: expect.stringContaining(`at most ${MAX} locks`),
    });
    // One that is there may be said anew; another tenant has room of its own; a lifted one is room.
    const { lock } = await set("user-0");
    await set("user-0", "acme");
    await here.desk.lift(lock.id, BY);
    await set("one-more");
    expect(here.lockouts.size).toBe(MAX + 1);
  });

  it("are listed newest first, by keyset, for one tenant alone", async () => {
    for (let at = 0; at < 4; at += 1) {
      now += at < 2 ? 1 : 0;
      await here.desk.set(wanted(at === 3 ? "client" : "subject", `user-${at}`), BY);
    }
    await here.desk.set(wanted("subject", "user-0"), { ...BY, tenant: "acme" });
    const seen: string[] = [];
    let after: Awaited<ReturnType<typeof here.desk.page>>["next"];
    do {
      const page = await here.desk.page({ tenant: "default" }, { limit: 3, after });
      seen.push(...page.items.map(({ value }) => value));
      after = page.next;
    } while (after !== undefined);
    expect(seen.toSorted()).toEqual(["user-0", "user-1", "user-2", "user-3"]);
    expect(seen.at(-1)).toBe("user-0");
    const filtered = { tenant: "default", kind: "client" } as const;
    expect((await here.desk.page(filtered, PAGE)).items.map(({ value }) => value)).toEqual([
      "user-3",
    ]);
    expect((await here.desk.page({ ...filtered, value: "user-0" }, PAGE)).items).toEqual([]);
  });

  it("hold any text that people write", async () => {
    const subject = `${"ü".repeat(300)}\ud800'";--`;
    await here.desk.set(wanted("subject", subject, { reason: "💥 'quoted'" }), BY);
    await there.desk.refresh();
    expect(keptOut(there, subject)).toBe(true);
    expect((await there.desk.page({ tenant: "default", value: subject }, PAGE)).items).toEqual([
      expect.objectContaining({ value: subject, reason: "💥 'quoted'", setBy: "key:test" }),
    ]);
  });
});

const PAGE = { limit: 50, after: undefined };
