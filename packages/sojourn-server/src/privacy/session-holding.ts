/** Sessions of a person. Every store lists live ones; the trail names those that have ended. */
import type { Sessions } from "sojourn";
import { descriptionView } from "../api/views.ts";
import type { TrailReader } from "../audit/trail-reader.ts";
import type { Holding, Order, Person } from "./holding.ts";

const PAGE = 200;

export class SessionHolding implements Holding {
  readonly name = "sessions";
  /** Nothing brings an ended session back, and who signs in again meanwhile is somebody new. */
  readonly late = false;
  readonly #sessions: Sessions;
  readonly #trail: TrailReader;
  readonly #now: () => number;

  constructor(sessions: Sessions, trail: TrailReader, now: () => number) {
    this.#sessions = sessions;
    this.#trail = trail;
    this.#now = now;
  }

  async *export(person: Person): AsyncGenerator<object> {
    const { tenant, subject } = person;
    const own = this.#sessions.subject(subject, { tenant });
    const told = new Set<string>();
    for await (const handle of this.#handles(person)) {
      if (told.has(handle)) continue;
      told.add(handle);
      const kept = await own.read(handle);
      if (kept === undefined) continue;
      const { data, ...described } = kept;
      const view = descriptionView({ ...described, version: "", dataKeys: [] }, this.#now());
      const { version: _version, ...shown } = view;
      yield { ...shown, data };
    }
  }

  async erase({ tenant, subject }: Person, { actor, cause }: Order): Promise<number> {
    const words = { actor, ...(cause === undefined ? {} : { cause }) };
    const { erased } = await this.#sessions.subject(subject, { tenant }).erase(words);
    return erased;
  }

  async *#handles({ tenant, subject }: Person): AsyncGenerator<string> {
    const own = this.#sessions.subject(subject, { tenant });
    let cursor: string | undefined;
    do {
      const page = await own.list({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
      for (const { id } of page.items) yield `ses_${id}`;
      ({ cursor } = page);
    } while (cursor !== undefined);
    for await (const { session } of this.#trail.entries({ tenant, subject })) {
      if (session !== undefined) yield session;
    }
  }
}
