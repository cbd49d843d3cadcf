import { describe, expect, it } from "vitest";
import { ConfigError, StoreUnavailableError } from "../engine/errors.ts";
import type { SessionStore } from "../engine/ports.ts";
import { caseKit } from "../testing/store-case.ts";
import type { ForeignStore } from "./foreign-calls.ts";
import { fromExpressStore } from "./from-express-store.ts";

const kit = caseKit({ seed: 1 });
const tenant = "t";

/** The rows of one server, and as many clients on it as there are processes. */
class Server {
  readonly rows: Map<string, string> = new Map();
  /** Run before a read is answered: where another process gets in between. */
  beforeAnswer: ((key: string) => Promise<void>) | undefined;
  /** Milliseconds until the next write takes place. */
  writeTakesMs = 0;

  client(): ForeignStore {
    return {
      get: (key, done) => {
        const text = this.rows.get(key);
        const answer = (): void => done(null, text === undefined ? null : JSON.parse(text));
        const hook = this.beforeAnswer;
        if (hook === undefined) answer();
        else void hook(key).then(answer);
      },
      set: (key, session, done) => {
        const text = JSON.stringify(session);
        const takesMs = this.writeTakesMs;
        this.writeTakesMs = 0;
        setTimeout(() => {
          this.rows.set(key, text);
          done();
        }, takesMs);
      },
      destroy: (key, done) => {
        this.rows.delete(key);
        done();
      },
    };
  }
}

function open(store: ForeignStore, timeoutMs: number = 5_000): SessionStore {
  return fromExpressStore(store, { timeoutMs, warn: () => undefined });
}

function set(key: string): { op: "set"; key: string; value: string } {
  return { op: "set", key, value: "1" };
}

