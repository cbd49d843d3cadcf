/** The worker processes of one run: started, told, killed, replaced, audited. */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { HistoryHappening } from "sojourn/testing";
import type { FromWorker, ToWorker, WorkerPlan } from "./messages.ts";
import { machineNow } from "./recorder.ts";
import type { Known } from "./recorder.ts";

const SCRIPT = fileURLToPath(new URL("worker.ts", import.meta.url));
const ANSWER_WITHIN_MS = 60_000;
const PROBE_EVERY_MS = 100;

type Died = Extract<HistoryHappening, { kind: "died" }>;

interface Member {
  readonly name: string;
  readonly child: ChildProcess;
  readonly plan: WorkerPlan;
  /** Ended on purpose. */
  leaving: boolean;
}

export class Fleet {
  readonly #members: Member[] = [];
  readonly #known: Map<string, Known> = new Map<string, Known>();
  readonly #ended: Set<string> = new Set<string>();
  readonly #planOf: (process: string) => WorkerPlan;
  readonly histories: string[] = [];
  readonly died: Died[] = [];
  /** What ended a worker that nobody ended; the run is worth nothing then. */
  trouble: string | undefined;

  constructor(planOf: (process: string) => WorkerPlan) {
    this.#planOf = planOf;
  }

  /** The processes that work now. */
  get names(): readonly string[] {
    return this.#members.map(({ name }) => name);
  }

  /** Every session of which any worker told. */
  get sessions(): readonly Known[] {
    return [...this.#known.values()];
  }

  /** Start a process and have it work. */
  async add(name: string): Promise<void> {
    const plan = this.#planOf(name);
    const child = fork(SCRIPT, [JSON.stringify(plan)], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    const member: Member = { name, child, plan, leaving: false };
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => void (said = `${said}${String(chunk)}`.slice(-2_000)));
    }
    child.on("message", (message) => this.#hear(member, message as FromWorker));
    child.on("exit", (code, signal) => {
      this.#members.splice(this.#members.indexOf(member), 1);
      if (!member.leaving) this.trouble ??= `${name} ended (${signal ?? code}):\n${said}`;
    });
    this.histories.push(plan.history);
    await this.#answer(member, "ready");
    this.#members.push(member);
    this.#tell(member, { type: "known", known: this.sessions });
    this.#tell(member, { type: "ended", sessions: [...this.#ended] });
    this.#tell(member, { type: "begin" });
  }

  /** kill -9. */
  async kill(name: string): Promise<void> {
    const member = this.#member(name);
    member.leaving = true;
    const ended = once(member.child, "exit");
    member.child.kill("SIGKILL");
    await ended;
    this.died.push({ kind: "died", process: name, at: machineNow() });
  }

  /** As at a deployment: what is under way is finished. */
  async drain(name: string): Promise<void> {
    const member = this.#member(name);
    member.leaving = true;
    const ended = once(member.child, "exit");
    this.#tell(member, { type: "drain" });
    await ended;
  }

  tell(name: string, message: ToWorker): void {
    this.#tell(this.#member(name), message);
  }

  /** Until every process gets answers again. @returns false when that takes too long. */
  async healthy(withinMs: number): Promise<boolean> {
    const deadline = performance.now() + withinMs;
    while (performance.now() < deadline) {
      const answers = await Promise.all(
        this.#members.map(async (member) => {
          const answer = this.#answer(member, "probed");
          this.#tell(member, { type: "probe" });
          return answer;
        }),
      );
      if (answers.every((one) => one.type === "probed" && one.ok)) return true;
      await sleep(PROBE_EVERY_MS);
    }
    return false;
  }

  async rest(): Promise<void> {
    await this.#askAll("idle", () => ({ type: "rest" }));
  }

  /**
   * Every session is asked for by one process, or by all; every subject's list by one.
   *
   * @returns how many calls got no answer.
   */
  async audit(everybody: boolean, subjects: readonly string[]): Promise<number> {
    const count = this.#members.length;
    const share = <Item>(items: readonly Item[], index: number): Item[] =>
      items.filter((_, at) => at % count === index);
    const answers = await this.#askAll("audited", (index) => ({
      type: "audit",
      sessions: everybody ? this.sessions : share(this.sessions, index),
      subjects: share(subjects, index),
    }));
    return answers.reduce((sum, one) => sum + (one.type === "audited" ? one.troubles : 0), 0);
  }

  async end(): Promise<void> {
    await Promise.all(
      this.#members.slice().map(async (member) => {
        member.leaving = true;
        const ended = once(member.child, "exit");
        member.child.kill("SIGKILL");
        await ended;
      }),
    );
  }

  #hear(from: Member, message: FromWorker): void {
    if (message.type === "known") {
      this.#known.set(message.known.session, message.known);
      this.#tellOthers(from, { type: "known", known: [message.known] });
    } else if (message.type === "ended") {
      this.#ended.add(message.session);
      this.#tellOthers(from, { type: "ended", sessions: [message.session] });
    }
  }

  #tellOthers(from: Member, message: ToWorker): void {
    for (const member of this.#members) if (member !== from) this.#tell(member, message);
  }

  #tell({ child }: Member, message: ToWorker): void {
    // One that was killed a moment ago hears nothing.
    if (child.connected) child.send(message, () => undefined);
  }

  async #askAll(
    type: FromWorker["type"],
    question: (index: number) => ToWorker,
  ): Promise<FromWorker[]> {
    return Promise.all(
      this.#members.map((member, index) => {
        const answer = this.#answer(member, type);
        this.#tell(member, question(index));
        return answer;
      }),
    );
  }

  #answer({ name, child }: Member, type: FromWorker["type"]): Promise<FromWorker> {
    return new Promise((resolve, reject) => {
      const finish = (error?: Error): void => {
        clearTimeout(timer);
        child.off("message", hear);
        child.off("exit", gone);
        if (error !== undefined) reject(error);
      };
      const hear = (message: unknown): void => {
        if ((message as FromWorker).type !== type) return;
        finish();
        resolve(message as FromWorker);
      };
      const gone = (): void => finish(new Error(this.trouble ?? `${name} ended, "${type}" untold`));
      const timer = setTimeout(() => {
        finish(new Error(`${name} did not say "${type}" within ${ANSWER_WITHIN_MS} ms`));
      }, ANSWER_WITHIN_MS);
      child.on("message", hear);
      child.on("exit", gone);
    });
  }

  #member(name: string): Member {
    const found = this.#members.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no worker is called ${name}`);
    return found;
  }
}

/** Where a worker writes its history. */
export function historyFile(folder: string, process: string): string {
  return join(folder, `${process}.ndjson`);
}
