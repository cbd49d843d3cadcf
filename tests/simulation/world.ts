/** A simulated world: everything that happens in it follows from its scenario and its seed. */
import { MemoryStore, SojournError } from "sojourn";
import type { SessionEvent, SessionStore, StoreHealth } from "sojourn";
import { SeededRandom } from "sojourn/testing";
import { act } from "./acts.ts";
import { Browser } from "./browser.ts";
import { Model } from "./model.ts";
import type { SessionModel } from "./model.ts";
import { CALM } from "./network.ts";
import type { Weather } from "./network.ts";
import { EPOCH_MS, ServerNode } from "./node.ts";
import type { Life } from "./node.ts";
import { TENANT } from "./scenario.ts";
import type { Scenario } from "./scenario.ts";
import type { Theft } from "./thief.ts";
import { rest, Timeline } from "./timeline.ts";
import { Trace } from "./trace.ts";
import { Witness } from "./witness.ts";

/** Everything under way has arrived and every session is over after this. */
const CALM_MS = 30_000;
const LOOK_EVERY_STEPS = 250;

/** A promise of the library that did not hold. */
class Violation extends Error {}

export interface Incarnation {
  readonly name: string;
  readonly since: number;
}

export class World {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly timeline: Timeline = new Timeline();
  readonly trace: Trace = new Trace();
  readonly model: Model;
  readonly witness: Witness;
  readonly nodes: readonly ServerNode[];
  readonly browsers: readonly Browser[];
  readonly secrets: readonly Uint8Array[];
  /** Draws of its own for each concern, so that one does not shift another's. */
  readonly chance: SeededRandom;
  readonly weatherChance: SeededRandom;
  readonly wayChance: SeededRandom;
  /** Stored values: never twice the same. */
  counter = 0;
  step = 0;
  /** Alarms about copied tokens, by session. */
  readonly alarms: Map<string, number> = new Map();
  readonly tally: Map<string, number> = new Map();
  store: SessionStore = new MemoryStore();
  /** When the store last went back to an older state. */
  restoredAt = -1;
  failingOver = false;
  /** Copied cookies in use, by session; every session that one was ever copied of. */
  readonly thefts: Map<string, Theft> = new Map();
  readonly stolen: Set<string> = new Set();
  incarnation: Incarnation = { name: "first", since: EPOCH_MS };
  weather: Weather;
  #violation: Error | undefined;
  /** Told to their callers in this event: their `session-ended` must have been emitted in it. */
  #owing: SessionModel[] = [];

  constructor(scenario: Scenario, seed: number) {
    this.scenario = scenario;
    this.seed = seed;
    this.chance = new SeededRandom(seed);
    this.weatherChance = this.chance.fork();
    this.wayChance = this.chance.fork();
    this.secrets = [this.chance.bytes(32)];
    this.weather = scenario.weather;
    this.model = new Model(scenario.rules);
    this.witness = new Witness({
      tenant: TENANT,
      model: this.model,
      limit: scenario.limit.max,
      readable: !scenario.encryptData,
      store: () => this.store,
      now: () => this.timeline.now,
      fail: (problem) => this.fail(problem),
      count: (what) => this.count(what),
    });
    this.nodes = range(scenario.nodes).map((index) => new ServerNode(this, index));
    this.browsers = range(scenario.browsers).map((index) => new Browser(this, index));
  }

