/**
 * Looks at the whole trail and names the first row that is not what was written. Without the
 * installation's secrets nobody can make a trail that passes.
 */
import { aboutOf, actorOf, genesis, hashOf, plain } from "./chain.ts";
import type { ChainEnd, TrailRow } from "./chain.ts";
import type { SignedStand } from "./signer.ts";
import { ERASED, UNPROVED } from "./trail.ts";
import type { TrailReader } from "./trail-reader.ts";

export type Finding =
  | "changed"
  | "removed"
  | "inserted"
  | "reordered"
  | "cut-off"
  | "erased-by-nobody"
  | "forged-head"
  | "forged-checkpoint"
  | "rewritten"
  | "unproved"
  | "other-chain";

export interface TrailProblem {
  readonly finding: Finding;
  /** Of the first row that is wrong. */
  readonly seq: number;
  /** What that row says of itself, where there is one. */
  readonly id?: string;
  readonly says: string;
}

export interface Verification {
  readonly ok: boolean;
  readonly chain: string | undefined;
  /** First and last row that was looked at; 0: none. */
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  /** Rows of people who were erased: the chain holds, what they told is gone. */
  readonly erased: number;
  readonly checkpoints: number;
  /** Signed with secrets that are not here any more. */
  readonly unknownCheckpoints: number;
  readonly problem?: TrailProblem;
}

class Found extends Error {
  readonly problem: TrailProblem;

  constructor(finding: Finding, row: { readonly seq: number; readonly id?: string }, says: string) {
    super(says);
    const { seq, id } = row;
    this.problem = { finding, seq, ...(id === undefined ? {} : { id }), says };
  }
}

/** So far is looked for the row that stands where another belongs. */
const SEARCHED_MAX = 100_000;
const BEFORE_ALL = Number.MIN_SAFE_INTEGER;

/** @param kept A checkpoint that was printed and kept elsewhere. */
export async function verifyTrail(reader: TrailReader, kept?: SignedStand): Promise<Verification> {
  const walk = new Walk(reader);
  let problem: TrailProblem | undefined;
  try {
    await walk.all(kept);
  } catch (error) {
    if (!(error instanceof Found)) throw error;
    ({ problem } = error);
  }
  return {
    ok: problem === undefined,
    ...walk.told(),
    ...(problem === undefined ? {} : { problem }),
  };
}

class Walk {
  readonly #reader: TrailReader;
  #head: SignedStand | undefined;
  #checkpoints = new Map<number, SignedStand>();
  #proved = 0;
  #unknown = 0;
  #rows = 0;
  #erased = 0;
  #last: ChainEnd = { seq: 0, hash: "" };
  /** The last checkpoint that was met and proved. */
  #good = 0;
  /** Where something was erased, by whom it spoke of: to be answered for by a later entry. */
  readonly #missing = new Map<string, TrailRow>();
  readonly #erasedTenants = new Set<string>();

  constructor(reader: TrailReader) {
    this.#reader = reader;
  }

  told(): Omit<Verification, "ok" | "problem"> {
    const from = this.#rows === 0 ? 0 : (this.#head?.anchorSeq ?? 0) + 1;
    return {
      chain: this.#head?.chain,
      from,
      to: this.#rows === 0 ? 0 : this.#last.seq,
      rows: this.#rows,
      erased: this.#erased,
      checkpoints: this.#proved,
      unknownCheckpoints: this.#unknown,
    };
  }

