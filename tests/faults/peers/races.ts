/**
 * What goes wrong without any fault: requests that meet. Each race is run many times over a network
 * of a few milliseconds, where what overlaps does so as between a server and its Redis.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { SeededRandom } from "sojourn/testing";
import type { SubjectUnderTest } from "../subject.ts";
import type { PeerEntry } from "./peers.ts";

export interface Race {
  readonly name: string;
  /** What is counted, of what. */
  readonly counts: string;
  readonly needs: readonly (keyof SubjectUnderTest)[];
  readonly rounds: number;
  /** One round. @returns how many went wrong, of how many. */
  run(
    nodes: readonly [SubjectUnderTest, SubjectUnderTest],
    round: number,
    random: SeededRandom,
  ): Promise<Tally>;
}

export interface Tally {
  readonly wrong: number;
  readonly of: number;
}

const KEYS = ["k1", "k2", "k3", "k4", "k5"];
const SIGN_INS = 5;
/** A logout comes this much before or after the write at most. */
const APART_MS = 20;
const PEACE_MS = 60;

const writes: Race = {
  name: "5 requests at once, each writes another key of one session",
  counts: "writes lost",
  needs: [],
  rounds: 40,
  async run([one, other], round) {
    const { token } = await one.open(subjectOf(round), {});
    const node = (at: number): SubjectUnderTest => (at % 2 === 0 ? one : other);
    await Promise.all(KEYS.map((key, at) => node(at).patch(token, { [key]: `v${round}` })));
    const { data = {} } = await one.verify(token, false);
    return { wrong: KEYS.filter((key) => data[key] === undefined).length, of: KEYS.length };
  },
};

const counts: Race = {
  name: "5 requests at once, each raises one counter",
  counts: "counts lost",
  needs: [],
  rounds: 40,
  async run([one, other], round) {
    const { token } = await one.open(subjectOf(round), {});
    const nodes = [one, other, one, other, one];
    await Promise.all(nodes.map((node) => node.count(token, "n")));
    const { data = {} } = await one.verify(token, false);
    return { wrong: nodes.length - Number(data["n"] ?? 0), of: nodes.length };
  },
};

const logout: Race = {
  name: "a logout while a request of the same session writes",
  counts: "signed in again",
  needs: [],
  rounds: 120,
  async run([one, other], round, random) {
    const { session, token } = await one.open(subjectOf(round), {});
    const after = (wait: number, ask: () => Promise<unknown>): Promise<unknown> =>
      sleep(wait).then(ask);
    await Promise.all([
      after(random.fraction() * APART_MS, () => other.patch(token, { k1: "late" })),
      after(random.fraction() * APART_MS, () => one.revoke(session, token)),
    ]);
    await sleep(PEACE_MS);
    const { state } = await one.verify(token, false);
    return { wrong: state === "active" ? 1 : 0, of: 1 };
  },
};

async function signIns(one: SubjectUnderTest, other: SubjectUnderTest, round: number) {
  const subject = subjectOf(round);
  const nodes = Array.from({ length: SIGN_INS }, (_, at) => (at % 2 === 0 ? one : other));
  const opened = await Promise.all(nodes.map((node) => node.open(subject, {})));
  return { subject, opened };
}

const others: Race = {
  name: `${SIGN_INS} sign-ins at once, then "end all others"`,
  counts: "survivors",
  needs: ["revokeOthers"],
  rounds: 40,
  async run([one, other], round) {
    const { subject, opened } = await signIns(one, other, round);
    const [kept] = opened;
    if (kept === undefined) throw new Error("nobody signed in");
    await one.revokeOthers?.(subject, kept.session, kept.token);
    return survivors(other, opened.slice(1));
  },
};

const all: Race = {
  name: `${SIGN_INS} sign-ins at once, then "end all"`,
  counts: "survivors",
  needs: ["revokeSubject"],
  rounds: 40,
  async run([one, other], round) {
    const { subject, opened } = await signIns(one, other, round);
    await one.revokeSubject(subject);
    return survivors(other, opened);
  },
};

export const races: readonly Race[] = [writes, counts, logout, others, all];

/** Sums a race's rounds up; `undefined` where the peer has no such call. */
export async function runRace(
  race: Race,
  entry: PeerEntry,
  nodes: readonly [SubjectUnderTest, SubjectUnderTest],
  random: SeededRandom,
): Promise<Tally | undefined> {
  if (race.needs.some((need) => entry.lacks.includes(need))) return undefined;
  let wrong = 0;
  let of = 0;
  for (let round = 0; round < race.rounds; round += 1) {
    const tally = await race.run(nodes, round, random);
    wrong += tally.wrong;
    of += tally.of;
  }
  return { wrong, of };
}

const ACCOUNTS = 64;

function subjectOf(round: number): string {
  return `user-${(round % ACCOUNTS) + 1}`;
}

async function survivors(
  node: SubjectUnderTest,
  opened: readonly { readonly token: string }[],
): Promise<Tally> {
  const answers = await Promise.all(opened.map(({ token }) => node.verify(token, false)));
  return { wrong: answers.filter(({ state }) => state === "active").length, of: opened.length };
}
