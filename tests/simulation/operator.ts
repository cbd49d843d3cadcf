/** What operators and back ends do: end, list, open and look at sessions, by handle or subject. */
import type { Session, Standing } from "sojourn";
import { DataModel, settle } from "./data-model.ts";
import { addTo, checkRefusal, setKey } from "./errands.ts";
import type { SessionModel } from "./model.ts";
import { attempt } from "./outcome.ts";
import type { Asking } from "./outcome.ts";
import type { ServerNode } from "./node.ts";
import { beginUse, endUse } from "./serve.ts";
import type { Place, Visit } from "./serve.ts";
import { checkEnded, checkGone, checkOver, judgeShown } from "./standing.ts";
import type { Held } from "./wire.ts";
import type { World } from "./world.ts";

type Act = (world: World, place: Place) => Promise<void>;

/** Nobody's use: whatever the session is, this may be asked. */
function asked(world: World, place: Place): Asking {
  return { world, use: undefined, life: place.life };
}

export function revoke(session: SessionModel): Act {
  return async (world, place) => {
    const work = place.life.sessions.revoke(session.handle);
    const outcome = await attempt(asked(world, place), `revoke ${session.name}`, work);
    if (outcome.fate === "acked") session.ackEnd(world.timeline.now, place.node.index);
  };
}

export function revokeAll(subject: string, except: SessionModel | undefined): Act {
  return async (world, place) => {
    const sessions = place.life.sessions.subject(subject);
    const options = except === undefined ? {} : { except: except.handle };
    const words = `revoke all of ${subject} but ${except?.name ?? "none"}`;
    const outcome = await attempt(asked(world, place), words, sessions.revokeAll(options));
    if (outcome.fate !== "acked") return;
    for (const session of world.witness.revokedBy(subject, outcome.value.epoch)) {
      session.ackEnd(world.timeline.now, place.node.index);
    }
  };
}

/** Open for somebody who took a while to authenticate: a revoke-all in between must win. */
export function open(subject: string, thinkMs: number, take: (held: Held) => void): Act {
  return async (world, place) => {
    const { sessions } = place.life;
    const read = await attempt(asked(world, place), "epoch", sessions.subject(subject).epoch());
    if (read.fate !== "acked") return;
    const readAt = world.witness.effects;
    await world.timeline.pause(thinkMs);
    if (!place.life.alive) return;
    const value = (world.counter += 1);
    const work = sessions.open({
      subject,
      amr: ["pwd"],
      subjectEpoch: read.value,
      data: { r0: value },
      fingerprint: "agent 0",
    });
    const outcome = await attempt(asked(world, place), `open ${subject}`, work);
    if (outcome.fate !== "acked") {
      // The epoch was read before `readAt`, so that anything since may have been the reason.
      checkRefusal(world, subject, { outcome, beganAt: -1 });
      return;
    }
    const { session, token, evicted } = outcome.value;
    const made = world.model.byHandle(session.id);
    if (made === undefined) return world.fail("open made no session");
    if (made.revokedAllBefore > readAt) world.fail(`I5: ${made.name} slipped through a revoke-all`);
    for (const { id } of evicted) {
      world.model.sessions.get(id)?.ackEnd(world.timeline.now, place.node.index);
    }
    made.data = new DataModel();
    settle(made.data.set("r0", value, world.timeline.now), "acked", world.timeline.now);
    world.witness.check(made);
    take({ token, session: made });
  };
}

/** Invariant I5: what is live all the while is in the list, and nothing that had ended before. */
export function list(subject: string): Act {
  return async (world, place) => {
    const beganAt = world.timeline.now;
    // Somebody may extend one while the list is read, which may see it as it was before.
    const before = world.model.liveOf(subject).map((session) => {
      return { session, seenAt: world.witness.known.get(session.id)?.record.seenAt };
    });
    const sessions = place.life.sessions.subject(subject);
    const low = place.life.clock.reading;
    const [page, count] = await Promise.all([
      attempt(asked(world, place), `list ${subject}`, sessions.list({ limit: 200 })),
      attempt(asked(world, place), `count ${subject}`, sessions.count()),
    ]);
    if (page.fate !== "acked" || world.restoredAt >= beganAt) return;
    const listed = new Set(page.value.items.map(({ id }) => id));
    const high = place.life.clock.reading;
    const certain = before.filter((one) => !world.witness.isOver(one.session, high, one.seenAt));
    for (const { session } of certain) {
      if (!listed.has(session.id)) world.fail(`I5: ${session.name} is not listed`);
    }
    for (const id of listed) checkListed(world, id, { beganAt, low });
    if (count.fate === "acked" && count.value < certain.length) {
      world.fail(`I5: count of ${subject} is ${count.value}, ${certain.length} are live`);
    }
  };
}

