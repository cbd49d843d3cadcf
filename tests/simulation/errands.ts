/** What requests of browsers do once they are authenticated. */
import { DataModel, settle, ZOMBIE_MS_MAX } from "./data-model.ts";
import type { SessionModel } from "./model.ts";
import { attempt } from "./outcome.ts";
import type { Outcome } from "./outcome.ts";
import type { Visit } from "./serve.ts";
import type { World } from "./world.ts";

export interface Errand {
  readonly name: string;
  /** False: a poll. */
  readonly activity?: boolean;
  /** False: an answer that can set no cookie. */
  readonly canSetToken?: boolean;
  /** Moves the idle clock by itself. */
  readonly slides?: boolean;
  readonly run?: (visit: Visit) => Promise<void>;
}

export const visit: Errand = { name: "visit" };
export const peek: Errand = { name: "peek", activity: false };
export const component: Errand = { name: "component", canSetToken: false };

/** A visit that takes its time: its answer may be too late for a successor. */
export function slowly(ms: number, then: Errand = visit): Errand {
  return {
    ...then,
    name: `${ms} ms later ${then.name}`,
    run: async (visit) => {
      await visit.world.timeline.pause(ms);
      if (visit.life.alive) await then.run?.(visit);
    },
  };
}

/** Write one key; `undefined` deletes it. */
export function setKey(key: string, value: number | undefined): Errand {
  return {
    name: `${value === undefined ? "delete" : "set"} ${key}`,
    run: async (visit) => {
      const { known, session, world } = visit;
      if (known === undefined) return firstWrite(visit, key, value);
      const write = known.data?.set(key, value, world.timeline.now);
      if (write !== undefined) visit.use?.writes.push(write);
      const outcome = await attempt(visit, `set ${key}`, session.set(key, value));
      if (write !== undefined) settle(write, outcome.fate, world.timeline.now);
    },
  };
}

/** A straggler of a session that ended less than this ago begins no new one. DESIGN: a minute. */
const STRAGGLER_MS = 55_000;

/** The first write of an anonymous visitor makes a row of its own; never an ended one's. */
async function firstWrite(visit: Visit, key: string, value: number | undefined): Promise<void> {
  const { session, use, world } = visit;
  const { ended } = use?.session ?? {};
  // A deadline ends a session at the deadline, whenever somebody notices.
  const told = ended !== undefined && !/_timeout$|^lost$/.test(ended.reason);
  const straggles = told && world.timeline.now - ended.at < STRAGGLER_MS;
  const work = session.set(key, value);
  const outcome = await attempt({ ...visit, use: undefined }, `first set ${key}`, work);
  if (straggles && outcome.fate === "acked") {
    world.fail("I1: a write with a credential that had just ended was acknowledged");
  }
  const made = world.model.byHandle(session.id);
  if (made === undefined) return;
  if (made === use?.session || made.subject !== null) world.fail("I1: an ended session is back");
  made.data = new DataModel();
  settle(made.data.set(key, value, world.timeline.now), outcome.fate, world.timeline.now);
  world.witness.check(made);
}

/** Add one to counters, all in one atomic update. */
export function addTo(...keys: readonly string[]): Errand {
  return {
    name: `add to ${keys.join(" and ")}`,
    run: async (visit) => {
      const { known, session, world } = visit;
      if (known === undefined) return;
      const write = known.data?.count(keys, world.timeline.now);
      if (write !== undefined) visit.use?.writes.push(write);
      const work = session.update((draft) => {
        for (const key of keys) draft[key] = Number(draft[key] ?? 0) + 1;
      });
      const outcome = await attempt(visit, `add ${keys.join()}`, work);
      if (write !== undefined) settle(write, outcome.fate, world.timeline.now);
    },
  };
}

export const extend: Errand = {
  name: "extend",
  slides: true,
  run: async (visit) => {
    if (visit.known !== undefined) await attempt(visit, "extend", visit.session.extend());
  },
};

export const rotate: Errand = {
  name: "rotate",
  run: async (visit) => {
    if (visit.known === undefined) return;
    visit.known.hardRotations += 1;
    await attempt(visit, "rotate", visit.session.rotate());
  },
};

