/** Two processes on one store that fails over to a copy that lags. */
import { ManualClock } from "sojourn/testing";
import { forgetfulStore } from "./forgetful-store.ts";
import { SECOND, world } from "./world.ts";
import type { World } from "./world.ts";

export interface Region {
  /** Two processes on the same store. */
  readonly a: World;
  readonly b: World;
  copy(): Promise<void>;
  failOver(): void;
  empty(): void;
  /** Long enough for every process to have looked at the store, and for the store to settle. */
  heal(): Promise<void>;
}

export function region(): Region {
  const clock = new ManualClock();
  const store = forgetfulStore(() => clock.now());
  const a = world({ clock, store });
  const b = world({ beside: a });
  return {
    a,
    b,
    copy: () => store.copy(),
    failOver: () => store.failOver(),
    empty: () => store.empty(),
    heal: () => clock.advanceAsync(12 * SECOND),
  };
}

export async function signIn(
  place: World,
  subject: string = "alice",
): Promise<{ readonly token: string; readonly handle: string }> {
  const { token, session } = await place.sessions.open({ subject });
  return { token, handle: session.id ?? "" };
}

export async function stateOf(place: World, token: string): Promise<string> {
  return (await place.sessions.authenticate(token, { activity: false })).state;
}
