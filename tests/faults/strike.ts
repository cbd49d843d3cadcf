/** What strikes, and what it may touch. */
import type { SeededRandom } from "sojourn/testing";
import type { Fleet } from "./fleet.ts";
import type { StoreSpec } from "./messages.ts";

export interface Server {
  readonly pid: number;
  readonly port: number;
  restart(): Promise<void>;
}

/** The parts of a TCP proxy that strikes use. */
export interface Network {
  cut(directions?: { toServer?: boolean; toClient?: boolean }): void;
  delay(ms: number): void;
  reset(): void;
  heal(): Promise<void>;
}

/** An engine that was started for one run, the network before it, and what can be done to it. */
export interface World {
  readonly engine: string;
  readonly store: StoreSpec;
  /** The server that takes writes, as long as there is one that can be restarted. */
  readonly server?: Server;
  readonly network?: Network;
  /** A command of the engine's own, past the network. */
  command?(...words: readonly string[]): Promise<unknown>;
  /** Acts that only this engine knows: `failover`, `promote`, `reshard`, `restart-pool`. */
  readonly acts?: Readonly<Record<string, () => Promise<void>>>;
  stop(): Promise<void>;
}

export interface StrikeContext {
  readonly world: World;
  readonly fleet: Fleet;
  readonly random: SeededRandom;
  /** How long a fault lasts that has no length of its own. */
  readonly holdMs: number;
  pause(ms: number): Promise<void>;
}

export interface Strike {
  readonly name: string;
  /** Traits of engines it can strike: `redis`, `network`, `own-time`, … */
  readonly needs: readonly string[];
  /** The engine may lose acknowledged writes by it. Default: never. */
  readonly forgets?: boolean;
  /** Engines of which that is true for this fault alone. */
  readonly forgetsOn?: readonly string[];
  /** Strike, wait, and heal. */
  strike(context: StrikeContext): Promise<void>;
}
