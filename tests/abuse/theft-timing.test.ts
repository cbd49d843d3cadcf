/**
 * Thefts at any time, at any pace, for as long as the thief likes: what the rules promise is
 * checked at each use, and of what they cannot promise the measured share is told, not hidden.
 * `SOJOURN_SEED` replays a run; `SOJOURN_SLOW` has many more.
 */
import { randomInt } from "node:crypto";
import { env } from "node:process";
import { SeededRandom } from "sojourn/testing";
import { expect, it } from "vitest";
import { HOUR, leave, MINUTE, SECOND, visit, world } from "../support/world.ts";
import type { World } from "../support/world.ts";

const seed = Number(env["SOJOURN_SEED"] ?? randomInt(2 ** 32));
const RUNS = env["SOJOURN_SLOW"] === "1" ? 600 : 40;
const LONG_MS = 1_200_000;
/** Of the policy `saas`. */
const [ROTATION_MS, GRACE_MS, FLUSH_MS] = [HOUR, 20 * SECOND, MINUTE];
/** The owner's working day, and how long a thief stays. */
const DAY_MS = 8 * HOUR;
const THEFT_MS: readonly [number, number] = [10 * SECOND, DAY_MS];
/** Between two uses, on average. */
const PACE_MS: readonly [number, number] = [5 * SECOND, 10 * MINUTE];
/** Activity is written this much later. */
const LAG_MS = SECOND;
const OWNER = "Mozilla/5.0 Firefox/147.0";
const OTHER = "curl/8.5.0";

class Holder {
  readonly #place: World;
  readonly userAgent: string;
  readonly paceMs: number;
  token: string;
  nextAt: number;
  /** When it was first served with the token it holds; zero before that. */
  heldSince = 0;
  usedAt = 0;

  constructor(place: World, token: string, how: { userAgent: string; paceMs: number }) {
    this.#place = place;
    this.token = token;
    this.userAgent = how.userAgent;
    this.paceMs = how.paceMs;
    this.nextAt = place.clock.now();
  }

  copy({ token, heldSince }: Holder): void {
    this.token = token;
    this.heldSince = heldSince;
  }

  /** @returns whether it was served. */
  async use(): Promise<boolean> {
    const headers = { "user-agent": this.userAgent };
    const exchange = await visit(this.#place, { headers, token: this.token });
    const { subject } = exchange.session;
    this.usedAt = this.#place.clock.now();
    if (this.heldSince === 0) this.heldSince = this.usedAt;
    const given = leave(exchange).token;
    if (given !== undefined && given !== this.token) {
      this.token = given;
      this.heldSince = 0;
    }
    return subject !== null;
  }
}

/** Past the grace, and a minute of use of the newer token, the older one must be noticed. */
function mustAlarm(user: Holder, other: Holder, now: number): boolean {
  const since = other.heldSince;
  if (user.token === other.token || user.heldSince === 0 || since <= user.heldSince) return false;
  if (now <= since + GRACE_MS) return false;
  if (user.userAgent !== other.userAgent) return true;
  return other.usedAt > since + FLUSH_MS + LAG_MS && other.usedAt < now - LAG_MS;
}

function between(random: SeededRandom, [least, most]: readonly [number, number]): number {
  return Math.round(least * (most / least) ** random.fraction());
}

/** Until the next use of somebody who uses it at random. */
function wait(random: SeededRandom, paceMs: number): number {
  return Math.ceil(-Math.log(1 - random.fraction()) * paceMs) + 1;
}

interface Theft {
  readonly otherContext: boolean;
  /** From the thief's first use; absent without an alarm. */
  readonly noticedMs: number | undefined;
  /** The rules promised an alarm at some use. */
  readonly promised: boolean;
  /** A new token was confirmed while the thief was there. */
  readonly renewed: boolean;
  /** Both came to hold the same new token at some time. */
  readonly inStep: boolean;
}

/** Two holders of one session, and the time between their uses. */
class Story {
  readonly #random: SeededRandom;
  readonly #place: World;
  readonly #owner: Holder;
  readonly #thief: Holder;
  readonly #until: number;
  readonly #stolenAt: number;
  readonly #leavesAt: number;
  #lastTheftAt = 0;
  #promised = false;
  #stolen: string | undefined;
  #inStep = false;

  constructor(random: SeededRandom, place: World, token: string) {
    this.#random = random;
    this.#place = place;
    const userAgent = random.chance(0.25) ? OTHER : OWNER;
    const holder = (userAgent: string) =>
      new Holder(place, token, { userAgent, paceMs: between(random, PACE_MS) });
    this.#owner = holder(OWNER);
    this.#thief = holder(userAgent);
    const now = place.clock.now();
    this.#until = now + DAY_MS;
    this.#stolenAt = now + random.int(1, 2 * ROTATION_MS);
    this.#leavesAt = this.#stolenAt + between(random, THEFT_MS);
    this.#thief.nextAt = this.#stolenAt;
  }

