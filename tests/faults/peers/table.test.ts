import { describe, expect, it } from "vitest";
import { SeededRandom } from "sojourn/testing";
import type { Violation } from "sojourn/testing";
import type { RunResult } from "../driver.ts";
import type { Answer } from "../subject.ts";
import type { SubjectUnderTest } from "../subject.ts";
import type { PeerEntry } from "./peers.ts";
import { races, runRace } from "./races.ts";
import { cellOf, markdown } from "./table.ts";

/** Reads a session whole, writes it whole, and keeps a list of each subject likewise. */
class Careless implements SubjectUnderTest {
  readonly #kept: Map<string, unknown> = new Map<string, unknown>();
  #opened = 0;

  async open(subject: string): Promise<{ session: string; token: string }> {
    const token = `${subject}/${(this.#opened += 1)}`;
    const listed = await this.#get<string[]>(subject);
    await this.#set(subject, [...(listed ?? []), token]);
    await this.#set(token, {});
    return { session: token, token };
  }

  async verify(token: string): Promise<Answer> {
    const data = await this.#get<Record<string, unknown>>(token);
    return data === undefined ? { state: "unknown" } : { state: "active", session: token, data };
  }

  async patch(token: string, changes: Readonly<Record<string, unknown>>): Promise<Answer> {
    const { state, data } = await this.verify(token);
    if (state === "active") await this.#set(token, { ...data, ...changes });
    return { state };
  }

  async count(token: string, key: string): Promise<Answer> {
    const { data } = await this.verify(token);
    return this.patch(token, { [key]: Number(data?.[key] ?? 0) + 1 });
  }

  rotate(): Promise<never> {
    return Promise.reject(new Error("no race rotates"));
  }

  async revoke(_session: string, token: string): Promise<void> {
    await this.#set(token, undefined);
  }

  async revokeSubject(subject: string): Promise<void> {
    await this.revokeOthers(subject, "");
  }

  async revokeOthers(subject: string, kept: string): Promise<void> {
    for (const token of (await this.#get<string[]>(subject)) ?? []) {
      if (token !== kept) await this.revoke(token, token);
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #get<Value>(key: string): Promise<Value | undefined> {
    await new Promise((resolve) => setTimeout(resolve, 4));
    return this.#kept.get(key) as Value | undefined;
  }

  async #set(key: string, value: unknown): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 4));
    this.#kept.set(key, value);
  }
}

describe("races", () => {
  const careless = new Careless();
  const entry: PeerEntry = {
    title: "careless",
    module: "",
    lacks: [],
    load: () => Promise.resolve(careless),
  };

  it.each(races)("count what a careless peer gets wrong: $name", async (race) => {
    // Those that need luck have more rounds, and need some here too.
    const few = { ...race, rounds: race.rounds > 40 ? 40 : 5 };
    const tally = await runRace(few, entry, [careless, careless], new SeededRandom(1));
    expect(tally?.wrong).toBeGreaterThan(0);
    expect(tally?.wrong).toBeLessThanOrEqual(tally?.of ?? 0);
  });

  it("are left out where the peer has no such call", async () => {
    const lacking = { ...entry, lacks: ["revokeOthers"] as const };
    const [race] = races.filter(({ needs }) => needs.includes("revokeOthers"));
    if (race === undefined) throw new Error("no race needs it");
    const nodes = [careless, careless] as const;
    expect(await runRace(race, lacking, nodes, new SeededRandom(1))).toBeUndefined();
  });
});

describe("the table", () => {
  const finding: Violation = {
    invariant: "I7",
    shows: "refused",
    operation: "w1#2",
    because: [],
    session: "s1",
    why: "",
    at: 0,
    lastAt: 0,
    times: 1,
    remains: false,
  };
  const result: RunResult = {
    engine: "redis",
    fault: "kill",
    seed: 1,
    faultMs: 1,
    recoveryMs: 1,
    during: {},
    slowestMs: 1_500,
    unanswered: 0,
    violations: [finding, { ...finding, session: "s2", remains: true }],
    excused: [{ ...finding, excuse: "while it lasted" }],
    figures: {
      operations: 10,
      byKind: { open: 3 },
      unknown: 1,
      errors: {},
      falseLogouts: 2,
      stepUps: 0,
      activeAgain: 0,
      activeAgainAfterHeal: 0,
      activeAgainMs: 0,
      lostWrites: 0,
      longestStaleMs: 0,
      longestOutageMs: 0,
    },
  };

  it("counts a session once, excused or not, and says what stayed to the end", () => {
    const cell = cellOf(result);
    expect(cell.broken["alive, told to be signed out"]).toEqual({ sessions: 2, atTheEnd: 1 });
    expect(cell.broken["acknowledged data lost"]).toEqual({ sessions: 0, atTheEnd: 0 });
    const text = markdown({
      seed: 1,
      seconds: 1,
      versions: { "express-session": "1", sojourn: "2" },
      races: [],
      faults: [
        {
          fault: "kill",
          title: "kill",
          cells: { "express-session": cell, sojourn: "answers no call" },
        },
      ],
    });
    expect(text).toContain("| 3; 10, 1; 1.5 s | answers no call |");
    expect(text).toContain("| alive, told to be signed out | 2, 1 to the end | - |");
    expect(text).not.toContain("acknowledged data lost");
  });
});
