/** What a verify costs that a near-cache answers, and one that it cannot answer. */
import { randomBytes } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { createSessions, MemoryStore } from "sojourn";
import type { Sessions, SessionStore } from "sojourn";
import { NearCache } from "sojourn/stores/near-cache";
import { compare } from "../harness.ts";
import type { Case, Effort } from "../harness.ts";
import { atLeast, atMost, round } from "../report.ts";
import type { Section } from "../report.ts";
import { joseVerify } from "./verify.ts";

const STALENESS_MS = 2_000;
const SESSIONS = 10_000;
/** Requests between two turns of the event loop, in which the tail proves its freshness. */
const BATCH = 1_000;

interface Place {
  readonly sessions: Sessions;
  readonly tokens: readonly string[];
}

export async function nearCache(effort: Effort): Promise<Section> {
  const near = new NearCache(new MemoryStore(), { stalenessMs: STALENESS_MS });
  const tiny = new NearCache(new MemoryStore(), { stalenessMs: STALENESS_MS, maxSessions: 1 });
  const [hit, strict, miss] = [
    await placeOn(near, SESSIONS),
    await placeOn(new MemoryStore(), SESSIONS),
    await placeOn(tiny, 100),
  ];
  const jose = await joseVerify();
  const before = near.stats();
  const figures = await compare(
    [
      authenticating("a hit, one session", { ...hit, tokens: hit.tokens.slice(0, 1) }),
      authenticating(`a hit, ${SESSIONS} sessions in turn`, hit),
      authenticating("a miss, memory store", miss),
      authenticating("strict, memory store, one session", {
        ...strict,
        tokens: strict.tokens.slice(0, 1),
      }),
      authenticating(`strict, memory store, ${SESSIONS} sessions in turn`, strict),
      { name: "jose, JWT ES256", run: jose },
    ],
    effort,
  );
  const { hits, misses, frontierAgeMs } = near.stats();
  const [asked, answered] = [hits + misses - before.hits - before.misses, hits - before.hits];
  await Promise.all([hit, strict, miss].map(({ sessions }) => sessions.close()));
  await Promise.all([near.close(), tiny.close()]);

  const [one, , missed, , , peer] = figures.map(({ wallUs }) => wallUs);
  // Of a core, not of the clock: what else runs on the machine takes none of it.
  const [oneCpu, manyCpu] = figures.map(({ cpuUs }) => cpuUs);
  const nan = Number.NaN;
  return {
    title: "Verify from a near-cache, through the public API, default options",
    figures,
    goals: [
      atMost("a hit, one session", one ?? nan, 1.5, "µs"),
      atLeast("hits per second and core, one session", 1e6 / (oneCpu ?? nan), 600_000, "/s"),
      atLeast("hits per second and core, many sessions", 1e6 / (manyCpu ?? nan), 600_000, "/s"),
      atLeast("jose ES256 ÷ a hit", (peer ?? nan) / (one ?? nan), 50, "×"),
    ],
    notes: [
      `S ${STALENESS_MS} ms; hit rate ${round((100 * answered) / asked)} % of ${asked}; ` +
        `last proof ${round(frontierAgeMs ?? nan)} ms old; a miss costs ` +
        `${round((missed ?? nan) / (one ?? nan))} × a hit on a store without a round trip`,
    ],
  };
}

/** Sessions that were authenticated before, after the tail proved that it is in place. */
async function placeOn(store: SessionStore, count: number): Promise<Place> {
  const secrets = [randomBytes(32).toString("base64url")];
  const sessions = createSessions({ secrets, store, sweep: false });
  const tokens: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const opened = await sessions.open({ subject: `user-${index}`, data: { cart: ["book"] } });
    tokens.push(opened.token);
  }
  for (let round = 0; round < 2; round += 1) {
    for (const token of tokens) await sessions.authenticate(token);
    await new Promise((resolve) => void setTimeout(resolve, 300));
  }
  return { sessions, tokens };
}

function authenticating(name: string, { sessions, tokens }: Place): Case {
  let next = 0;
  const run = async (): Promise<void> => {
    for (let count = 0; count < BATCH; count += 1) {
      next = next + 1 < tokens.length ? next + 1 : 0;
      await sessions.authenticate(tokens[next] ?? "");
    }
    await turn();
  };
  return { name, operations: BATCH, run };
}