  async all(kept: SignedStand | undefined): Promise<void> {
    this.#head = await this.#reader.head();
    const head = this.#head;
    if (head === undefined) return this.#withoutHead(kept);
    for (const one of await this.#reader.checkpoints()) this.#checkpoints.set(one.seq, one);
    if (kept !== undefined) this.#keptBefore(kept, head);
    this.#last = { seq: head.anchorSeq, hash: head.anchorHash };
    const unproved = await this.#walk(head, kept);
    this.#end(head);
    if (unproved === undefined) return;
    const says = "what stands before this row was not signed by a secret of this installation";
    throw new Found("unproved", unproved, says);
  }

  /** @returns the first row that tells of a head which could not be proved. */
  async #walk(head: SignedStand, kept: SignedStand | undefined): Promise<TrailRow | undefined> {
    let unproved: TrailRow | undefined;
    for await (const row of this.#reader.rows(BEFORE_ALL)) {
      // What was added while this goes on.
      if (row.seq > head.seq && (await this.#grown(head))) break;
      await this.#row(row, head);
      if (row.name === UNPROVED && row.tenant === "") unproved ??= row;
      if (row.seq === kept?.seq) this.#compare(row, kept);
    }
    return unproved;
  }

  async #withoutHead(kept: SignedStand | undefined): Promise<void> {
    for await (const row of this.#reader.rows(BEFORE_ALL)) {
      throw new Found("forged-head", row, "there are rows, and no head that was signed for them");
    }
    if (kept === undefined) return;
    throw new Found(
      "cut-off",
      { seq: 1 },
      "there is no trail at all, and the checkpoint is of one",
    );
  }

  /** The store is at work meanwhile: a head further on makes rows behind this one right. */
  async #grown(head: SignedStand): Promise<boolean> {
    const now = await this.#reader.head();
    return now !== undefined && now.seq > head.seq;
  }

