/** Proofs of freshness, which every tail tells besides its changes. */
import type { StoreCapabilities, StoreChange } from "../../engine/ports.ts";
import { eventually, hold, present, same } from "../expect.ts";
import { revoked } from "../store-case.ts";
import type { StoreCase } from "../store-case.ts";

export function tenantOf(change: StoreChange): string {
  return change.kind === "session" ? change.ref.tenant : change.tenant;
}

interface Proof {
  readonly askedAt: number;
  readonly toldAt: number;
}

/** Only of a store that every writer's changes pass through can be known that it was quiet. */
export function proves({ atomicity }: StoreCapabilities): boolean {
  return atomicity !== "process";
}

const PROOFS = 9;
/** Twice what the promise allows them: machines that run tests are busy. */
const PROOFS_WITHIN_MS = 4000;

export const proofCases: readonly StoreCase[] = [
  {
    name: "proves its freshness four times a second, however quiet it is",
    needs: proves,
    async run(store) {
      const proofs: Proof[] = [];
      const began = performance.now();
      const subscription = store.tail("now", {
        change: () => undefined,
        frontier: (_position, askedAt) => void proofs.push({ askedAt, toldAt: performance.now() }),
      });
      await eventually(() => proofs.length >= PROOFS, "proofs keep coming");
      subscription.close();
      const all = proofs.slice(0, PROOFS);
      const past = all.every(({ askedAt, toldAt }) => askedAt >= began && askedAt <= toldAt);
      hold(past, "a proof was asked for after its follower came and before it is told");
      const times = all.map(({ askedAt }) => askedAt);
      same(
        times.toSorted((a, b) => a - b),
        times,
        "proofs, the later asked ones later",
      );
      const took = present(all.at(-1), "the last proof").toldAt - began;
      hold(took <= PROOFS_WITHIN_MS, `${PROOFS} proofs take 2 s, not ${Math.round(took)} ms`);
    },
  },
  {
    name: "proves nothing that it has not told: what was acknowledged before it was asked",
    needs: proves,
    async run(store, kit) {
      const tenant = kit.tenant();
      const writer = kit.peer ?? store;
      const acknowledged = new Map<string, number>();
      const heard = new Set<string>();
      const missed: string[] = [];
      let proven = false;
      const subscription = store.tail("now", {
        change: (change) => void (tenantOf(change) === tenant && heard.add(change.subject ?? "")),
        frontier: (_position, askedAt) => {
          proven = true;
          for (const [subject, at] of acknowledged) {
            if (at < askedAt && !heard.has(subject)) missed.push(subject);
          }
        },
      });
      const write = async (index: number): Promise<void> => {
        const subject = `subject-${index}`;
        await writer.revokeSubject(tenant, subject, { now: 1, end: revoked(1) });
        acknowledged.set(subject, performance.now());
      };
      await eventually(() => proven, "where now is has been asked");
      await write(-1);
      await eventually(() => heard.has("subject--1"), "the first change arrives");
      for (let index = 0; index < 60; index += 3) {
        await Promise.all([write(index), write(index + 1), write(index + 2)]);
      }
      await eventually(() => heard.size === acknowledged.size, "all changes arrive");
      subscription.close();
      same(missed, [], "changes that a proof passed by");
    },
  },
];