  async run(): Promise<Theft> {
    while (Math.min(this.#owner.nextAt, this.#thief.nextAt) < this.#until) {
      await this.#next();
      const [alarm] = this.#place.named("token-fork");
      if (alarm === undefined) continue;
      expect(this.#lastTheftAt, this.#name).toBeGreaterThan(0);
      return this.#told(alarm.at - this.#stolenAt);
    }
    return this.#told(undefined);
  }

  get #name(): string {
    return `seed: ${this.#random.seed}`;
  }

  /** The thief takes what the owner holds, once. */
  #steal(now: number): void {
    if (this.#stolen === undefined) this.#thief.copy(this.#owner);
    this.#stolen ??= this.#owner.token;
    this.#lastTheftAt = now;
  }

  async #next(): Promise<void> {
    const [owner, thief] = [this.#owner, this.#thief];
    const { clock } = this.#place;
    const [user, other] = owner.nextAt <= thief.nextAt ? [owner, thief] : [thief, owner];
    clock.advance(Math.max(0, user.nextAt - clock.now()));
    // Touches that are due now are written in a moment.
    await new Promise((resolve) => void setImmediate(resolve));
    const now = clock.now();
    if (user === thief) this.#steal(now);
    const must = this.#stolen !== undefined && mustAlarm(user, other, now);
    const isServed = await user.use();
    const isNoticed = this.#place.named("token-fork").length > 0;
    expect(isNoticed || !must, this.#name).toBe(true);
    expect(isNoticed || isServed, this.#name).toBe(true);
    this.#promised ||= must;
    const isNew = this.#stolen !== undefined && owner.token !== this.#stolen;
    this.#inStep ||= isNew && owner.token === thief.token;
    user.nextAt = now + wait(this.#random, user.paceMs);
    if (thief.nextAt > this.#leavesAt) thief.nextAt = Infinity;
  }

  #told(noticedMs: number | undefined): Theft {
    const confirmed = this.#place.named("session-rotated").filter(({ how }) => how === "confirmed");
    return {
      otherContext: this.#thief.userAgent !== OWNER,
      noticedMs,
      promised: this.#promised,
      renewed: confirmed.some(({ at }) => at >= this.#stolenAt && at <= this.#lastTheftAt),
      inStep: this.#inStep,
    };
  }
}

async function theft(random: SeededRandom): Promise<Theft> {
  const place = world();
  const first = await visit(place, { headers: { "user-agent": OWNER } });
  await first.session.login("alice", { amr: ["pwd"] });
  return new Story(random, place, leave(first).token ?? "").run();
}

function tell(name: string, thefts: readonly Theft[]): void {
  const delays = thefts.flatMap(({ noticedMs }) => (noticedMs === undefined ? [] : [noticedMs]));
  delays.sort((a, b) => a - b);
  const after = (part: number) =>
    `${Math.round((delays[Math.floor(delays.length * part)] ?? 0) / MINUTE)} min`;
  const percent = Math.round((100 * delays.length) / Math.max(1, thefts.length));
  const when = delays.length === 0 ? "" : `; after ${after(0.5)}, 95 % within ${after(0.95)}`;
  console.log(`note: ${name}: ${percent} % of ${thefts.length} thefts noticed${when}`);
}

it(
  "[TO-08] a theft at any time and pace is noticed whenever the rules promise it",
  async () => {
    console.log(`seed: ${seed} (SOJOURN_SEED)`);
    const thefts: Theft[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      thefts.push(await theft(new SeededRandom(seed + run)));
    }
    const [promised, faster] = [true, false].map((is) => thefts.filter((o) => o.promised === is));
    expect(promised?.length).toBeGreaterThan(0);
    tell("an alarm is promised", promised ?? []);
    const of = (is: (one: Theft) => boolean) => (faster ?? []).filter(is);
    tell(
      "the thief left before a new token was in use",
      of((one) => !one.renewed),
    );
    tell(
      "other context, the thief left sooner than the grace",
      of((one) => one.renewed && one.otherContext),
    );
    tell(
      "same context, one of both paused or left sooner than a minute",
      of((one) => one.renewed && !one.otherContext && !one.inStep),
    );
    tell(
      "same context, both got the same new token",
      of((one) => one.renewed && !one.otherContext && one.inStep),
    );
  },
  LONG_MS,
);