  async #row(row: TrailRow, head: SignedStand): Promise<void> {
    const expected = this.#last.seq + 1;
    if (row.seq <= head.anchorSeq) {
      throw new Found("inserted", row, `row ${row.seq} stands before the first one that is kept`);
    }
    if (row.seq > head.seq) {
      throw new Found(
        "inserted",
        row,
        `row ${row.seq} stands behind the head, which is ${head.seq}`,
      );
    }
    if (row.seq !== expected) {
      const many = row.seq - expected;
      const which = many === 1 ? `row ${expected} is` : `rows ${expected} to ${row.seq - 1} are`;
      throw new Found("removed", { seq: expected }, `${which} missing`);
    }
    const before = expected === 1 ? genesis(head.chain) : this.#last.hash;
    if (hashOf(before, row.seq, row) !== row.hash) throw await this.#whatHappened(row, before);
    this.#personal(row);
    this.#last = { seq: row.seq, hash: row.hash };
    this.#rows += 1;
    const checkpoint = this.#checkpoints.get(row.seq);
    if (checkpoint !== undefined) this.#checkpoint(checkpoint, row);
  }

  /** Clear text that is there must be what was hashed; that is not there must have been erased. */
  #personal(row: TrailRow): void {
    const about = aboutOf(row);
    const changed = (what: string): Found =>
      new Found("changed", row, `row ${row.seq}: ${what} is not what was written`);
    if (row.about !== null && about === undefined) throw changed("what it tells");
    if (row.actor !== null && actorOf(row) === undefined) throw changed("its actor");
    if ((about?.session ?? null) !== row.session) throw changed("its session");
    this.#noteErased(row);
    if (row.name === ERASED) this.#excuse(row, about?.detail ?? {});
  }

  /** What an entry says was erased: one person, or a whole tenant (nobody in it says so). */
  #excuse({ tenant: by }: TrailRow, { ref, tenant }: Readonly<Record<string, unknown>>): void {
    this.#missing.delete(missingKey(by, String(ref)));
    if (typeof tenant === "string" && by === "") this.#erasedTenants.add(plain(tenant));
  }

  #noteErased(row: TrailRow): void {
    if (row.about === null) {
      this.#erased += 1;
      this.#misses(row.subjectRef, row);
    }
    if (row.actor === null) this.#misses(row.actorRef, row);
  }

  #misses(ref: string | null, row: TrailRow): void {
    const key = missingKey(row.tenant, ref);
    if (!this.#missing.has(key)) this.#missing.set(key, row);
  }

  #checkpoint(checkpoint: SignedStand, row: TrailRow): void {
    const proof = this.#reader.signer.prove(checkpoint);
    if (proof === "unknown-key") {
      this.#unknown += 1;
      return;
    }
    if (proof === "forged") {
      throw new Found("forged-checkpoint", row, `the checkpoint at row ${row.seq} is not signed`);
    }
    this.#compare(row, checkpoint);
    this.#good = row.seq;
    this.#proved += 1;
  }

  /** The hash of the row is the one that was signed for it. */
  #compare(row: TrailRow, { hash, chain }: SignedStand): void {
    if (hash === row.hash && chain === this.#head?.chain) return;
    const first = this.#good + 1;
    const says = `rows ${first} to ${row.seq}: something in them was changed and hashed anew`;
    throw new Found("rewritten", { seq: first }, says);
  }

  #keptBefore(kept: SignedStand, head: SignedStand): void {
    const proof = this.#reader.signer.prove(kept);
    if (proof !== "proved") {
      const why = proof === "forged" ? "is forged" : "was signed with a secret that is not here";
      throw new Found("forged-checkpoint", kept, `the checkpoint that was given ${why}`);
    }
    if (kept.chain !== head.chain) {
      throw new Found(
        "other-chain",
        { seq: 1 },
        "the checkpoint that was given is of another chain",
      );
    }
    if (kept.seq <= head.seq) return;
    const says = `the checkpoint is of row ${kept.seq}, and the trail ends at row ${head.seq}`;
    throw new Found("cut-off", { seq: head.seq + 1 }, says);
  }

  #end(head: SignedStand): void {
    if (this.#last.seq < head.seq) {
      const first = this.#last.seq + 1;
      const which = first === head.seq ? `row ${first} is` : `rows ${first} to ${head.seq} are`;
      throw new Found("cut-off", { seq: first }, `${which} missing at the end`);
    }
    const proof = this.#reader.signer.prove(head);
    if (proof === "unknown-key") {
      throw new Found("forged-head", head, "the head is signed with a secret that is not here");
    }
    if (proof === "forged") {
      const since = this.#good === 0 ? "" : `; up to row ${this.#good} a checkpoint proves them`;
      throw new Found("forged-head", head, `the head is not signed for these rows${since}`);
    }
    if (head.hash !== this.#last.hash) {
      const first = this.#good + 1;
      const says = `rows ${first} to ${head.seq}: something in them was changed and hashed anew`;
      throw new Found("rewritten", { seq: first }, says);
    }
    for (const row of this.#missing.values()) {
      if (this.#erasedTenants.has(row.tenant)) continue;
      const says = `row ${row.seq}: what it told is gone, and no entry says that it was erased`;
      throw new Found("erased-by-nobody", row, says);
    }
    for (const seq of this.#checkpoints.keys()) {
      if (seq <= head.seq) continue;
      const says = `there is a checkpoint of row ${seq}, and the trail ends at row ${head.seq}`;
      throw new Found("cut-off", { seq: head.seq + 1 }, says);
    }
  }

  /** Which hand it was: a row that fits where this one stands tells. */
  async #whatHappened(row: TrailRow, before: string): Promise<Found> {
    const fits = (one: TrailRow): boolean => {
      const hash = hashOf(before, row.seq, one);
      return hash === one.hash || hash === row.hash;
    };
    let searched = 0;
    for await (const other of this.#reader.rows(row.seq)) {
      searched += 1;
      if (searched > SEARCHED_MAX) break;
      if (!fits(other)) continue;
      const own = other.seq === row.seq + 1 && hashOf(other.hash, other.seq, row) !== row.hash;
      if (own) {
        return new Found("inserted", row, `row ${row.seq} was put between two that were written`);
      }
      const says = `row ${row.seq} is not the one that was written there: that is row ${other.seq}`;
      return new Found("reordered", row, says);
    }
    return new Found("changed", row, `row ${row.seq} is not what was written`);
  }
}

function missingKey(tenant: string, ref: string | null): string {
  return JSON.stringify([tenant, ref]);
}
