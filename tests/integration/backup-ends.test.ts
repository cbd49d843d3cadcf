/** What a store knows of the ends that the trail tells of, where a look into it is not enough. */
import { MemoryStore } from "sojourn";
import { expect, it } from "vitest";
import { standOfStore } from "../../packages/sojourn-server/src/backup/ends.ts";
import type {
  ReadEntry,
  TrailReader,
} from "../../packages/sojourn-server/src/audit/trail-reader.ts";
import { world } from "../support/world.ts";

it("I2: a session that its subject's epoch has ended is known, before its row is worked off", async () => {
  const store = new MemoryStore();
  const { sessions } = world({ store });
  const { session } = await sessions.open({ subject: "ann" });
  const entry = { tenant: session.tenant, session: session.id } as unknown as ReadEntry;
  const reader = { page: async () => ({ items: [entry] }) } as unknown as TrailReader;
  expect(await standOfStore({ store, reader })).toBe(0);
  // What is left where a revoke-all of a large subject was cut off after its first step.
  const half = new Proxy(store, {
    get: (of, name) =>
      name === "find"
        ? async (ref: Parameters<MemoryStore["find"]>[0]) => {
            const found = await of.find(ref);
            return found && { ...found, subjectEpoch: found.record.epoch + 1 };
          }
        : Reflect.get(of, name),
  });
  expect(await standOfStore({ store: half, reader })).toBe("present");
  await sessions.close();
});