  /** @throws {Violation} naming the first broken promise. */
  async run(steps: number): Promise<void> {
    for (this.step = 1; this.step <= steps; this.step += 1) {
      act(this);
      await rest();
      this.#settled();
      const gap = Math.round(this.#gap() * this.scenario.pace);
      await this.timeline.pass(gap, () => this.#settled());
      if (this.step % LOOK_EVERY_STEPS === 0) await this.#look();
    }
    await this.#calmDown();
  }

  note(text: string): void {
    this.trace.add(`${this.timeline.now} ${text}`);
  }

  count(what: string): void {
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1);
  }

  fail(problem: string): never {
    const violation = new Violation(problem);
    this.#violation ??= violation;
    throw violation;
  }

  /** An error nobody handles: trouble of the store is expected, anything else is a finding. */
  broken(error: unknown, where: string): void {
    const expected = error instanceof SojournError && this.mayThrow(error);
    if (expected) return;
    this.#violation ??=
      error instanceof Error ? error : new Violation(`${where}: ${String(error)}`);
  }

  /** Trouble is possible in this world, and this is it. Invariant I7: anything else is not. */
  mayThrow(error: SojournError): boolean {
    const { weather, crash, jump } = this.scenario;
    if (error.code === "ERR_STORE_UNAVAILABLE") return weather.lost + weather.unheard + crash > 0;
    if (error.code === "ERR_CLOCK_JUMPED") return jump > 0;
    return error.code === "ERR_STORE_CONTENTION";
  }

  /** Callers may be told to come back later. */
  get troubled(): boolean {
    const { weather, crash, jump } = this.scenario;
    return weather.lost + weather.unheard + weather.late + crash + jump > 0;
  }

  /** How often a node that ends now did not have to ask the store. */
  tellHits(life: Life | undefined): void {
    const hits = life?.near?.stats().hits ?? 0;
    if (hits > 0) this.tally.set("near hits", (this.tally.get("near hits") ?? 0) + hits);
  }

  health(): StoreHealth {
    return {
      role: "primary",
      incarnation: this.incarnation.name,
      incarnationSince: this.incarnation.since,
      writable: true,
      lagMs: 0,
    };
  }

  heard(event: SessionEvent): void {
    this.count(event.name);
    const session = this.model.byHandle(event.session ?? null);
    this.note(`event ${event.name} ${session?.name ?? ""}`);
    switch (event.name) {
      case "session-ended":
        return this.#endHeard(session, event.reason);
      case "token-fork":
        return this.#forkHeard(session, event.reaction);
      case "generation-ahead":
        if (this.scenario.failover === 0) this.fail("false alarm: generation-ahead");
        return;
      case "token-unknown":
        if (session !== undefined && session.ended === undefined) {
          this.fail(`I7: ${session.name} is called unknown`);
        }
        return;
      case "cookie-conflict":
        this.fail("a browser with one cookie is told that it sent two");
        return;
      default:
    }
  }

  /** Callers are being told that they ended these sessions. */
  owe(ended: readonly SessionModel[]): void {
    this.#owing.push(...ended);
  }

  #endHeard(session: SessionModel | undefined, reason: string): void {
    if (session === undefined) this.fail("session-ended of a session that never was");
    session.events.push(reason);
    if (session.events.length > 1) this.fail(`${session.name}: more than one session-ended`);
    if (session.ended === undefined) this.fail(`${session.name}: session-ended, but it has not`);
    if (session.ended.reason !== reason) {
      this.fail(`${session.name}: session-ended says ${reason}, the store ${session.ended.reason}`);
    }
  }

  /** An alarm is true when a cookie was copied, and mild when only the store lost something. */
  #forkHeard(session: SessionModel | undefined, reaction: string): void {
    if (session === undefined) this.fail("token-fork of a session that never was");
    this.alarms.set(session.id, this.timeline.now);
    session.lockAsked = true;
    if (this.stolen.has(session.id)) return;
    if (session.failovers > 0 && reaction !== "revoke") return;
    this.fail(`${session.name}: false alarm: token-fork (${reaction})`);
  }

  /** After each event, when all that it set off has come to rest. */
  #settled(): void {
    for (const session of this.#owing) {
      if (session.events.length === 1 || this.#violation !== undefined) continue;
      this.#violation = new Violation(`${session.name}: ended without a session-ended event`);
    }
    this.#owing = [];
    if (this.#violation !== undefined) throw this.#violation;
  }

  async #look(): Promise<void> {
    await this.witness.lookAtAll();
    this.#settled();
  }

  /** Steps follow each other closely, so that their work overlaps; now and then time is long. */
  #gap(): number {
    const drawn = this.chance.fraction();
    if (drawn < 0.62) return this.chance.int(0, 25);
    if (drawn < 0.93) return this.chance.int(20, 350);
    if (drawn < 0.999) return this.chance.int(300, 3_000);
    return this.chance.int(5_000, 100_000);
  }

  async #calmDown(): Promise<void> {
    this.weather = CALM;
    await this.timeline.pass(CALM_MS, () => this.#settled());
    await this.#look();
    const node = this.nodes.find((one) => one.life !== undefined);
    void node?.life?.sessions.sweep().catch((error: unknown) => this.broken(error, "sweep"));
    await this.timeline.pass(CALM_MS, () => this.#settled());
    await this.#look();
    for (const { life } of this.nodes) this.tellHits(life);
  }
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}
