/** One request on a node: authenticate, judge what was said, do the errand, answer. */
import type { Session } from "sojourn";
import type { Browser } from "./browser.ts";
import type { Errand } from "./errands.ts";
import type { SessionModel, Use } from "./model.ts";
import type { Life, ServerNode } from "./node.ts";
import { judge } from "./standing.ts";
import { headInto, viewOf } from "./wire.ts";
import type { Held } from "./wire.ts";
import type { World } from "./world.ts";

export interface Place {
  readonly node: ServerNode;
  readonly life: Life;
}

export interface Request {
  readonly browser: Browser | undefined;
  readonly held: Held | undefined;
  readonly agent: string;
  readonly errand: Errand;
}

/** What an errand works with. */
export interface Visit extends Place {
  readonly world: World;
  readonly browser: Browser | undefined;
  readonly session: Session;
  /** The model of the session that authenticated; `undefined` when none did. */
  readonly known: SessionModel | undefined;
  readonly use: Use | undefined;
}

/** @returns the cookies of the answer. A node that crashes under it never answers. */
export async function serve(world: World, place: Place, request: Request): Promise<string[]> {
  const { held, errand, agent } = request;
  const { life } = place;
  const use = held === undefined ? undefined : beginUse(world, place, held.session, errand);
  const exchange = await life.sessions.exchange(viewOf(held, agent, errand));
  const { refusal, session } = exchange;
  if (refusal !== undefined) {
    if (refusal.status !== 503 || !world.troubled) world.fail(`I7: refused ${refusal.status}`);
    endUse(world, place, use);
    return [];
  }
  const known =
    use === undefined ? undefined : judge(world, { ...place, ...request, use }, session);
  const visit = { ...place, world, browser: request.browser, session, known, use };
  await errand.run?.(visit);
  const cookies: string[] = [];
  if (life.alive) void exchange.commit(headInto(cookies));
  endUse(world, place, use);
  return life.alive ? cookies : [];
}

export function beginUse(
  world: World,
  { node, life }: Place,
  session: SessionModel,
  errand: Pick<Errand, "activity" | "slides">,
): Use {
  const use = world.model.begin(session, {
    node: node.index,
    now: world.timeline.now,
    low: life.clock.reading,
    slides: errand.activity !== false || errand.slides === true,
    storedSeenAt: world.witness.known.get(session.id)?.record.seenAt ?? Infinity,
  });
  life.uses.add(use);
  return use;
}

export function endUse(world: World, { life }: Place, use: Use | undefined): void {
  if (use === undefined || !life.uses.delete(use)) return;
  world.model.finish(use, life.clock.reading);
}
