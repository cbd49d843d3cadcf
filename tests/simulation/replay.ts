/**
 * Real processes' `Sessions` over a store that fails over again and again to a copy that lags, and
 * so loses what it acknowledged last. They write it again; the history of all their calls is held
 * against I1-I5 and I7. While a failover lasts, the excuses of the fault suite hold; no session may
 * be called ended or unknown even then, and nothing may be lost once the store has settled.
 */
import { createSessions } from "sojourn";
import type { Sessions } from "sojourn";
import { checkHistory, InsecureSeededEntropy, SeededRandom } from "sojourn/testing";
import type { HistoryEvent } from "sojourn/testing";
import { Population } from "../faults/population.ts";
import { Recorder } from "../faults/recorder.ts";
import type { Known } from "../faults/recorder.ts";
import { SojournSubject } from "../faults/sojourn.ts";
import { forgetfulStore } from "../support/forgetful-store.ts";
import { StoreOverTheWay } from "./replay-way.ts";
import type { Run } from "./run.ts";
import { rest, Timeline } from "./timeline.ts";
import { Trace } from "./trace.ts";

/**
 * One run, with about ten failovers. Not much longer: what processes remember is aged by the real
 * clock, and would be many times what they keep in five minutes.
 */
export const REPLAY_STEPS = 2_500;

const EPOCH_MS = 1_800_000_000_000;
const NODES = 3;
const SUBJECTS = 5;
const POPULATION = 30;
const IDLE_MS = 1_800_000;
const FAILOVER = 0.006;
const LAG_MS_MAX = 3_000;
const DOWN_MS_MAX = 2_000;
/** Every process has looked, and is done writing again. Decision 19. */
const SETTLE_MS = 12_000;
const AUDIT_ATTEMPTS = 40;
/** What a call may say instead of an answer. */
const TROUBLE: ReadonlySet<string> = new Set([
  "ERR_STORE_UNAVAILABLE",
  "ERR_STORE_CONTENTION",
  "ERR_STALE_EPOCH",
  "absent",
]);

type Fault = Extract<HistoryEvent, { kind: "fault" }>;

