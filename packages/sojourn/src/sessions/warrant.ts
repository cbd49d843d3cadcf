/**
 * What may speak for a session later, in place of the token that was shown for it: a ticket, or a
 * connection on which more is opened. It names the token's generation: once a hard rotation has
 * made every token of that time worth nothing, so is what they vouched for.
 */
import { idOfHandle } from "../protocol/words.ts";
import type { SessionRef } from "../engine/ports.ts";
import type { Core, Loaded } from "./core.ts";
import { decodeStored } from "./data-codec.ts";
import { Session } from "./session.ts";

export interface Warrant extends SessionRef {
  /** The confirmed one when the session was read. */
  readonly generation: number;
}

/**
 * @returns `undefined` where there is nothing to speak for, for a straggler, and where the device
 * did not prove itself: the record alone knows nothing of that, and is what a warrant is judged by.
 */
export function warrantOf<Data extends object>(session: Session<Data>): Warrant | undefined {
  const id = idOfHandle(session.id ?? "");
  const { tenant, generation } = session;
  if (id === undefined || generation === undefined) return undefined;
  if (session.isUnproven || hasReplacedToken(session)) return undefined;
  return { tenant, id, generation };
}

/**
 * True for a straggler of a hard rotation: its token is served for the transit time at the
 * assurance it had. What is bound to the session instead would rise to the assurance just reached.
 */
export function hasReplacedToken<Data extends object>(session: Session<Data>): boolean {
  return session.assurance !== session.describe()?.assurance;
}

/** Read and judge: what a token of that generation would be told. One store read. */
export async function inspectBy(
  core: Core,
  warrant: Warrant,
  address?: string,
): Promise<Loaded | undefined> {
  const { tenant, id, generation } = warrant;
  const loaded = await core.inspect({ tenant, id }, address);
  const replaced = loaded?.stored.record.rotation.replaced;
  if (loaded === undefined || loaded.judgement.state === "ended") return loaded;
  if (replaced === undefined || replaced.to < generation) return loaded;
  return { ...loaded, judgement: { state: "ended", end: { reason: "replaced", at: replaced.at } } };
}

/** What was read, as the application gets it. */
export async function sessionFrom<Data extends object>(
  core: Core,
  { stored, judgement, now }: Loaded,
): Promise<Session<Data>> {
  const { record } = stored;
  const { tenant } = record;
  if (judgement.state === "ended") {
    return new Session<Data>({ core, tenant, ended: { ...judgement.end, record } });
  }
  const data = await decodeStored(core, stored);
  return new Session<Data>({ core, tenant, live: { stored, judgement, data, at: now } });
}
