/** Asks a subject under test and writes down what was asked, what was told, and when. */
import type { HistoryEvent, HistoryOperation, OperationKind } from "sojourn/testing";
import { NotDone } from "./subject.ts";
import type { Answer, SubjectUnderTest } from "./subject.ts";

/** A session as every process knows it: its newest token, and that token's name in the history. */
export interface Known {
  readonly session: string;
  readonly subject: string;
  readonly token: string;
  readonly tokenName: string;
}

export interface RecorderOptions {
  readonly process: string;
  readonly write: (event: HistoryEvent) => void;
  /** Default: the monotonic clock of the machine. */
  readonly now?: () => number;
  readonly idleMs?: number;
}

type Details = Partial<HistoryOperation>;
type Told = Answer & { readonly token?: string };

export function machineNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export class Recorder {
  readonly #subject: SubjectUnderTest;
  readonly #options: RecorderOptions;
  #operations = 0;
  /** Calls that met trouble in a row; 0 after an answer. */
  troubles = 0;
  audit = false;

  constructor(subject: SubjectUnderTest, options: RecorderOptions) {
    this.#subject = subject;
    this.#options = options;
  }

  /** Unlike any other value written to the same key. */
  value(): string {
    return `${this.#options.process}#${this.#operations + 1}`;
  }

  async open(subject: string, data: Readonly<Record<string, unknown>>): Promise<Known | undefined> {
    const idle = this.#options.idleMs === undefined ? {} : { idleMs: this.#options.idleMs };
    let known: Known | undefined;
    await this.#call("open", { subject, data, ...idle }, async (gives) => {
      const { session, token } = await this.#subject.open(subject, data);
      known = { session, subject, token, tokenName: gives };
      return { session, gives };
    });
    return known;
  }

  verify(known: Known, activity: boolean): Promise<HistoryOperation> {
    return this.#call(activity ? "touch" : "verify", presents(known), async () =>
      told(await this.#subject.verify(known.token, activity)),
    );
  }

  patch(known: Known, data: Readonly<Record<string, unknown>>): Promise<HistoryOperation> {
    return this.#call("patch", { ...presents(known), data }, async () =>
      written(await this.#subject.patch(known.token, data)),
    );
  }

  count(known: Known, key: string): Promise<HistoryOperation> {
    return this.#call("count", { ...presents(known), data: { [key]: 1 } }, async () =>
      written(await this.#subject.count(known.token, key)),
    );
  }

  async rotate(known: Known): Promise<Known> {
    let next = known;
    await this.#call("rotate", presents(known), async (gives) => {
      const { token, ...answer } = await this.#subject.rotate(known.token);
      if (token === undefined) return { ...written(answer), outcome: "failed" };
      next = { ...known, token, tokenName: gives };
      return { ...written(answer), gives };
    });
    return next;
  }

  revoke({ session, token }: Known): Promise<HistoryOperation> {
    return this.#call("revoke", { session }, async () => {
      await this.#subject.revoke(session, token);
      return {};
    });
  }

  revokeSubject(subject: string): Promise<HistoryOperation> {
    return this.#call("revokeSubject", { subject }, async () => {
      await this.#subject.revokeSubject(subject);
      return {};
    });
  }

  /** As after a change of the password. */
  async revokeOthers({ subject, session, token }: Known): Promise<HistoryOperation | undefined> {
    const { revokeOthers } = this.#subject;
    if (revokeOthers === undefined) return undefined;
    return this.#call("revokeSubject", { subject, except: session }, async () => {
      await revokeOthers.call(this.#subject, subject, session, token);
      return {};
    });
  }

  async list(subject: string): Promise<HistoryOperation | undefined> {
    const { list } = this.#subject;
    if (list === undefined) return undefined;
    return this.#call("list", { subject }, async () => ({
      sessions: await list.call(this.#subject, subject),
    }));
  }

  async #call(
    kind: OperationKind,
    asked: Details,
    ask: (name: string) => Promise<Details>,
  ): Promise<HistoryOperation> {
    const { process, write, now = machineNow } = this.#options;
    this.#operations += 1;
    const op = this.#operations;
    const audit = this.audit ? ({ audit: true } as const) : {};
    const begun = { kind, process, op, invokedAt: now(), ...asked, ...audit };
    // Whoever is killed now must not leave a write that nobody knows of.
    if (kind !== "verify" && kind !== "list") write({ ...begun, outcome: "pending" });
    const finish = (how: Details): HistoryOperation => {
      const event: HistoryOperation = { ...begun, outcome: "ok", ...how, returnedAt: now() };
      write(event);
      this.troubles = event.error === undefined ? 0 : this.troubles + 1;
      return event;
    };
    try {
      return finish(await ask(`${process}#${op}`));
    } catch (error) {
      return finish({
        outcome: error instanceof NotDone ? "failed" : "unknown",
        error: code(error),
      });
    }
  }
}

function presents({ session, token: _secret, tokenName: token }: Known): Details {
  return { session, token };
}

function told({ state: answer, session: answered, reason, data }: Told): Details {
  return {
    answer,
    ...(answered === undefined ? {} : { answered }),
    ...(reason === undefined ? {} : { reason }),
    ...(data === undefined ? {} : { data }),
  };
}

/** A write is told what the session was worth; where that is not `active`, nothing was written. */
function written(answer: Answer): Details {
  const { data: _read, ...details } = told(answer);
  return answer.state === "active" ? details : { ...details, outcome: "failed" };
}

function code(error: unknown): string {
  const { code, name } = error as Partial<Record<"code" | "name", unknown>>;
  return typeof code === "string" ? code : String(name ?? error);
}
