/** What the caller of an operation may believe afterwards: it held, it did not, or nobody knows. */
import { SojournError } from "sojourn";
import type { Use } from "./model.ts";
import type { Life } from "./node.ts";
import { checkOver } from "./standing.ts";
import type { World } from "./world.ts";

/** Who asks, of which session if of one, and where. */
export interface Asking {
  readonly world: World;
  readonly use: Use | undefined;
  readonly life: Life;
}

export type Outcome<Value> =
  | { readonly fate: "acked"; readonly value: Value }
  | { readonly fate: "refused" | "unknown"; readonly code: string };

/** `lock` has nothing to do then; `set` goes by what the request read when it arrived. */
const MAY_MEET_A_LOCK = /^(?:lock|set )/;

/** Await one operation. Trouble that this world does not have is rethrown. */
export async function attempt<Value>(
  asking: Asking,
  what: string,
  work: Promise<Value>,
): Promise<Outcome<Value>> {
  const { world, use } = asking;
  const beganAt = world.timeline.now;
  const name = use?.session.name ?? "";
  const known = use && world.witness.known.get(use.session.id);
  const storedSeenAt = known?.record.seenAt ?? Infinity;
  try {
    const value = await work;
    // The store went back under it: it may have held before or after.
    if (world.restoredAt >= beganAt) return { fate: "unknown", code: "" };
    checkHeld(asking, what, beganAt);
    world.note(`${what} ${name} acknowledged`);
    return { fate: "acked", value };
  } catch (error) {
    if (!(error instanceof SojournError)) throw error;
    world.note(`${what} ${name} ${error.code}`);
    world.count(error.code);
    if (world.restoredAt >= beganAt) return { fate: "unknown", code: error.code };
    const judged = use === undefined ? undefined : { ...use, storedSeenAt };
    return { fate: fateOf({ ...asking, use: judged }, what, error), code: error.code };
  }
}

/** An operation that began after the end was acknowledged cannot have held. Invariant I1. */
function checkHeld({ world, use }: Asking, what: string, beganAt: number): void {
  if (use === undefined) return;
  const { session } = use;
  if (session.endAckedAt < beganAt) {
    world.fail(`I1: ${what} of ${session.name} held after its end was acknowledged`);
  }
  if (session.lockAckedAt < beganAt && !MAY_MEET_A_LOCK.test(what)) {
    world.fail(`lost decision: ${what} of ${session.name} held while it was locked`);
  }
}

function fateOf(asking: Asking, what: string, error: SojournError): "refused" | "unknown" {
  const { world, use, life } = asking;
  switch (error.code) {
    case "ERR_SESSION_ENDED":
      if (use !== undefined) checkOver(world, use, life.clock.reading, `refused ${what} as ended`);
      return "refused";
    case "ERR_SESSION_LOCKED":
      if (use !== undefined) checkLockable(world, use);
      return "refused";
    case "ERR_STALE_EPOCH":
    case "ERR_LIMIT_REACHED":
    case "ERR_INVALID_ARGUMENT":
    case "ERR_ASSURANCE":
    case "ERR_STORE_CONTENTION":
      return "refused";
    default:
      if (!world.mayThrow(error)) throw error;
      return "unknown";
  }
}

function checkLockable(world: World, { session }: Use): void {
  if (session.lockAsked || world.model.rules.idleLocks) return;
  world.fail(`I7: ${session.name} is called locked`);
}
