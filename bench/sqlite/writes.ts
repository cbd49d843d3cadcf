/** The kinds of writes, each as pieces of work on sessions of its own. */
import type { CreateOptions, SessionRecord, Touch } from "sojourn";
import type { SqliteStore } from "sojourn/stores/sqlite";
import type { Work } from "./bare.ts";
import type { Kind } from "./duel.ts";
import { CROWD, crowdName, randomText, TENANT } from "./world.ts";
import type { RecordMaker } from "./world.ts";

/** Callers that wait for their write at the same time. */
const CALLERS = 64;
/** As many as one transaction of the store takes. */
const TOUCHES = 256;
const SWEPT = 500;
const REVOKE_ALL_SUBJECTS = 2;
/** Of the default policy. */
const LIMITS = { max: 10, onLimit: "evict-oldest" } as const;
const FAR_FUTURE_MS = 365 * 86_400_000;

export interface WriteWorld {
  readonly maker: RecordMaker;
  /** Sessions that are in the file. */
  readonly seeded: readonly SessionRecord[];
  readonly now: number;
  /** Groups of callers in one piece of work. */
  readonly groups: number;
}

/** In this order: what the first opens, later ones end. */
export function writeKinds(world: WriteWorld): Record<WriteName, Kind> {
  const { groups, now } = world;
  const opened: SessionRecord[] = [];
  return {
    open: openKind("open", world, opened, {}),
    openLimited: openKind("open, limit of 10", world, opened, { limits: LIMITS }),
    touch: touchKind(world),
    touchAlone: touchAloneKind(world),
    rotate: rotateKind(world),
    patch: {
      name: "set one key",
      operations: groups * CALLERS,
      next: () => {
        const refs = chosen(world, groups * CALLERS);
        const value = JSON.stringify(randomText(12));
        return grouped(refs, (store, ref) =>
          store.patchData(ref, [{ op: "set", key: "theme", value }]),
        );
      },
    },
    revoke: {
      name: "revoke, durable",
      operations: groups * CALLERS,
      next: () =>
        grouped(opened.splice(0, groups * CALLERS), (store, { id }) =>
          store.revoke({ tenant: TENANT, id }, { reason: "revoked", at: now }, { now }),
        ),
    },
    revokeAll: revokeAllKind(now),
    sweep: {
      name: "sweep, per session that ends",
      operations: SWEPT,
      next: () => (store) => store.sweep({ now: now + FAR_FUTURE_MS, limit: SWEPT }),
    },
  };
}

export type WriteName =
  | "open"
  | "openLimited"
  | "touch"
  | "touchAlone"
  | "rotate"
  | "patch"
  | "revoke"
  | "revokeAll"
  | "sweep";

/** All callers of a group wait at once; the next group begins when the last is answered. */
function grouped<Item>(
  items: readonly Item[],
  run: (store: SqliteStore, item: Item) => Promise<unknown>,
): Work {
  return async (store) => {
    for (let from = 0; from < items.length; from += CALLERS) {
      await Promise.all(items.slice(from, from + CALLERS).map((item) => run(store, item)));
    }
  };
}

function openKind(
  name: string,
  world: WriteWorld,
  opened: SessionRecord[],
  options: Pick<CreateOptions, "limits">,
): Kind {
  const { maker, groups, now } = world;
  return {
    name,
    operations: groups * CALLERS,
    next: () => {
      const records = Array.from({ length: groups * CALLERS }, () =>
        maker.make(`fresh-${randomText(6)}`, now),
      );
      opened.push(...records);
      return grouped(records, (store, record) =>
        store.create(record, { now, data: maker.data, ...options }),
      );
    },
  };
}

function touchKind(world: WriteWorld): Kind {
  const groups = world.groups * 2;
  let seenAt = world.now;
  return {
    name: `touch, batches of ${TOUCHES}`,
    operations: groups * TOUCHES,
    next: () => {
      seenAt += 1;
      const batches = Array.from({ length: groups }, () => touches(world, TOUCHES, seenAt));
      return async (store) => {
        for (const batch of batches) await store.touch(batch);
      };
    },
  };
}

function touchAloneKind(world: WriteWorld): Kind {
  let seenAt = world.now + 1000;
  return {
    name: "touch, one by one",
    operations: world.groups * CALLERS,
    next: () => {
      seenAt += 1;
      return grouped(touches(world, world.groups * CALLERS, seenAt), (store, touch) =>
        store.touch([touch]),
      );
    },
  };
}

function touches(world: WriteWorld, length: number, seenAt: number): Touch[] {
  return chosen(world, length).map((ref) => ({ ref, seenAt }));
}

/** The whole turn that a hard rotation is: a new verifier under the next generation. */
function rotateKind(world: WriteWorld): Kind {
  const versions = new Map<string, number>();
  return {
    name: "rotate",
    operations: world.groups * CALLERS,
    next: () => {
      const turns = chosen(world, world.groups * CALLERS).map((record) => {
        const version = versions.get(record.id) ?? record.version;
        versions.set(record.id, version + 1);
        const generation = version + 1;
        const verifier = randomText(24);
        const rotation = { ...record.rotation, generation, lastIssued: generation, verifier };
        return { version, record: { ...record, rotation } };
      });
      return grouped(turns, (store, { record, version }) => store.replace(record, version));
    },
  };
}

function revokeAllKind(now: number): Kind {
  let subject = 0;
  return {
    name: `revoke all ${CROWD}, durable, per session`,
    operations: REVOKE_ALL_SUBJECTS * CROWD,
    next: () => {
      const subjects = Array.from({ length: REVOKE_ALL_SUBJECTS }, () => crowdName((subject += 1)));
      return async (store) => {
        for (const name of subjects) {
          await store.revokeSubject(TENANT, name, { now, end: { reason: "revoked", at: now } });
        }
      };
    },
  };
}

function chosen({ seeded }: WriteWorld, length: number): SessionRecord[] {
  const from = Math.floor(Math.random() * Math.max(1, seeded.length - length));
  return Array.from({ length }, (_, index) => {
    const record = seeded[(from + index) % seeded.length];
    if (record === undefined) throw new Error("there are no seeded sessions");
    return record;
  });
}
