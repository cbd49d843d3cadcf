/**
 * The way of a store's changes to one node: late by a drawn time, in order for this node and in no
 * order with others. Now and then it is cut for a while; then what was under way comes after it,
 * or all of it is missing and a gap is told.
 */
import type { SessionStore, StoreChange, Subscription, TailHandlers } from "sojourn";
import type { SeededRandom } from "sojourn/testing";
import type { Timeline } from "./timeline.ts";

export interface TailWeather {
  /** Chance per proof that the way is cut. */
  readonly cut: number;
  /** Chance that what was under way when it was cut is missing. */
  readonly gap: number;
}

export interface TailLine {
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  readonly weather: TailWeather;
  readonly store: SessionStore;
  alive(): boolean;
  note(text: string): void;
}

interface Item {
  readonly what: "change" | "proof" | "gap";
  readonly run: () => void;
}

/** An engine without an atomic index tells of the subject, and of its sessions much later. */
function isLeftToTheEpoch(told: StoreChange): boolean {
  return told.kind === "session" && told.end?.reason === "subject_revoked";
}

const PROOF_EVERY_MS = 200;
const CUT_MS_MAX = 8_000;

export class TailWire implements Subscription {
  readonly #line: TailLine;
  readonly #handlers: TailHandlers;
  #below: Subscription | undefined;
  /** Under way, first come first. */
  #items: Item[] = [];
  /** When the last of them arrives. */
  #lastAt = 0;
  /** Counts connections: what a former one was to bring does not arrive. */
  #connection = 0;
  #cut = false;
  #closed = false;

  constructor(line: TailLine, handlers: TailHandlers) {
    this.#line = line;
    this.#handlers = handlers;
    // What happens before this has arrived at the store is told to nobody.
    this.#later(() => this.#begin());
  }

  close(): void {
    this.#closed = true;
    this.#hangUp();
  }

  #hangUp(): void {
    this.#below?.close();
    this.#items = [];
  }

  #begin(): void {
    const change: TailHandlers["change"] = (told) => {
      // A process that died hears nothing more; nobody else would end its line.
      if (!this.#open) this.#hangUp();
      if (!this.#open || isLeftToTheEpoch(told)) return;
      this.#send({ what: "change", run: () => this.#handlers.change(told) });
    };
    this.#below = this.#line.store.tail("now", { change });
    this.#ask();
  }

  /** Ask for a proof now and then; an answer shows what the store had when it gave it. */
  #ask(): void {
    const { timeline, random, weather } = this.#line;
    const askedAt = timeline.now;
    const connection = this.#connection;
    if (!this.#cut && random.chance(weather.cut)) this.#break();
    this.#later(() => {
      if (connection !== this.#connection) return;
      const run = (): void => this.#handlers.frontier?.("", askedAt);
      this.#send({ what: "proof", run });
    });
    timeline.after(PROOF_EVERY_MS, () => {
      if (this.#open) this.#ask();
    });
  }

  #break(): void {
    const { timeline, random, weather, note } = this.#line;
    this.#cut = true;
    this.#connection += 1;
    this.#items = this.#items.filter(({ what }) => what !== "proof");
    const gap = random.chance(weather.gap);
    note("tail is cut");
    timeline.after(random.int(300, CUT_MS_MAX), () => {
      this.#cut = false;
      const under = this.#items.splice(0);
      note(gap ? "tail resumes with a gap" : "tail resumes");
      const missed: Item = { what: "gap", run: () => this.#handlers.gap?.() };
      for (const item of gap ? [missed] : under) this.#send(item);
    });
  }

  #send(item: Item): void {
    const { timeline } = this.#line;
    this.#items.push(item);
    if (this.#cut) return;
    const connection = this.#connection;
    this.#lastAt = Math.max(this.#lastAt, timeline.now + this.#delay());
    timeline.after(this.#lastAt - timeline.now, () => {
      if (connection !== this.#connection || !this.#open) return;
      this.#items.shift()?.run();
    });
  }

  #later(run: () => void): void {
    this.#line.timeline.after(this.#delay(), () => {
      if (this.#open) run();
    });
  }

  get #open(): boolean {
    return !this.#closed && this.#line.alive();
  }

  #delay(): number {
    const { random } = this.#line;
    return random.chance(0.8) ? random.int(0, 8) : random.int(5, 400);
  }
}
