import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSessions } from "../sessions/create-sessions.ts";
import { MemoryStore } from "./memory-store.ts";
import { session } from "./middleware.ts";
import { toExpressStore } from "./sojourn-store.ts";
import { Store } from "./store.ts";

const warnings: string[] = [];
const hear = ({ message }: Error): void => void warnings.push(message);

beforeEach(() => void process.on("warning", hear));
afterEach(() => {
  process.off("warning", hear);
  warnings.length = 0;
});

class OwnStore extends Store {
  get(): void {}
  set(): void {}
  destroy(): void {}
}

const use = (store?: Store): unknown =>
  session({ secret: "x", resave: false, saveUninitialized: false, store });

async function heard(): Promise<string[]> {
  await new Promise(setImmediate);
  return warnings;
}

describe("a store that writes whole sessions over each other", () => {
  it("is told of once for each middleware, with its name, what it costs and the fix", async () => {
    const store = new OwnStore();
    use(store);
    expect(await heard()).toEqual([
      "OwnStore keeps sessions as express-session does: parallel updates are lost, and a logout " +
        "can be undone. toExpressStore(createSessions({ store, secrets })) prevents both. " +
        "See sojourn/docs/guide/express-session.md#which-store",
    ]);
    use(store);
    expect(await heard()).toHaveLength(2);
    use(Object.assign(Object.create(null), { on: () => undefined }) as Store);
    expect((await heard()).at(-1)).toMatch(/^The store keeps sessions as express-session does/);
  });

  it("is not MemoryStore, its subclasses, nor what toExpressStore made", async () => {
    use();
    use(new MemoryStore());
    use(new (class extends MemoryStore {})());
    const sessions = createSessions({ secrets: [randomBytes(32)] });
    use(toExpressStore(sessions));
    expect(await heard()).toEqual([]);
    await sessions.close();
  });
});
