/** The move itself: an application on Sojourn takes over the cookies of one on express-session. */
import { MemoryStore as OldMemoryStore } from "express-session";
import type { Store } from "express-session";
import { fromExpressSession } from "sojourn/express-session";
import type { ExpressSessionFormat, FromExpressSessionOptions } from "sojourn/express-session";
import { ManualClock } from "sojourn/testing";
import { OLD_COOKIE, OLD_SECRET, oldApp } from "./old-app.ts";
import type { OldApp } from "./old-app.ts";
import { notes, serve } from "./servers.ts";
import type { Answered, Jar } from "./servers.ts";
import { SECOND, world } from "./world.ts";
import type { World, WorldOptions } from "./world.ts";

/** Of the policy `saas`. */
export const GRACE: number = 20 * SECOND;
export const ALICE = { subject: "alice", notes: ["apple"] };
export const NOBODY = { subject: null, notes: [] };

export interface NewApp extends World {
  readonly url: string;
  readonly format: ExpressSessionFormat;
}

type Given = WorldOptions & { readonly from?: Partial<FromExpressSessionOptions> };

/** The application that takes over, on the clock of the old rows. */
export async function newApp(store: Store, given: Given = {}): Promise<NewApp> {
  const { from, ...options } = given;
  const format = fromExpressSession({ store, secret: OLD_SECRET, ...from });
  const clock = given.clock ?? given.beside?.clock ?? new ManualClock(Date.now());
  const place = world({ ...options, clock, convert: [format] });
  const { url } = await serve("express5", place, notes);
  return { ...place, url, format };
}

/** What the page shows, or the status where it shows nothing. */
export function said(answer: Answered): unknown {
  return answer.status === 200 ? JSON.parse(answer.body) : answer.status;
}

/** The new session cookies that an answer sets. */
export function tokensIn(answer: Answered): string[] {
  return answer.cookies
    .filter((line) => !line.startsWith(OLD_COOKIE) && !line.includes("Max-Age=0"))
    .map((line) => line.slice(line.indexOf("=") + 1, line.indexOf(";")));
}

/** Alice, signed in before the move, and the application after it. */
export async function moved(given: Given = {}): Promise<{ old: OldApp; app: NewApp; jar: Jar }> {
  const old = await oldApp(new OldMemoryStore());
  const jar = await old.signedIn();
  return { old, jar, app: await newApp(old.store, given) };
}
