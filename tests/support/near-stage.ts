/** A near-cache over a scripted store, on a clock of its own. */
import type { SessionRecord, SharedCache, StoredSession } from "sojourn";
import { NearCache } from "sojourn/stores/near-cache";
import type { NearCacheOptions } from "sojourn/stores/near-cache";
import { ScriptedStore, storedOf } from "./scripted-store.ts";

export const STALENESS_MS = 1_000;

export class Stage {
  now = 0;
  readonly script: ScriptedStore;
  readonly cache: NearCache;

  constructor(options: Partial<NearCacheOptions> = {}, tier?: SharedCache) {
    this.script = new ScriptedStore("replayable", tier);
    const monotonic = (): number => this.now;
    this.cache = new NearCache(this.script.store, {
      stalenessMs: STALENESS_MS,
      monotonic,
      ...options,
    });
  }

  /** Begin to listen, with a proof of now. */
  async listening(): Promise<this> {
    await this.read(storedOf({ id: "first" }));
    this.script.prove(this.now);
    return this;
  }

  async read(stored: StoredSession): Promise<void> {
    const { tenant, id } = stored.record;
    const reading = this.cache.find({ tenant, id });
    await this.script.take("find").answer(stored);
    await reading;
  }

  peek(id: string = "s1", tenant: string = "default"): StoredSession | undefined {
    return this.cache.near.peek({ tenant, id })?.stored;
  }
}

export async function listening(options?: Partial<NearCacheOptions>): Promise<Stage> {
  return new Stage(options).listening();
}

export async function keeping(changes: Partial<SessionRecord> = {}): Promise<Stage> {
  const stage = await listening();
  await stage.read(storedOf(changes));
  return stage;
}
