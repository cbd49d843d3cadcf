/** The store fails over to a copy that lags: what was written last is gone. */
import type { StoreDelta, StoredSession } from "sojourn";
import { MemoryStore } from "sojourn";
import type { Floors } from "./data-model.ts";
import type { SessionModel } from "./model.ts";
import { EPOCH_MS } from "./node.ts";
import { TENANT } from "./scenario.ts";
import type { World } from "./world.ts";

const LAG_MS_MAX = 30_000;

interface Copy {
  readonly at: number;
  readonly sessions: ReadonlyMap<string, StoredSession>;
  readonly epochs: ReadonlyMap<string, number>;
  readonly floors: ReadonlyMap<string, Floors>;
}

/** Take a copy now, and go on from it a moment later. */
export function failOver(world: World): void {
  const { witness, model, timeline } = world;
  if (world.failingOver) return;
  world.failingOver = true;
  const floors = new Map<string, Floors>();
  for (const [id, session] of model.sessions) {
    if (session.data !== undefined) floors.set(id, session.data.floors());
  }
  const copy: Copy = {
    at: timeline.now,
    sessions: new Map(witness.known),
    epochs: new Map(witness.epochs),
    floors,
  };
  const lagMs = world.chance.int(0, world.chance.chance(0.3) ? LAG_MS_MAX : 3_000);
  timeline.after(lagMs, () => {
    world.failingOver = false;
    restore(world, copy).catch((error: unknown) => world.broken(error, "failover"));
  });
}

async function restore(world: World, copy: Copy): Promise<void> {
  const { timeline, model, witness } = world;
  world.note(`FAILOVER to the state of ${copy.at}`);
  world.count("failover");
  const none = { id: "none", bucketKey: "none" };
  const installation = await world.store.installation(none);
  const deltas: StoreDelta[] = [...copy.sessions.values()].map((session) => ({
    kind: "session",
    session,
  }));
  for (const [subject, epoch] of copy.epochs) {
    deltas.push({ kind: "epoch", tenant: TENANT, subject, epoch });
  }
  const store = new MemoryStore();
  await store.installation(installation);
  await store.apply(deltas, "copy");
  world.store = store;
  world.incarnation = { name: `since ${timeline.now}`, since: EPOCH_MS + timeline.now };
  world.restoredAt = timeline.now;
  await witness.restored([...copy.sessions.keys()], copy.epochs);
  for (const session of model.sessions.values()) goBack(world, session, copy);
}

/** What was acknowledged since the copy may or may not have happened. */
function goBack(world: World, session: SessionModel, copy: Copy): void {
  const { timeline, model } = world;
  const stored = copy.sessions.get(session.id);
  session.loseTouch(timeline.now);
  session.lockAckedAt = Infinity;
  session.amr.clear();
  session.failovers += 1;
  const floors = copy.floors.get(session.id);
  session.data?.forgetSince(copy.at, floors ?? new Map<string, number>(), timeline.now);
  if (stored === undefined) {
    session.ended = { reason: "lost", at: timeline.now };
    return;
  }
  if (stored.record.end !== undefined || session.ended === undefined) return;
  session.endAckedAt = Infinity;
  session.events.length = 0;
  model.revive(session);
}