class Replays {
  readonly timeline: Timeline = new Timeline();
  readonly trace: Trace = new Trace();
  readonly tally: Map<string, number> = new Map();
  readonly #random: SeededRandom;
  readonly #population: Population;
  readonly #recorders: readonly Recorder[];
  readonly #sessions: Sessions[] = [];
  readonly #engine = forgetfulStore(() => EPOCH_MS + this.timeline.now);
  readonly #events: HistoryEvent[] = [];
  readonly #opened: Map<string, Known> = new Map();
  #line = 0;
  #down = false;
  #tells = true;
  #failing = false;
  #order = 0;
  #broken: Error | undefined;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.#population = new Population(this.#random.fork());
    const secret = this.#random.bytes(32);
    this.#recorders = Array.from({ length: NODES }, (_, index) => this.#node(index, secret));
  }

  async run(steps: number): Promise<void> {
    for (let step = 1; step <= steps; step += 1) {
      const recorder = this.#random.pick(this.#recorders);
      this.#act(recorder).catch((error: unknown) => {
        this.#broken ??= error instanceof Error ? error : new Error(String(error));
      });
      if (!this.#failing && this.#random.chance(FAILOVER)) this.#failOver();
      await rest();
      await this.#pass(this.#random.chance(0.9) ? this.#random.int(0, 120) : 1_000);
    }
    // The last failover is over, and has been for long enough.
    await this.#pass(LAG_MS_MAX + DOWN_MS_MAX + SETTLE_MS + 5_000);
    await this.#audit();
    this.#judge();
    for (const sessions of this.#sessions) sessions.close().catch(() => undefined);
    await this.#pass(1_000);
  }

  get #now(): number {
    this.#order += 1;
    return this.timeline.now + this.#order * 1e-7;
  }

  #node(index: number, secret: Uint8Array): Recorder {
    const { timeline } = this;
    const process = `n${index}`;
    const store = new StoreOverTheWay({
      timeline,
      random: this.#random.fork(),
      engine: this.#engine,
      line: () => (this.#down ? undefined : this.#line),
      tells: () => this.#tells,
      note: (text) => this.#note(`${process} ${text}`),
    });
    const clock = {
      now: () => EPOCH_MS + timeline.now,
      learn: () => undefined,
      after: (ms: number, run: () => void) => timeline.after(ms, run),
    };
    const sessions = createSessions({
      store,
      clock,
      secrets: [secret],
      policy: {
        extends: "saas",
        idleMs: IDLE_MS,
        touchEveryMs: 1_000,
        concurrency: { max: null, onLimit: "reject" },
        justification: "many sessions of few subjects, touched often: a test",
      },
      entropy: new InsecureSeededEntropy(this.#random.uint32()),
      sweep: { everyMs: 60_000, keepEndedMs: 240_000 },
      production: true,
      warn: () => undefined,
      onError: () => undefined,
    });
    this.#sessions.push(sessions);
    sessions.events.on("store-replayed", ({ ended, sessions: written }) => {
      this.#count("replayed ends", ended);
      this.#count("replayed sessions", written);
    });
    return new Recorder(new SojournSubject(sessions), {
      process,
      idleMs: IDLE_MS,
      now: () => this.#now,
      write: (event) => {
        this.#events.push(event);
        this.#note(JSON.stringify(event));
      },
    });
  }

  /** Half of the calls look, and some of those at a session that has ended. */
  async #act(recorder: Recorder): Promise<void> {
    const known = this.#population.live();
    const draw = this.#random.fraction();
    const few = this.#population.size < POPULATION;
    if (known === undefined || draw < (few ? 0.2 : 0.05)) return this.#open(recorder);
    if (draw < 0.26) await recorder.patch(known, { [this.#key()]: recorder.value() });
    else if (draw < 0.32) await recorder.count(known, "n");
    else if (draw < 0.38) this.#learn(await recorder.rotate(known));
    else if (draw < 0.44) await this.#revoke(recorder, known);
    else if (draw < 0.45) await this.#revokeSubject(recorder, known.subject);
    else if (draw < 0.5) await recorder.list(known.subject);
    else if (draw < 0.7) await recorder.verify(this.#population.ended() ?? known, false);
    else await recorder.verify(known, draw < 0.85);
  }

  async #open(recorder: Recorder): Promise<void> {
    const subject = `user-${this.#random.int(1, SUBJECTS)}`;
    const data = { [this.#key()]: recorder.value() };
    const known = await recorder.open(subject, data);
    if (known !== undefined) this.#learn(known);
  }

  async #revoke(recorder: Recorder, known: Known): Promise<void> {
    const { outcome } = await recorder.revoke(known);
    if (outcome === "ok") this.#population.end(known.session);
  }

  async #revokeSubject(recorder: Recorder, subject: string): Promise<void> {
    const { outcome } = await recorder.revokeSubject(subject);
    if (outcome === "ok") this.#population.subjectEnded(subject);
  }

  #key(): string {
    return `k${this.#random.int(1, 4)}`;
  }

  #learn(known: Known): void {
    this.#opened.set(known.session, known);
    this.#population.learn(known);
  }

  /** A replica hears nothing for a while, the primary dies, and after a while the replica is it. */
  #failOver(): void {
    this.#failing = true;
    const fault = { kind: "fault", name: "failover", at: this.#now, forgets: true } as const;
    // Then nobody but who was told of an end can know of it.
    this.#tells = this.#random.chance(0.5);
    this.#note(`FAILOVER: the replica hears no more${this.#tells ? "" : ", nor does anybody"}`);
    void this.#engine.copy();
    this.timeline.after(this.#random.int(0, LAG_MS_MAX), () => {
      this.#down = true;
      this.timeline.after(this.#random.int(0, DOWN_MS_MAX), () => this.#takeOver(fault));
    });
  }

  #takeOver(fault: Fault): void {
    this.#note("FAILOVER: it is the primary");
    this.#count("failover", 1);
    this.#tells = true;
    this.#engine.failOver();
    this.#line += 1;
    this.#down = false;
    this.timeline.after(SETTLE_MS, () => {
      this.#failing = false;
      this.#events.push({ ...fault, healedAt: this.#now });
    });
  }

  async #audit(): Promise<void> {
    const subjects = Array.from({ length: SUBJECTS }, (_, index) => `user-${index + 1}`);
    for (const recorder of this.#recorders) {
      recorder.audit = true;
      for (const known of this.#opened.values()) {
        await this.#persist(() => recorder.verify(known, false));
      }
      for (const subject of subjects) await this.#persist(() => recorder.list(subject));
    }
  }

  async #persist(ask: () => Promise<{ readonly error?: string } | undefined>): Promise<void> {
    for (let attempt = 0; attempt < AUDIT_ATTEMPTS; attempt += 1) {
      let done: { readonly error?: string } | undefined | null = null;
      void ask().then((event) => void (done = event));
      while (done === null) await this.#pass(50);
      if ((done as { readonly error?: string } | undefined)?.error === undefined) return;
    }
    throw new Error("I7: a session gets no answer after every failover is over");
  }

  #judge(): void {
    const { violations, excused, figures } = checkHistory(this.#events, { coalesceMs: 1_250 });
    for (const [name, times] of Object.entries(figures.errors)) {
      this.#count(name, times);
      if (!TROUBLE.has(name)) throw new Error(`a call failed with ${name}`);
    }
    this.#count("calls", figures.operations);
    this.#count("excused", excused.length);
    this.#count("active again while it lasted", figures.activeAgain);
    const [first] = violations;
    if (first === undefined && figures.falseLogouts === 0) return;
    throw new Error(violations.map(({ invariant, why }) => `${invariant}: ${why}`).join("\n"));
  }

  async #pass(ms: number): Promise<void> {
    await this.timeline.pass(ms, () => {
      if (this.#broken !== undefined) throw this.#broken;
    });
  }

  #note(text: string): void {
    this.trace.add(`${this.timeline.now} ${text}`);
  }

  #count(what: string, times: number): void {
    this.tally.set(what, (this.tally.get(what) ?? 0) + times);
  }
}

/** @throws {Error} naming every broken promise, with the seed. */
export async function simulateReplay(seed: number, steps: number): Promise<Run> {
  const world = new Replays(seed);
  try {
    await world.run(steps);
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const again = `again: node tests/simulation/run.ts ${seed} ${steps} replay`;
    throw new Error([what, `scenario replay, seed: ${seed}`, again].join("\n"), { cause: error });
  }
  const { trace, tally } = world;
  return { steps, events: trace.count, hash: trace.hash, tally };
}
