/**
 * The way between one process and a store that fails over: calls are late by a drawn time each way,
 * some are lost or take effect unheard, and what a failover undid is not acknowledged after it.
 */
import { StoreUnavailableError } from "sojourn";
import type { SessionStore, Subscription, TailHandlers } from "sojourn";
import type { SeededRandom } from "sojourn/testing";
import { ForwardingStore } from "../../packages/sojourn/src/engine/forwarding-store.ts";
import type { StoreOperation } from "../../packages/sojourn/src/engine/forwarding-store.ts";
import type { Timeline } from "./timeline.ts";

/** Chances per call. */
const LOST = 0.004;
const UNHEARD = 0.004;

export interface Way {
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  readonly engine: SessionStore;
  /** Another number after each failover; `undefined` while nobody answers. */
  line(): number | undefined;
  /** False while no change is told: then a gap is, at the failover. */
  tells(): boolean;
  note(text: string): void;
}

/** The store as the process at the other end sees it. */
export class StoreOverTheWay extends ForwardingStore {
  readonly #way: Way;

  constructor(way: Way) {
    super(way.engine);
    this.#way = way;
  }

  override tail(from: string, handlers: TailHandlers): Subscription {
    return tailOf(this.#way, from, handlers);
  }

  /** The engine outlives each process. */
  override close(): Promise<void> {
    return Promise.resolve();
  }

  protected override through<Result>(
    operation: StoreOperation,
    run: () => Promise<Result>,
  ): Promise<Result> {
    return call(this.#way, operation, run);
  }
}

function delay(random: SeededRandom): number {
  const drawn = random.fraction();
  if (drawn < 0.8) return random.int(0, 6);
  return drawn < 0.97 ? random.int(5, 50) : random.int(50, 250);
}

function call<Result>(
  way: Way,
  name: StoreOperation,
  effect: () => Promise<Result>,
): Promise<Result> {
  const { timeline, random, line, note } = way;
  const drawn = random.fraction();
  const there = delay(random);
  const back = delay(random);
  const given = random.int(50, 400);
  return new Promise((resolve, reject) => {
    const trouble = (what: string): void => {
      note(`${name}: ${what}`);
      reject(new StoreUnavailableError(name));
    };
    if (drawn < LOST) return void timeline.after(given, () => trouble("lost"));
    if (drawn < LOST + UNHEARD) timeline.after(given, () => trouble("unheard"));
    timeline.after(there, () => {
      const before = line();
      if (before === undefined) return trouble("nobody there");
      note(`${name} takes effect`);
      const answer = (tell: () => void): void =>
        void timeline.after(back, () => (line() === before ? tell() : trouble("cut")));
      effect().then(
        (result) => answer(() => resolve(result)),
        (error: unknown) => answer(() => reject(error)),
      );
    });
  });
}

/** In order; what is under way when nothing is told any more still arrives. */
function tailOf(way: Way, from: string, to: TailHandlers): Subscription {
  const { timeline, random, engine } = way;
  let lastAt = 0;
  let open = true;
  const send = (run: () => void): void => {
    lastAt = Math.max(lastAt, timeline.now + delay(random));
    timeline.after(lastAt - timeline.now, () => {
      if (open) run();
    });
  };
  const below = engine.tail(from, {
    change: (change) => {
      if (way.tells()) send(() => to.change(change));
    },
    gap: () => send(() => to.gap?.()),
  });
  return {
    close: () => {
      open = false;
      below.close();
    },
  };
}
