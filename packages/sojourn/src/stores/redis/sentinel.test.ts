import { EventEmitter } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { RedisClient } from "./client.ts";
import { followSentinels } from "./sentinel.ts";
import type { SentinelOptions } from "./sentinel.ts";
import { newestOf, sentinelProblems, sightingOf } from "./sentinel-facts.ts";
import type { RedisAddress, SentinelFacts } from "./sentinel-facts.ts";

/** A server that a test makes say anything. */
class FakeClient extends EventEmitter {
  readonly options = { disableOfflineQueue: true };
  readonly sent: string[][] = [];
  isOpen = false;
  isReady = false;
  readonly #answer: (args: string[]) => unknown;

  constructor(answer: (args: string[]) => unknown) {
    super();
    this.#answer = answer;
  }

  async connect(): Promise<void> {
    this.isOpen = true;
    this.isReady = true;
    this.emit("ready");
  }

  async sendCommand(args: string[]): Promise<unknown> {
    this.sent.push(args);
    const answer = this.#answer(args);
    if (answer instanceof Error) throw answer;
    return answer;
  }

  async close(): Promise<void> {
    this.destroy();
  }

  destroy(): void {
    this.isOpen = false;
    this.isReady = false;
  }

  duplicate(): this {
    return this;
  }

  breakDown(): void {
    this.isReady = false;
    this.emit("error", new Error("closed"));
  }
}

interface Told {
  port: number;
  epoch: number;
}

/** Sentinels that tell what `told` says now, and servers whose roles `roles` says. */
function fakeSet(count = 3) {
  const told: Told[] = Array.from({ length: count }, () => ({ port: 1, epoch: 1 }));
  const roles = new Map<number, string>();
  const replies = new Map<string, unknown>();
  const primaries: (FakeClient & { port: number })[] = [];
  const connect: SentinelOptions["connect"] = ({ port }, to) => {
    if (to === "sentinel") {
      return new FakeClient(() => masterReply(told[port] ?? { port: 0, epoch: 0 }, count));
    }
    const client = new FakeClient(([command = ""]) => {
      if (command === "INFO") return `# Replication\r\nrole:${roles.get(port) ?? "master"}\r\n`;
      return replies.get(command) ?? "OK";
    });
    const known = Object.assign(client, { port });
    primaries.push(known);
    return known;
  };
  const addresses: RedisAddress[] = told.map((_, port) => ({ host: "10.0.0.9", port }));
  return { told, roles, replies, primaries, options: { name: "set", addresses, connect } };
}

function masterReply({ port, epoch }: Told, count: number): string[] {
  const facts = { ip: "10.0.0.1", port, "config-epoch": epoch, "num-other-sentinels": count - 1 };
  return Object.entries(facts).flatMap(([key, value]) => [key, `${value}`]);
}

const open: RedisClient[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.destroy();
});

async function following(set: ReturnType<typeof fakeSet>): Promise<RedisClient> {
  const client = followSentinels(set.options);
  open.push(client);
  await client.connect();
  return client;
}

function connectedPort(set: ReturnType<typeof fakeSet>): number | undefined {
  return set.primaries.findLast((one) => one.isReady)?.port;
}

