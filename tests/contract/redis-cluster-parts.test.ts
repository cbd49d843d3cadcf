/** A shard of a cluster that is gone for good: the others' sessions go on as if nothing were. */
import { createSessions } from "sojourn";
import type { Sessions } from "sojourn";
import type { RedisStore } from "sojourn/stores/redis";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ask } from "../../tools/engines/resp.mjs";
import { clusterWorld } from "../support/redis-cluster-world.ts";
import type { ClusterWorld } from "../support/redis-cluster-world.ts";
import { failure, secretOf } from "../support/world.ts";

const UNAVAILABLE = { code: "ERR_STORE_UNAVAILABLE" };
const WITHIN = { timeout: 20_000, interval: 50 };
/** Enough for each shard to have some. */
const SUBJECTS = Array.from({ length: 24 }, (_, at) => `user-${at}`);
/** A quarter of a second each for the topology, the connection and the look; twice that is slow. */
const HELD_UP_MS = 1_500;
const GOES_ON = ["--cluster-require-full-coverage", "no"];

const worlds: ClusterWorld[] = [];

afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.end()));
});

interface Opened {
  readonly subject: string;
  readonly token: string;
  readonly slot: number;
}

type Owner = Awaited<ReturnType<ClusterWorld["engines"]["owners"]>>[number];

interface Setting {
  readonly world: ClusterWorld;
  readonly store: RedisStore;
  readonly sessions: Sessions;
  readonly opened: readonly Opened[];
}

async function start(): Promise<Setting> {
  const world = await clusterWorld(GOES_ON);
  worlds.push(world);
  const store = world.store();
  const sessions = createSessions({
    store,
    secrets: [secretOf(1)],
    sweep: false,
    warn: () => undefined,
    onError: () => undefined,
  });
  const [node] = world.engines.nodes;
  if (node === undefined) throw new Error("no nodes");
  const opened: Opened[] = [];
  for (const subject of SUBJECTS) {
    const { token, session } = await sessions.open({ subject });
    const id = (session.id ?? "").slice("ses_".length);
    const bucket = Buffer.from(id, "base64url").readUInt16BE(1) % 256;
    const key = `{${bucket.toString(16).padStart(2, "0")}}`;
    opened.push({ subject, token, slot: Number(await ask(node, "CLUSTER", "KEYSLOT", key)) });
  }
  return { world, store, sessions, opened };
}

function has({ ranges }: Owner, slot: number): boolean {
  return ranges.some(([first, last]) => first <= slot && slot <= last);
}

/** Its replica first, so that nobody takes over. */
async function kill(
  { engines }: ClusterWorld,
  { node }: Owner,
  signal: "SIGKILL" | "SIGSTOP" = "SIGKILL",
): Promise<void> {
  for (const one of engines.nodes) {
    const told = String(await ask(one, "INFO", "replication"));
    if (told.includes(`master_port:${node.port}\r`)) process.kill(one.pid, "SIGKILL");
  }
  process.kill(node.pid, signal);
}

/** @param main Whether the victim has the record of the installation. */
async function choose(
  { engines }: ClusterWorld,
  main: boolean,
): Promise<{ readonly victim: Owner; readonly other: Owner }> {
  const owners = await engines.owners();
  const [node] = engines.nodes;
  if (node === undefined) throw new Error("no nodes");
  const record = Number(await ask(node, "CLUSTER", "KEYSLOT", "m"));
  const victim = owners.find((owner) => has(owner, record) === main);
  const other = owners.find((owner) => owner !== victim);
  if (victim === undefined || other === undefined) throw new Error("no owners");
  return { victim, other };
}

async function stateOf(sessions: Sessions, token: string): Promise<string> {
  return (await sessions.authenticate(token, { activity: false })).state;
}

describe.each([true, false])("a shard that is gone, with the installation's record: %s", (main) => {
  it("costs the others no login, revoke-all or answer (I7)", async () => {
    const { world, store, sessions, opened } = await start();
    const { victim, other } = await choose(world, main);
    const [lost] = opened.filter(({ slot }) => has(victim, slot));
    const [mine, erased, ...more] = opened.filter(({ slot }) => has(other, slot));
    if (!lost || !mine || !erased || more.length === 0) throw new Error("no sessions");
    await sessions.inside().core.store.purgeSubject("default", erased.subject, Date.now());
    for (const { node } of (await world.engines.owners()).filter((one) => one.id !== victim.id)) {
      await ask(node, "CONFIG", "SET", "appendonly", "yes", "appendfsync", "always");
    }
    await kill(world, victim);
    const check = async (): Promise<void> => {
      expect(await stateOf(sessions, mine.token)).toBe("active");
      const again = await sessions.open({ subject: mine.subject });
      expect(await stateOf(sessions, again.token)).toBe("active");
      expect(await stateOf(sessions, erased.token)).toBe("unknown");
      expect(await sessions.subject(mine.subject).revokeAll()).toMatchObject({ ended: 2 });
      expect(await stateOf(sessions, again.token)).toBe("ended");
    };
    await check();
    for (const run of [
      () => sessions.authenticate(lost.token),
      () => sessions.open({ subject: lost.subject }),
      () => sessions.subject(lost.subject).revokeAll(),
      () => sessions.health(),
      () => store.health({ tenant: "default", subject: lost.subject }),
    ]) {
      expect(await failure(run())).toMatchObject(UNAVAILABLE);
    }
    // The disk of the one that is gone does not take part: nothing better is claimed.
    await store.health("any");
    expect(store.capabilities.durability).not.toContain("local");
    await sessions.close();
  }, 60_000);

  it("keeps nobody from noticing that another one was emptied (I7)", async () => {
    const { world, sessions, opened } = await start();
    const { victim, other } = await choose(world, main);
    await kill(world, victim);
    await ask(other.node, "FLUSHALL");
    const theirs = opened.filter(({ slot }) => has(other, slot));
    expect(theirs.length).toBeGreaterThan(0);
    await vi.waitFor(async () => {
      for (const { subject } of theirs) {
        expect(await sessions.subject(subject).count()).toBe(1);
      }
    }, WITHIN);
    await sessions.close();
  }, 60_000);
});

describe("a shard that is stopped, and nobody takes over", () => {
  it("holds up the others' logins for a moment each (I7)", async () => {
    const { world, sessions, opened } = await start();
    const { victim, other } = await choose(world, true);
    const [mine] = opened.filter(({ slot }) => has(other, slot));
    if (mine === undefined) throw new Error("no sessions");
    await kill(world, victim, "SIGSTOP");
    try {
      for (let count = 0; count < 5; count += 1) {
        const begun = performance.now();
        await sessions.open({ subject: mine.subject });
        expect(performance.now() - begun).toBeLessThan(HELD_UP_MS);
      }
    } finally {
      process.kill(victim.node.pid, "SIGCONT");
    }
    await sessions.close();
  }, 60_000);
});