export const stepUp: Errand = {
  name: "step up",
  slides: true,
  run: async (visit) => {
    const { known, session } = visit;
    if (known === undefined) return;
    known.hardRotations += 1;
    const outcome = await attempt(visit, "stepUp", session.stepUp({ amr: ["otp"] }));
    if (outcome.fate === "acked") known.amr.add("otp");
  },
};

export const lock: Errand = {
  name: "lock",
  run: async (visit) => {
    const { known, session, world } = visit;
    if (known === undefined) return;
    known.lockAsked = true;
    const beganAt = world.timeline.now;
    const outcome = await attempt(visit, "lock", session.lock(1));
    const firm = known.unlocking === 0 && known.unlockedUntil < beganAt;
    if (outcome.fate !== "acked" || !firm) return;
    known.lockAckedAt = world.timeline.now;
    known.lockAckedNode = visit.node.index;
  },
};

export const unlock: Errand = {
  name: "unlock",
  slides: true,
  run: async (visit) => {
    const { known, session, world } = visit;
    if (known === undefined || session.state !== "locked") return;
    known.hardRotations += 1;
    known.unlocking += 1;
    known.lockAckedAt = Infinity;
    const outcome = await attempt(visit, "unlock", session.unlock({ amr: ["pwd", "otp"] }));
    const { now } = world.timeline;
    known.unlocking -= 1;
    const until = outcome.fate === "unknown" ? now + ZOMBIE_MS_MAX : now;
    known.unlockedUntil = Math.max(known.unlockedUntil, until);
  },
};

export const logout: Errand = {
  name: "logout",
  run: async (visit) => {
    const { known, session, world } = visit;
    const outcome = await attempt({ ...visit, use: undefined }, "logout", session.logout());
    if (outcome.fate === "acked") known?.ackEnd(world.timeline.now, visit.node.index);
  },
};

export function login(subject: string, pending: boolean): Errand {
  return {
    name: `login ${subject}${pending ? " pending" : ""}`,
    run: async (visit) => {
      const { session, world } = visit;
      const beganAt = world.witness.effects;
      const work = session.login(subject, { amr: ["pwd"], ...(pending ? { pending } : {}) });
      const outcome = await attempt({ ...visit, use: undefined }, `login ${subject}`, work);
      if (outcome.fate === "acked") {
        signedIn(visit, world.model.byHandle(session.id));
        for (const { id } of outcome.value.evicted) {
          world.model.sessions.get(id)?.ackEnd(world.timeline.now, visit.node.index);
        }
      } else checkRefusal(world, subject, { outcome, beganAt });
    },
  };
}

/** A login that was told no has to have been told why. */
export function checkRefusal(
  world: World,
  subject: string,
  refused: { readonly outcome: Outcome<unknown>; readonly beganAt: number },
): void {
  const { outcome, beganAt } = refused;
  if (outcome.fate === "acked") return;
  if (outcome.code === "ERR_STALE_EPOCH" && world.witness.revokedAllAt(subject) <= beganAt) {
    if (world.scenario.failover === 0)
      world.fail(`I7: no revoke-all raced the login of ${subject}`);
  }
  if (outcome.code === "ERR_LIMIT_REACHED" && !world.scenario.limit.asks) {
    world.fail("limit: a login was refused where the policy evicts");
  }
}

/** Data of an anonymous session or of the same subject's moves along; what was before has ended. */
function signedIn(visit: Visit, next: SessionModel | undefined): void {
  const { world, known } = visit;
  if (next === undefined) return world.fail("a login made no session");
  const replaced = world.witness.replacedBy(next);
  if (replaced !== undefined) next.data = replaced.data?.fork();
  else if (known?.subject === null && known.ended?.reason === "replaced") {
    // Of several logins with one anonymous session each carries its data on: one is a retry.
    next.data = known.data?.fork();
  } else next.data = new DataModel();
  known?.ackEnd(world.timeline.now, visit.node.index);
  world.witness.check(next);
}
