/** One server: a real `Sessions` on a clock that is a little wrong, and that can crash. */
import { ClockJumpedError, createSessions } from "sojourn";
import type { Clock, SessionEvent, Sessions, SessionStore, Timers } from "sojourn";
import { NearCache } from "sojourn/stores/near-cache";
import { InsecureSeededEntropy } from "sojourn/testing";
import { settle } from "./data-model.ts";
import type { Use } from "./model.ts";
import { Link } from "./network.ts";
import type { Line } from "./network.ts";
import type { Timeline } from "./timeline.ts";
import type { World } from "./world.ts";

/** The world begins at this instant: 2027-01-15T08:00:00Z. */
export const EPOCH_MS = 1_800_000_000_000;

class NodeClock implements Clock, Timers {
  readonly #timeline: Timeline;
  readonly #offset: number;
  readonly #alive: () => boolean;
  #jumpedMs = 0;

  constructor(timeline: Timeline, offset: number, alive: () => boolean) {
    this.#timeline = timeline;
    this.#offset = offset;
    this.#alive = alive;
  }

  /** What the clock reads, jumped or not. */
  get reading(): number {
    return EPOCH_MS + this.#timeline.now + this.#offset;
  }

  now(): number {
    if (this.#jumpedMs !== 0) throw new ClockJumpedError(this.#jumpedMs);
    return this.reading;
  }

  learn(): void {
    this.#jumpedMs = 0;
  }

  jump(ms: number): void {
    this.#jumpedMs = ms;
  }

  after(ms: number, run: () => void): () => void {
    return this.#timeline.after(ms, () => {
      if (this.#alive()) run();
    });
  }
}

/** From a start to a crash. */
export interface Life {
  readonly sessions: Sessions;
  readonly clock: NodeClock;
  readonly near: NearCache | undefined;
  alive: boolean;
  /** Callers being served; a crash leaves them without an answer. */
  readonly uses: Set<Use>;
}

export class ServerNode {
  readonly index: number;
  readonly #world: World;
  #life: Life | undefined;

  constructor(world: World, index: number) {
    this.#world = world;
    this.index = index;
    this.start();
  }

  get life(): Life | undefined {
    return this.#life;
  }

  /** The clock as its users see it; the last one's while the node is down. */
  get reading(): number {
    return this.#life?.clock.reading ?? EPOCH_MS + this.#world.timeline.now;
  }

  start(): void {
    const world = this.#world;
    const { skewMs } = world.scenario;
    const state = { alive: true };
    const alive = (): boolean => state.alive;
    const offset = world.chance.int(-Math.floor(skewMs / 2), Math.floor(skewMs / 2));
    const clock = new NodeClock(world.timeline, offset, alive);
    const link = new Link(this.#line(clock, alive));
    const { stalenessMs } = world.scenario.rules;
    // The monotonic clock of all nodes is the world's: spans are measured alike, instants are not.
    const monotonic = (): number => world.timeline.now;
    const near =
      stalenessMs === 0
        ? undefined
        : new NearCache(link, { stalenessMs, monotonic, maxSessions: 24 });
    const store: SessionStore = near ?? link;
    const sessions = createSessions({
      store,
      clock,
      secrets: world.secrets,
      policy: world.scenario.policy,
      encryptData: world.scenario.encryptData,
      entropy: new InsecureSeededEntropy(world.chance.uint32()),
      sweep: { everyMs: 60_000, keepEndedMs: 240_000 },
      production: true,
      warn: () => undefined,
      onError: (error) => world.broken(error, `background work of n${this.index}`),
    });
    sessions.events.on("*", (event: SessionEvent) => world.heard(event));
    this.#life = Object.assign(state, { sessions, clock, near, uses: new Set<Use>() });
  }

  /** What was on its way to the store goes on; nothing comes back. */
  crash(): void {
    const life = this.#life;
    if (life === undefined) return;
    life.alive = false;
    this.#world.tellHits(life);
    this.#life = undefined;
    const { model, timeline } = this.#world;
    for (const use of life.uses) {
      model.finish(use, life.clock.reading);
      for (const write of use.writes) {
        if (write.fate === "open") settle(write, "unknown", timeline.now);
      }
    }
    life.uses.clear();
    // Touches that waited here are gone.
    for (const session of model.sessions.values()) {
      if (session.activityNode === this.index) session.loseTouch(timeline.now);
    }
  }

  #line(clock: NodeClock, alive: () => boolean): Line {
    const world = this.#world;
    return {
      node: this.index,
      timeline: world.timeline,
      random: world.weatherChance,
      witness: world.witness,
      weather: () => world.weather,
      tail: () => world.scenario.tail,
      store: () => world.store,
      health: () => world.health(),
      incarnation: () => world.incarnation.name,
      alive,
      clock: () => clock.reading,
      note: (text) => world.trace.add(`${world.timeline.now} ${text}`),
      nameOf: (id) => world.model.sessions.get(id)?.name ?? "unborn",
      touchLost: (refs) => {
        for (const { id } of refs) {
          const session = world.model.sessions.get(id);
          if (session?.activityNode === this.index) session.loseTouch(world.timeline.now);
        }
      },
      told: (ended) => world.owe(ended),
      broken: (error) => world.broken(error, "the store"),
    };
  }
}
