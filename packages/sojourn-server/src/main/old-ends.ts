/** A store that is older than the audit trail is noticed when the service starts. */
import type { Logger } from "pino";
import { repeatEnds, standOfStore } from "../backup/ends.ts";
import type { ServerConfig } from "../config/config.ts";
import { nameOfPlace } from "../config/places.ts";
import { PlaceError } from "../engines/trouble.ts";
import type { Installation } from "./installation.ts";

/**
 * Sessions that are older than the audit trail were put back, or lost writes: what the trail knows
 * to have ended ends again before anybody is served. Invariant I2.
 *
 * @throws {PlaceError} when they are too far behind for a start to wait.
 */
export async function repeatOldEnds(
  { store, control, audit, now }: Installation,
  config: ServerConfig,
  log: Logger,
): Promise<void> {
  const place = { store, reader: control.trailReader, now };
  const stand = await standOfStore(place);
  if (stand === "present") return;
  if (stand === "far-behind") throw farBehind(nameOfPlace(config.store));
  const repeated = await repeatEnds(place, stand);
  log.warn({ ...repeated }, "the sessions were older than the audit trail");
  audit.log.note("ends-repeated", "system", { detail: { ...repeated, from: stand } });
}

function farBehind(name: string): PlaceError {
  const says = "holds sessions that ended long ago, by the audit trail: it was put back";
  return new PlaceError(name, `${says}; run: sojourn restore FOLDER --placed`);
}
