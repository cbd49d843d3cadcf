/**
 * Sessions of a backup, put back. What ended after the backup was taken is told by the audit trail
 * of the control store, which is not put back; without it nothing is restored. Invariant I2.
 */
import { ERASED } from "../audit/trail.ts";
import { verifyTrail } from "../audit/verify.ts";
import type { TrailReader } from "../audit/trail-reader.ts";
import type { ServerConfig } from "../config/config.ts";
import { nameOfPlace } from "../config/places.ts";
import { ControlStore } from "../control/control-store.ts";
import { Grounds } from "../engines/grounds.ts";
import { PlaceError } from "../engines/trouble.ts";
import { openInstallation } from "../main/installation.ts";
import { besideSqlite, putBackPostgres, putBackSqlite, refuseSqliteInUse } from "./copies.ts";
import { repeatEnds } from "./ends.ts";
import type { Repeated } from "./ends.ts";
import type { Manifest } from "./manifest.ts";

export interface Restored extends Repeated {
  /** Where the file went that was there. */
  readonly replaced?: string;
  /** Why it is not certain that every end was made again; accepted by name. */
  readonly unproved?: string;
}

const ACTOR = "operator:cli";
const INSTEAD =
  "begin with empty sessions, and everybody signs in again; or accept that ended sessions are " +
  "live again with --accept-risk revived-sessions";

/**
 * @param path Of the copy; `undefined`: the sessions are where they belong.
 * @throws {PlaceError} when it cannot be known what ended since. Nothing was put back then.
 */
export async function restoreSessions(
  config: ServerConfig,
  manifest: Manifest,
  path: string | undefined,
): Promise<Restored> {
  const { store } = config;
  const unproved = await doubt(config, manifest);
  if (unproved !== undefined && !config.acceptRisks.includes("revived-sessions")) {
    throw new PlaceError(nameOfPlace(config.control), `${unproved}: ${INSTEAD}`);
  }
  const known = unproved === undefined ? {} : { unproved };
  if (store.kind === "sqlite" && path !== undefined) {
    refuseSqliteInUse(store.path);
    const beside = besideSqlite(store.path, path);
    // Made right before anybody can find it.
    const told = await repeat({ ...config, store: { ...store, path: beside } }, manifest);
    const stamp = new Date().toISOString().replaceAll(/[:.]/g, "-");
    const replaced = putBackSqlite(store.path, beside, stamp);
    return { ...told, ...known, ...(replaced === undefined ? {} : { replaced }) };
  }
  if (store.kind === "postgres" && path !== undefined) await putBackPostgres(store, path);
  return { ...(await repeat(config, manifest)), ...known };
}

/** @returns why the trail cannot tell all that ended since the backup. */
async function doubt(config: ServerConfig, { from, until }: Manifest): Promise<string | undefined> {
  const grounds = new Grounds(config);
  try {
    const control = new ControlStore(await grounds.openControl(), config.secrets, Date.now);
    const { trailReader: reader } = control;
    const head = await reader.head();
    if (head === undefined) return "there is no audit trail";
    if (head.anchorSeq > from.seq) return "the audit trail begins after the backup";
    if (head.seq <= until.seq) return "the audit trail is no newer than the backup";
    const { ok, problem } = await verifyTrail(reader, until);
    if (!ok) return `the audit trail is not whole (${problem?.says ?? "unknown"})`;
    return await forgottenSince(reader, from.seq);
  } finally {
    await grounds.close();
  }
}

/** Nobody can repeat their ends, which nothing tells any more, and the copy still knows them. */
async function forgottenSince(reader: TrailReader, after: number): Promise<string | undefined> {
  for await (const { name } of reader.rows(after)) {
    if (name === ERASED) return "somebody was erased since, whom the backup still knows";
  }
  return undefined;
}

async function repeat(config: ServerConfig, { from }: Manifest): Promise<Repeated> {
  const installation = await openInstallation(
    { ...config, nearCacheMs: undefined },
    { sweep: false, warn: () => undefined },
  );
  const { store, control, audit, now } = installation;
  try {
    const told = await repeatEnds({ store, reader: control.trailReader, now }, from.seq);
    audit.log.note("store-restored", ACTOR, { detail: { ...told, from: from.seq } });
    return told;
  } finally {
    await installation.close();
  }
}
