/** A browser: one cookie jar, shared by its tabs; answers come late, out of order, or never. */
import type { Errand } from "./errands.ts";
import { serve } from "./serve.ts";
import { COOKIE } from "./wire.ts";
import type { Held } from "./wire.ts";
import type { World } from "./world.ts";

/** A crash loses what a browser had not yet written to its disk. Shorter than a rotation. */
const FLUSH_MS_MAX = 15_000;
const HISTORY_MAX = 12;

interface Page extends Partial<Held> {
  readonly at: number;
}

export class Browser {
  readonly world: World;
  readonly name: string;
  readonly agent: string;
  /** Whom its owner signs in as, mostly. */
  readonly subject: string;
  held: Held | undefined;
  /** Nothing is sent before this. */
  quietUntil = 0;
  /** It was shown a sign-in page: what it holds is worth nothing any more. */
  signedOut = false;
  /** Chance of a message to be lost: lines have bad times. */
  loss: number;
  #life = 0;
  #history: Page[] = [{ at: 0 }];

  constructor(world: World, index: number) {
    const { subjects, messageLost } = world.scenario;
    this.world = world;
    this.name = `b${index}`;
    this.agent = `agent ${index % 3}`;
    this.subject = subjects[index % subjects.length] ?? "nobody";
    this.loss = messageLost;
  }

  /** Send one request; what comes of it comes later. */
  send(errand: Errand): void {
    const { world } = this;
    const node = world.chance.pick(world.nodes);
    const { held } = this;
    const life = this.#life;
    world.note(`${this.name} ${errand.name} → n${node.index} as ${held?.session.name ?? "nobody"}`);
    if (world.wayChance.chance(this.loss)) return;
    world.timeline.after(this.#way(), () => {
      if (life !== this.#life || node.life === undefined) return;
      const request = { browser: this, held, agent: this.agent, errand };
      serve(world, { node, life: node.life }, request).then(
        (cookies) => this.#answered(life, cookies),
        (error: unknown) => world.broken(error, `${this.name} ${errand.name}`),
      );
    });
  }

  /** Its cookies are as they were a while ago, and nothing under way reaches it. */
  crash(): void {
    const { chance, timeline } = this.world;
    const flushedAt = timeline.now - chance.int(0, FLUSH_MS_MAX);
    // What was not on the disk then never was.
    this.#history = this.#history.filter(({ at }) => at <= flushedAt);
    this.#life += 1;
    this.held = heldOf(this.#history.at(-1));
    this.signedOut = false;
    this.quietUntil = timeline.now + chance.int(3_000, 15_000);
    this.world.note(`${this.name} crashes, back as ${this.held?.session.name ?? "nobody"}`);
  }

  /** Throw the cookies away, as people do. */
  forget(): void {
    this.held = undefined;
    this.#remember();
  }

  /** Tokens it held before, of sessions that have ended meanwhile for all anybody was told. */
  replayable(): Held[] {
    return this.#history.flatMap((page) => {
      const held = heldOf(page);
      return held !== undefined && held.session.endAckedAt < this.world.timeline.now ? [held] : [];
    });
  }

  #answered(life: number, cookies: readonly string[]): void {
    const { world } = this;
    if (cookies.length === 0 || world.wayChance.chance(this.loss)) return;
    world.timeline.after(this.#way(), () => {
      if (life !== this.#life) return;
      for (const cookie of cookies) this.#receive(cookie);
    });
  }

  #receive(cookie: string): void {
    const token = tokenIn(cookie);
    const session = token === undefined ? undefined : this.world.model.sessions.get(idIn(token));
    this.held = token === undefined || session === undefined ? undefined : { token, session };
    this.signedOut = false;
    this.world.note(`${this.name} now holds ${session?.name ?? "nothing"}`);
    this.#remember();
  }

  #remember(): void {
    this.#history.push({ at: this.world.timeline.now, ...this.held });
    if (this.#history.length > HISTORY_MAX) this.#history = this.#history.slice(-HISTORY_MAX);
  }

  /** Up to T each way, less what a node and its store need to judge. */
  #way(): number {
    const { wayChance, scenario } = this.world;
    const drawn = wayChance.fraction();
    if (drawn < 0.7) return wayChance.int(1, 120);
    return wayChance.int(100, Math.floor(scenario.transitMs * 0.9));
  }
}

function heldOf(page: Page | undefined): Held | undefined {
  if (page?.token === undefined || page.session === undefined) return undefined;
  return { token: page.token, session: page.session };
}

/** The id that every token carries in the clear. */
function idIn(token: string): string {
  return token.slice(9, 33);
}

/** @returns `undefined` for a deletion. */
function tokenIn(cookie: string): string | undefined {
  const value = cookie.slice(COOKIE.length + 1, cookie.indexOf(";"));
  return value === "" ? undefined : value;
}
