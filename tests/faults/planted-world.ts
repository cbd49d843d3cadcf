/** Three processes over one store in memory, which may be spoilt. Time is a count. */
import { createSessions } from "sojourn";
import type { SessionStore } from "sojourn";
import { MemoryStore } from "sojourn/stores/memory";
import { checkHistory, ManualClock } from "sojourn/testing";
import type { HistoryEvent, HistoryVerdict } from "sojourn/testing";
import { Recorder } from "./recorder.ts";
import type { Known } from "./recorder.ts";
import { SojournSubject } from "./sojourn.ts";
import type { SubjectUnderTest } from "./subject.ts";

const SECRET = Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString("base64url");

export type Plant = (good: SessionStore) => Partial<SessionStore>;
export type Wrap = (good: SubjectUnderTest) => Partial<SubjectUnderTest>;

/** The good object with some methods replaced. */
function overlaid<Kind extends object>(good: Kind, methods: Partial<Kind>): Kind {
  return new Proxy(good, {
    get(target, name) {
      const value: unknown = Reflect.get(name in methods ? methods : target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Three processes over one store; `plant` spoils the store, `wrap` the first process. */
export class World {
  readonly clock: ManualClock = new ManualClock();
  readonly events: HistoryEvent[] = [];
  readonly store: SessionStore = new MemoryStore();
  readonly recorders: Recorder[];
  readonly #close: (() => Promise<void>)[] = [];
  #now = 0;

  constructor({ plant, only, wrap }: { plant?: Plant; only?: number; wrap?: Wrap } = {}) {
    const spoilt = overlaid(this.store, plant?.(this.store) ?? {});
    this.recorders = [0, 1, 2].map((number) => {
      const sessions = createSessions({
        store: only === undefined || only === number ? spoilt : this.store,
        secrets: [SECRET],
        policy: { extends: "saas", concurrency: { max: null, onLimit: "reject" } },
        clock: this.clock,
        sweep: false,
      });
      const good = new SojournSubject(sessions);
      this.#close.push(() => good.close());
      return new Recorder(number === 0 ? overlaid(good, wrap?.(good) ?? {}) : good, {
        process: `p${number}`,
        write: (event) => void this.events.push(event),
        now: () => (this.#now += 1),
      });
    });
  }

  get three(): [Recorder, Recorder, Recorder] {
    return this.recorders as [Recorder, Recorder, Recorder];
  }

  pass(ms: number): void {
    this.#now += ms;
  }

  check(stalenessMs: number = 0): HistoryVerdict {
    return checkHistory(this.events, { stalenessMs });
  }

  async end(): Promise<void> {
    await Promise.all(this.#close.map((close) => close()));
  }
}

export async function opened(by: Recorder, subject: string = "alice"): Promise<Known> {
  const known = await by.open(subject, { first: by.value() });
  if (known === undefined) throw new Error("the session was not opened");
  return known;
}

/** Makes worlds and ends them after each test. */
export function worldsOf(
  afterEach: (end: () => Promise<void>) => void,
): (options?: ConstructorParameters<typeof World>[0]) => World {
  const worlds: World[] = [];
  afterEach(async () => {
    await Promise.all(worlds.splice(0).map((world) => world.end()));
  });
  return (options = {}) => {
    const made = new World(options);
    worlds.push(made);
    return made;
  };
}