describe("fromExpressStore", () => {
  it("warns once that it is for one process, and says so in its capabilities", () => {
    const warnings: string[] = [];
    const store = fromExpressStore(new Server().client(), {
      warn: (message) => warnings.push(message),
    });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("a logout can be undone");
    expect(store.capabilities).toMatchObject({
      atomicity: "process",
      query: "subject",
      tail: "lossy",
      durability: ["unknown"],
    });
  });

  it("lists everything that is wrong with what it is given", () => {
    const options = { timeoutMs: 0, maxDataBytes: 0.5, warn: () => undefined };
    const broken = { get: () => undefined } as unknown as ForeignStore;
    const make = (): SessionStore => fromExpressStore(broken, options);
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(/no set, no destroy[\s\S]*timeoutMs[\s\S]*maxDataBytes/);
    expect(() => fromExpressStore(undefined as unknown as ForeignStore)).toThrow(ConfigError);
  });

  it("keeps the key of every writer, and a logout, whatever handles of one store they use", async () => {
    const client = new Server().client();
    const [left, right] = [open(client), open(client)];
    const record = kit.recordOf({ tenant });
    await left.create(record, { now: kit.now });
    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        (index % 2 ? left : right).patchData(record, [set(`k${index}`)]),
      ),
    );
    const race = [
      right.patchData(record, [set("late")]),
      left.revoke(record, { reason: "logout", at: kit.now }, { now: kit.now }),
      right.touch([{ ref: record, seenAt: kit.now + 1 }]),
    ];
    await Promise.all(race);
    const stored = await left.find(record);
    expect(Object.keys(stored?.data ?? {})).toHaveLength(11);
    expect(stored?.record.end?.reason).toBe("logout");
  });

  it("cannot keep them between processes, as its documents say", async () => {
    const server = new Server();
    const [here, there] = [open(server.client()), open(server.client())];
    const record = kit.recordOf({ tenant, subject: null });
    await here.create(record, { now: kit.now });
    server.beforeAnswer = async () => {
      server.beforeAnswer = undefined;
      await there.revoke(record, { reason: "logout", at: kit.now }, { now: kit.now });
    };
    await here.patchData(record, [set("late")]);
    expect((await here.find(record))?.record.state).toBe("active");
  });

  it("finds the session that a revoke-all excepts live, also in the middle of it (I5)", async () => {
    const server = new Server();
    const store = open(server.client());
    const kept = kit.recordOf({ tenant });
    await store.create(kept, { now: kit.now });
    const end = { reason: "subject_revoked", at: kit.now } as const;
    server.beforeAnswer = async () => {
      server.beforeAnswer = undefined;
      await store.revokeSubject(tenant, "alice", { now: kit.now, except: kept.id, end });
    };
    const stored = await store.find(kept);
    expect([stored?.record.epoch, stored?.subjectEpoch]).toEqual([1, 1]);
  });

  it("lets no write that was given up undo what came after it", async () => {
    const server = new Server();
    const store = open(server.client(), 50);
    const record = kit.recordOf({ tenant, subject: null });
    await store.create(record, { now: kit.now });
    server.writeTakesMs = 90;
    await expect(store.patchData(record, [set("late")])).rejects.toThrow(StoreUnavailableError);
    await store.revoke(record, { reason: "logout", at: kit.now }, { now: kit.now });
    await new Promise((resolve) => void setTimeout(resolve, 100));
    expect((await store.find(record))?.record.state).toBe("ended");
  });

  it("takes a row that is not its own for trouble and not for nothing (I7)", async () => {
    const server = new Server();
    const store = open(server.client());
    const record = kit.recordOf({ tenant });
    await store.create(record, { now: kit.now });
    for (const key of server.rows.keys()) {
      for (const text of ['{"cookie":{}}', '{"sojourn":"{"}', '{"sojourn":"{\\"format\\":9}"}']) {
        server.rows.set(key, text);
        await expect(store.find(record)).rejects.toMatchObject({ retryable: false });
      }
    }
  });

  it("keeps names and ids out of keys, and rows for longer than they can matter", async () => {
    const server = new Server();
    const store = open(server.client());
    const record = kit.recordOf({ tenant, subject: "alice@example.test" });
    await store.create(record, { now: kit.now });
    await store.installation({ id: "i", bucketKey: "k" });
    const keys = [...server.rows.keys()];
    expect(keys).toHaveLength(3);
    const lifeMs = record.absoluteExpiresAt - record.createdAt;
    for (const key of keys) {
      expect(key).toMatch(/^sojourn\.(installation|(session|subject)\.[0-9a-f]{64})$/);
      const { cookie } = JSON.parse(server.rows.get(key) ?? "") as {
        cookie: { expires: string; originalMaxAge: number };
      };
      expect(cookie.originalMaxAge).toBeGreaterThan(lifeMs);
      expect(new Date(cookie.expires).getTime()).toBeGreaterThan(Date.now() + lifeMs);
    }
  });

  it("has another incarnation once the store was emptied", async () => {
    const server = new Server();
    const store = open(server.client());
    const first = await store.health();
    expect(await store.health()).toEqual(first);
    server.rows.clear();
    const second = await store.health();
    expect(second.incarnation).not.toBe(first.incarnation);
  });

  it("refuses to search, and answers for one subject", async () => {
    const store = open(new Server().client());
    const page = { now: kit.now };
    await expect(store.query({ tenant }, page)).rejects.toThrow("cannot be searched");
    await expect(store.count({ tenant }, kit.now)).rejects.toThrow("cannot be searched");
    const ended = { tenant, subject: "alice", state: "ended" } as const;
    await expect(store.count(ended, kit.now)).rejects.toThrow("cannot be searched");
    await store.create(kit.recordOf({ tenant, subject: "alice" }), page);
    const counted = await store.count({ tenant, subject: "alice" }, kit.now);
    expect(counted).toEqual({ count: 1, exact: true });
  });

  it("is over once it was closed, and the store under it is not", async () => {
    const client = new Server().client();
    const [store, other] = [open(client), open(client)];
    const heard: string[] = [];
    store.tail("now", { change: ({ kind }) => heard.push(kind) });
    await store.close();
    await expect(store.find({ tenant, id: kit.id() })).rejects.toMatchObject({ retryable: false });
    expect(() => store.tail("now", { change: () => undefined })).toThrow(StoreUnavailableError);
    await other.create(kit.recordOf({ tenant }), { now: kit.now });
    expect(heard).toEqual([]);
  });

  it("puts back what a sweep could not work off", async () => {
    const server = new Server();
    const store = open(server.client(), 20);
    const record = kit.recordOf({ tenant });
    await store.create(record, { now: kit.now });
    server.beforeAnswer = () => new Promise(() => undefined);
    const options = { now: record.absoluteExpiresAt, limit: 10 };
    await expect(store.sweep(options)).rejects.toThrow(StoreUnavailableError);
    server.beforeAnswer = undefined;
    const { ended } = await store.sweep(options);
    expect(ended.map((one) => one.end.reason)).toEqual(["idle_timeout"]);
  });
});