/** @param asked When, and at what the node's clock read then. */
function checkListed(
  world: World,
  id: string,
  asked: { readonly beganAt: number; readonly low: number },
): void {
  const session = world.model.sessions.get(id);
  if (session === undefined || session.endAckedAt < asked.beganAt) {
    return world.fail(`I1: ${session?.name ?? id} is listed after its end was acknowledged`);
  }
  if (asked.low >= session.absoluteExpiresAt) world.fail(`I11: ${session.name} is listed too late`);
}

/** Write by handle, as a back end does: never activity. */
export function writeByHandle(session: SessionModel): Act {
  return async (world, place) => {
    // Nobody was told of it yet: its handle is known to nobody.
    if (session.data === undefined) return;
    const use = beginUse(world, place, session, { activity: false });
    const found = await attempt(
      asked(world, place),
      `find ${session.name}`,
      place.life.sessions.find(session.handle),
    );
    if (found.fate === "acked") await writeFound(world, place, { use, session: found.value });
    endUse(world, place, use);
  };
}

async function writeFound(
  world: World,
  place: Place,
  found: { readonly use: NonNullable<Visit["use"]>; readonly session: Session | undefined },
): Promise<void> {
  const { use, session } = found;
  if (session === undefined) {
    return checkOver(world, use, place.life.clock.reading, "not found");
  }
  judgeShown(world, use, session);
  const value = (world.counter += 1);
  const errand = world.chance.chance(0.5) ? setKey("r5", value) : addTo("n0");
  await errand.run?.({ ...place, world, browser: undefined, session, known: use.session, use });
}

/** What is this token worth? As a back end asks that can send nothing back. */
export function verify(held: Held, agent: string): Act {
  return async (world, place) => {
    const use = beginUse(world, place, held.session, { activity: false });
    const work = place.life.sessions.authenticate(held.token, {
      activity: false,
      canSetToken: false,
      fingerprint: agent,
    });
    const outcome = await attempt(asked(world, place), `verify ${held.session.name}`, work);
    if (outcome.fate === "acked") judgeStanding(world, place, { use, standing: outcome.value });
    endUse(world, place, use);
  };
}

const READING_MS = 12;

/**
 * End a session while all nodes read it, and ask them again once S is over. Invariant I3: a read
 * that the end overtook must not have been kept.
 */
export function endWhileRead(held: Held, agent: string, end: Act): Act {
  return async (world, place) => {
    const { chance, timeline, nodes } = world;
    const ask = async (node: ServerNode): Promise<void> => {
      await timeline.pause(chance.int(0, READING_MS));
      const { life } = node;
      if (life !== undefined) await verify(held, agent)(world, { node, life });
    };
    // Changed last of all: nobody has it near.
    await writeByHandle(held.session)(world, place);
    const ending = timeline.pause(chance.int(0, READING_MS)).then(async () => {
      if (place.life.alive) await end(world, place);
    });
    await Promise.all([...nodes.map(ask), ending]);
    await timeline.pause(world.scenario.rules.stalenessMs);
    await Promise.all(nodes.map(ask));
  };
}

function judgeStanding(
  world: World,
  place: Place,
  seen: { readonly use: NonNullable<Visit["use"]>; readonly standing: Standing },
): void {
  const { use, standing } = seen;
  if (world.restoredAt >= use.beganAt) return;
  switch (standing.state) {
    case "unknown":
      return checkGone(world, use.session);
    case "ended":
      return checkEnded(world, use, place.life.clock.reading, standing.reason);
    case "active":
      if (standing.successor !== undefined) world.fail("a token for a caller that can send none");
      return judgeShown(world, use, standing.session);
    case "pending":
    case "locked":
      return judgeShown(world, use, standing.session);
  }
}

/** A token that is not ours ends before any store is asked. */
export function forge(held: Held): Act {
  return async (world, { life }) => {
    const at = world.chance.int(40, 84);
    const other = held.token[at] === "A" ? "B" : "A";
    const forged = held.token.slice(0, at) + other + held.token.slice(at + 1);
    const before = world.timeline.order;
    const standing = await life.sessions.authenticate(forged);
    if (standing.state !== "unknown") world.fail(`a forged token is ${standing.state}`);
    if (world.timeline.order !== before) world.fail("a forged token reached the store");
  };
}

export const sweep: Act = async (world, place) => {
  await attempt(asked(world, place), "sweep", place.life.sessions.sweep());
};

/** Go down in good order: what waits is sent first. */
export const stop: Act = async (world, { node, life }) => {
  await life.sessions.close();
  if (life.alive) node.crash();
  world.note(`n${node.index} stopped`);
};