describe("followSentinels", () => {
  it("names every wrong option at once, and refuses clients with an offline queue", () => {
    const queueing = new FakeClient(() => "OK");
    Object.assign(queueing.options, { disableOfflineQueue: false });
    const given = { name: "", addresses: [], connect: "no" } as unknown as SentinelOptions;
    expect(() => followSentinels(given)).toThrow(/sentinel\.name.*\.addresses.*\.connect/s);
    const { options } = fakeSet();
    expect(() => followSentinels({ ...options, connect: () => queueing })).toThrow(
      /sentinel\.connect.*disableOfflineQueue/s,
    );
  });

  it("refuses clients that may read from replicas", () => {
    const reading = new FakeClient(() => "OK");
    Object.assign(reading.options, { readonly: true });
    const { options } = fakeSet();
    expect(() => followSentinels({ ...options, connect: () => reading })).toThrow(/replicas/);
  });

  it("goes to another primary and says that it is ready, as after a reconnect", async () => {
    const set = fakeSet();
    const client = await following(set);
    const ready = vi.fn();
    client.on("ready", ready);
    set.told[1] = { port: 2, epoch: 2 };
    await vi.waitFor(() => expect(connectedPort(set)).toBe(2));
    await vi.waitFor(() => expect(ready).toHaveBeenCalledTimes(1));
    expect(set.primaries.filter((one) => one.isOpen).map((one) => one.port)).toEqual([2]);
  });

  it("cuts the connections of their own to a primary that it leaves", async () => {
    const set = fakeSet();
    const client = await following(set);
    const own = client.duplicate();
    await own.connect();
    set.told[0] = { port: 2, epoch: 2 };
    await vi.waitFor(() => expect(own.isOpen).toBe(false));
  });

  it("does not go to a server that is named and says that it is a replica", async () => {
    const set = fakeSet();
    set.roles.set(1, "slave");
    await expect(following(set)).rejects.toThrow("is named as the primary and is none");
    expect(set.primaries.some((one) => one.isOpen)).toBe(false);
    set.roles.delete(1);
    const again = await following(set);
    expect(again.isReady).toBe(true);
  });

  it("leaves at once a primary that takes no writes any more, and sends nothing again", async () => {
    const set = fakeSet();
    const client = await following(set);
    set.replies.set("SET", new Error("READONLY You can't write against a read only replica."));
    set.roles.set(1, "slave");
    await expect(client.sendCommand(["SET", "k", "v"])).rejects.toThrow("READONLY");
    expect(client.isReady).toBe(false);
    await expect(client.sendCommand(["SET", "k", "v"])).rejects.toThrow("no primary");
    set.told[0] = { port: 2, epoch: 2 };
    await vi.waitFor(() => expect(connectedPort(set)).toBe(2));
    const sets = set.primaries.flatMap((one) => one.sent).filter(([name]) => name === "SET");
    expect(sets).toHaveLength(1);
  });

  it("asks the Sentinels before it connects again to a primary that was lost", async () => {
    const set = fakeSet();
    const client = await following(set);
    set.told[0] = { port: 2, epoch: 2 };
    set.primaries.at(-1)?.breakDown();
    expect(client.isReady).toBe(false);
    await vi.waitFor(() => expect(client.isReady).toBe(true));
    expect(set.primaries.filter((one) => one.sent.length > 0).map((one) => one.port)).toEqual([
      1, 2,
    ]);
  });

  it("fails to connect while no Sentinel answers, and can be asked to again", async () => {
    const set = fakeSet(1);
    const { connect } = set.options;
    const silent = new FakeClient(() => new Promise(() => undefined));
    let answers = false;
    const client = followSentinels({
      ...set.options,
      connect: (address, to) => (to === "sentinel" && !answers ? silent : connect(address, to)),
    });
    open.push(client);
    await expect(client.connect()).rejects.toThrow("no answer within 1000 ms");
    expect(client.isOpen).toBe(false);
    answers = true;
    await client.connect();
    expect(client.isReady).toBe(true);
  });

  it("asks nobody any more once it is closed, not even in the middle of its questions", async () => {
    const set = fakeSet(1);
    const sentinels: RedisClient[] = [];
    const client = followSentinels({
      ...set.options,
      connect: (address, to) => {
        const made = set.options.connect(address, to);
        if (to === "sentinel") sentinels.push(made);
        return made;
      },
    });
    await client.connect();
    const facts = client.sentinelFacts?.();
    client.destroy();
    await expect(facts).rejects.toThrow("closed");
    expect(sentinels.filter(({ isOpen }) => isOpen)).toEqual([]);
  });

  it("does not wait for a Sentinel that says nothing, with the primary's host perhaps", async () => {
    const set = fakeSet();
    const { connect } = set.options;
    const silent = new FakeClient(() => new Promise(() => undefined));
    const client = followSentinels({
      ...set.options,
      connect: (address, to) =>
        to === "sentinel" && address.port === 1 ? silent : connect(address, to),
    });
    open.push(client);
    const since = performance.now();
    await client.connect();
    set.told[2] = { port: 2, epoch: 2 };
    await vi.waitFor(() => expect(connectedPort(set)).toBe(2));
    expect(performance.now() - since).toBeLessThan(900);
  });
});

describe("of what Sentinels say", () => {
  const seen = (port: number, epoch: number) => sightingOf(masterReply({ port, epoch }, 3));

  it("the newest is believed", () => {
    expect(newestOf([seen(1, 1), seen(2, 2), seen(1, 1)], 0)?.address.port).toBe(2);
  });

  it("less than was known is believed only if most of all Sentinels say it", () => {
    expect(newestOf([seen(1, 1)], 2)).toBeUndefined();
    expect(newestOf([seen(1, 1), seen(3, 0)], 2)).toBeUndefined();
    expect(newestOf([seen(1, 1), seen(1, 1)], 2)?.address.port).toBe(1);
    expect(newestOf([seen(1, 2)], 2)?.address.port).toBe(1);
  });
});

describe("Sentinels", () => {
  const good: SentinelFacts = {
    sentinels: 3,
    quorum: 2,
    replicas: 2,
    primaryHost: "10.0.0.1",
    replicaHosts: ["10.0.0.2", "10.0.0.3"],
    sentinelHosts: ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
  };
  const words = (facts: Partial<SentinelFacts>): string =>
    sentinelProblems({ ...good, ...facts }).join("\n");

  it("on three hosts with a majority as quorum are fit, and so are all on one machine", () => {
    expect(words({})).toBe("");
    const loopback = ["127.0.0.1", "127.0.0.1", "127.0.0.1"];
    const local = { primaryHost: "127.0.0.1", replicaHosts: loopback, sentinelHosts: loopback };
    expect(words(local)).toBe("");
  });

  it("that are too few, or whose quorum is no majority, are a problem", () => {
    expect(words({ sentinels: 2, sentinelHosts: ["10.0.0.2", "10.0.0.3"] })).toContain("2 of at");
    expect(words({ quorum: 1 })).toContain("set it to 2");
    expect(words({ quorum: 4 })).toContain("set it to 2");
  });

  it("that lose their majority together with the primary's host are misplaced", () => {
    const beside = ["10.0.0.1", "10.0.0.1", "10.0.0.3"];
    expect(words({ sentinelHosts: beside })).toContain("2 of 3 Sentinels run on the primary's own");
    const everything = ["10.0.0.1", "10.0.0.1", "10.0.0.1"];
    expect(words({ sentinelHosts: everything, replicaHosts: everything })).toBe("");
  });
});
