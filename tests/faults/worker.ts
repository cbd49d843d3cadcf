/**
 * One process of the fault suite: asks its subject under test for a seeded mix of calls on sessions
 * that all processes share, and writes down what it was told.
 */
import { openSync, writeSync } from "node:fs";
import process, { argv, exit } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { SeededRandom } from "sojourn/testing";
import type { FromWorker, StoreSpec, ToWorker, WorkerPlan } from "./messages.ts";
import { Population } from "./population.ts";
import { Recorder } from "./recorder.ts";
import type { Known } from "./recorder.ts";
import type { SubjectUnderTest } from "./subject.ts";

const AUDIT_LOOPS = 8;
const AUDIT_ATTEMPTS = 40;
const AUDIT_RETRY_MS = 250;
const COUNTER = "n";
const KEYS = 4;

type MakeSubject = (store: StoreSpec) => Promise<SubjectUnderTest>;

class Worker {
  readonly #plan: WorkerPlan;
  readonly #subject: SubjectUnderTest;
  readonly #recorder: Recorder;
  readonly #random: SeededRandom;
  readonly #population: Population;
  #resting = true;
  #loops: Promise<void>[] = [];

  constructor(plan: WorkerPlan, subject: SubjectUnderTest) {
    this.#plan = plan;
    this.#subject = subject;
    this.#random = new SeededRandom(plan.seed);
    this.#population = new Population(this.#random.fork());
    const file = openSync(plan.history, "a");
    this.#recorder = new Recorder(subject, {
      process: plan.process,
      write: (event) => void writeSync(file, `${JSON.stringify(event)}\n`),
      idleMs: plan.store.idleMs,
    });
  }

  async hear(message: ToWorker): Promise<void> {
    switch (message.type) {
      case "begin":
        return this.#begin();
      case "known":
        return message.known.forEach((known) => this.#population.learn(known));
      case "ended":
        return message.sessions.forEach((session) => this.#population.end(session));
      case "probe":
        return tell({ type: "probed", ok: await this.#probe() });
      case "rest":
        return this.#rest();
      case "audit":
        return this.#audit(message);
      case "jump":
        return jumpWallClock(message.ms);
      case "suffer":
        return this.#subject.suffer?.(message.fault, message.on);
      case "drain":
        return this.#leave();
    }
  }

  #begin(): void {
    this.#resting = false;
    this.#loops = Array.from({ length: this.#plan.loops }, () => this.#loop());
  }

  async #rest(): Promise<void> {
    this.#resting = true;
    await Promise.all(this.#loops);
    tell({ type: "idle" });
  }

  async #leave(): Promise<void> {
    await this.#rest();
    await this.#subject.close();
    exit(0);
  }

  async #loop(): Promise<void> {
    while (!this.#resting) {
      await this.#act();
      await sleep(this.#random.fraction() * 2 * this.#plan.pauseMs);
    }
  }

  async #probe(): Promise<boolean> {
    const known = this.#population.live() ?? this.#population.ended();
    if (known === undefined) return true;
    return (await this.#recorder.verify(known, false)).error === undefined;
  }

  /** Half of the calls verify, and some of those a session that has ended. */
  async #act(): Promise<void> {
    const known = this.#population.live();
    const { population } = this.#plan;
    const draw = this.#random.fraction();
    const fewer = this.#population.size < population;
    if (known === undefined || draw < (fewer ? 0.12 : 0.04)) return this.#open();
    if (draw < 0.2) return this.#write(known, draw);
    if (draw < 0.24) return this.#end(known, draw);
    if (draw < 0.26) return void (await this.#recorder.list(known.subject));
    if (draw < 0.45) return this.#look(this.#population.ended() ?? known, false);
    return this.#look(known, draw < 0.65);
  }

  async #open(): Promise<void> {
    const subject = `user-${this.#random.int(1, this.#plan.subjects)}`;
    const data = { [this.#key()]: this.#recorder.value() };
    const known = await this.#recorder.open(subject, data);
    if (known !== undefined) this.#learn(known);
  }

  async #write(known: Known, draw: number): Promise<void> {
    if (draw < 0.15) {
      await this.#recorder.patch(known, { [this.#key()]: this.#recorder.value() });
    } else if (draw < 0.18) await this.#recorder.count(known, COUNTER);
    else {
      const next = await this.#recorder.rotate(known);
      if (next !== known) this.#learn(next);
    }
  }

  async #end(known: Known, draw: number): Promise<void> {
    if (draw < 0.236) {
      const { outcome } = await this.#recorder.revoke(known);
      // What may have been done is looked at again as what was not.
      if (outcome === "ok") this.#ended([known.session]);
      return;
    }
    const { subject, session } = known;
    if (draw < 0.238) {
      const others = await this.#recorder.revokeOthers(known);
      if (others?.outcome === "ok") this.#ended(this.#population.subjectEnded(subject, session));
      return;
    }
    const { outcome } = await this.#recorder.revokeSubject(subject);
    if (outcome === "ok") this.#ended(this.#population.subjectEnded(subject));
  }

  async #look(known: Known, activity: boolean): Promise<void> {
    const { answer } = await this.#recorder.verify(known, activity);
    if (answer === "ended" || answer === "unknown") this.#population.end(known.session);
  }

  #key(): string {
    return `k${this.#random.int(1, KEYS)}`;
  }

  #learn(known: Known): void {
    this.#population.learn(known);
    tell({ type: "known", known });
  }

  #ended(sessions: readonly string[]): void {
    for (const session of sessions) {
      this.#population.end(session);
      tell({ type: "ended", session });
    }
  }

  async #audit({ sessions, subjects }: Extract<ToWorker, { type: "audit" }>): Promise<void> {
    this.#recorder.audit = true;
    const calls = [
      ...sessions.map((known) => () => this.#recorder.verify(known, false)),
      ...subjects.map((subject) => () => this.#recorder.list(subject)),
    ];
    let troubles = 0;
    const run = async (): Promise<void> => {
      for (let call = calls.pop(); call !== undefined; call = calls.pop()) {
        if (!(await persist(call))) troubles += 1;
      }
    };
    await Promise.all(Array.from({ length: AUDIT_LOOPS }, run));
    tell({ type: "audited", troubles });
  }
}

/** @returns whether it got an answer in the end. */
async function persist(call: () => Promise<{ error?: string } | undefined>): Promise<boolean> {
  for (let attempt = 0; attempt < AUDIT_ATTEMPTS; attempt += 1) {
    if ((await call())?.error === undefined) return true;
    await sleep(AUDIT_RETRY_MS);
  }
  return false;
}

/** Set the wall clock of this process alone, as somebody would that of one machine. */
function jumpWallClock(ms: number): void {
  const wall = Date.now;
  Date.now = () => wall() + ms;
}

function tell(message: FromWorker): void {
  process.send?.(message);
}

const plan = JSON.parse(argv[2] ?? "") as WorkerPlan;
const { makeSubject } = (await import(plan.subject)) as { makeSubject: MakeSubject };
const worker = new Worker(plan, await makeSubject(plan.store));
process.on("message", (message) => void worker.hear(message as ToWorker));
process.on("disconnect", () => exit(0));
tell({ type: "ready" });
