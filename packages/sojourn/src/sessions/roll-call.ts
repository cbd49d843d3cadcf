/**
 * Receipts: every process that may answer from memory has a row under one name, and whoever wants
 * to know that all of them have caught up writes a question into each row. A process takes its
 * question out once a proof of freshness that began after it had read the question is in: then
 * whatever was acknowledged before the question was asked is known there. Decision 0020.
 */
import { encodeBase64Url } from "../tokens/base64url.ts";
import { bucketOf, newSessionId } from "../tokens/session-id.ts";
import type { NearSessions, SessionRef, StoreChange, Subscription } from "../engine/ports.ts";
import { claimRecord, claimRef } from "./claims.ts";
import type { Core } from "./core.ts";

const SUBJECT = "nodes";
/** A process that has not been heard of for so long, and may answer nothing any more, is none. */
const GONE_MS = 15_000;
const HEARTBEAT_MS = 5_000;
const LIFE_MS = 31_536_000_000;
const PROOF_POLL_MS = 5;
const ANSWER_POLL_MS = 10;
/** A question is given up by who asked long before. */
const PROOF_WITHIN_MS = 60_000;
const PAGE = 200;

interface Host {
  setInterval(run: () => void, ms: number): unknown;
  clearInterval(handle: unknown): void;
}
const host: Host = globalThis;

/** What {@link awaitFrontier} found out. */
export interface FrontierReceipt {
  /** Processes that may answer from memory. The others ask the store each time. */
  readonly nodes: number;
  /** Of these, how many know everything that was acknowledged before the call. */
  readonly confirmed: number;
  /** The others by the name of their row; each refuses by itself once its staleness has passed. */
  readonly missing: readonly string[];
}

function placeOf(id: string): SessionRef {
  return claimRef({ tenant: "", id, kind: "node" });
}
const { tenant: TENANT } = placeOf("");

/** This process's row, and its answers. */
export class NodeRow {
  readonly #core: Core;
  readonly #near: NearSessions;
  #ref: SessionRef | undefined;
  /** By the clock of the proofs; `Infinity` without a row. */
  #listedAt = Infinity;
  #registering: Promise<void> | undefined;
  #feed: Subscription | undefined;
  #cancel: (() => void) | undefined;
  #looking = false;
  #again = false;
  #closed = false;

  constructor(core: Core, near: NearSessions) {
    this.#core = core;
    this.#near = near;
  }

  /**
   * False while nobody would ask this process, and until it knows all that was acknowledged before
   * that was so: then it must not answer from memory.
   */
  get isListed(): boolean {
    return this.#near.provenAt > this.#listedAt;
  }

  /** At first use. Trouble is retried with the next heartbeat. */
  begin(): void {
    if (this.#closed || this.#feed !== undefined) return;
    this.#feed = this.#core.changes.add({
      change: (change) => this.#heard(change),
      gap: () => void this.#register().catch((error: unknown) => this.#trouble(error)),
    });
    this.#beat();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    this.#feed?.close();
    if (this.#ref === undefined) return;
    const now = this.#core.lastNow();
    const end = { reason: "logout" as const, at: now };
    await this.#core.store.revoke(this.#ref, end, { now }).catch(() => undefined);
  }

  #beat(): void {
    void this.#register()
      .catch((error: unknown) => this.#trouble(error))
      .finally(() => {
        if (this.#closed) return;
        this.#cancel = this.#core.timers.after(HEARTBEAT_MS, () => this.#beat());
      });
  }

  #trouble(error: unknown): void {
    this.#core.noteTrouble("node", error);
  }

  #register(): Promise<void> {
    this.#registering ??= this.#list().finally(() => void (this.#registering = undefined));
    return this.#registering;
  }

  async #list(): Promise<void> {
    const core = this.#core;
    const now = await storeNow(core);
    if (this.#ref !== undefined) {
      const [touched] = await core.store.touch([{ ref: this.#ref, seenAt: now }]);
      // A question may have been missed with the tail.
      if (touched === "touched") return this.#look();
      this.#unlist();
    }
    const bucket = await bucketOf(core.digest, await core.bucketKey(), TENANT, SUBJECT);
    const id = newSessionId(core.entropy, { bucket });
    const claim = claimRecord({ tenant: "", id, kind: "node" }, now, now + LIFE_MS);
    await core.store.create(
      { ...claim, subject: SUBJECT, idleMs: GONE_MS + this.#near.boundMs },
      { now },
    );
    this.#ref = placeOf(id);
    this.#listedAt = this.#near.monotonic();
    if (this.#closed) await this.close();
  }

  #unlist(): void {
    this.#ref = undefined;
    this.#listedAt = Infinity;
  }

  #heard(change: StoreChange): void {
    if (change.kind !== "session" || change.what !== "data") return;
    if (change.ref.id === this.#ref?.id && change.ref.tenant === TENANT) this.#look();
  }

  #look(): void {
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    this.#answer()
      .catch((error: unknown) => this.#trouble(error))
      .finally(() => {
        this.#looking = false;
        if (!this.#again || this.#closed) return;
        this.#again = false;
        this.#look();
      });
  }

  async #answer(): Promise<void> {
    const ref = this.#ref;
    if (ref === undefined || this.#closed) return;
    const row = await this.#core.store.find(ref);
    if (row?.record.end !== undefined || row === undefined) {
      // Lost, or swept after a long pause: nobody would ask for it.
      this.#unlist();
      return this.#register();
    }
    const questions = Object.keys(row.data);
    if (questions.length === 0) return;
    const readAt = this.#near.monotonic();
    for (let waited = 0; this.#near.provenAt <= readAt; waited += PROOF_POLL_MS) {
      if (this.#closed || waited > PROOF_WITHIN_MS) return;
      await pause(this.#core, PROOF_POLL_MS);
    }
    const operations = questions.map((key) => ({ op: "delete" as const, key }));
    await this.#core.store.patchData(ref, operations);
  }
}

/**
 * Wait until every process that may answer from memory knows what was acknowledged before this
 * call: one write and a few reads per process.
 *
 * @param timeoutMs Most milliseconds to wait.
 */
export async function awaitFrontier(core: Core, timeoutMs: number): Promise<FrontierReceipt> {
  // Its timers keep no process alive, and a script that waits for a receipt has nothing else.
  const alive = host.setInterval(() => undefined, timeoutMs);
  try {
    return await askAll(core, timeoutMs);
  } finally {
    host.clearInterval(alive);
  }
}

async function askAll(core: Core, timeoutMs: number): Promise<FrontierReceipt> {
  const until = performance.now() + timeoutMs;
  const question = encodeBase64Url(core.entropy.bytes(12));
  const rows = await nodeRows(core);
  const asked = await Promise.all(rows.map((ref) => ask(core, ref, question)));
  let open = rows.filter((_ref, at) => asked[at]);
  const nodes = open.length;
  let gone = 0;
  while (open.length > 0 && performance.now() < until) {
    await pause(core, ANSWER_POLL_MS);
    const states = await Promise.all(open.map((ref) => stateOf(core, ref, question)));
    gone += states.filter((state) => state === "gone").length;
    open = open.filter((_ref, at) => states[at] === "open");
  }
  const missing = open.map(({ id }) => id);
  return { nodes: nodes - gone, confirmed: nodes - gone - missing.length, missing };
}

/** By one clock for all: a process whose own is behind would be taken for one that is gone. */
async function storeNow(core: Core): Promise<number> {
  return (await core.store.health("any")).nowAt ?? core.now();
}

async function nodeRows(core: Core): Promise<SessionRef[]> {
  const rows: SessionRef[] = [];
  const now = await core.attempt("health", () => storeNow(core));
  let cursor: string | undefined;
  do {
    const page = { now, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) };
    const listed = await core.attempt("list", () =>
      core.store.listBySubject(TENANT, SUBJECT, page),
    );
    for (const { id } of listed.items) rows.push(placeOf(id));
    ({ cursor } = listed);
  } while (cursor !== undefined);
  return rows;
}

async function ask(core: Core, ref: SessionRef, question: string): Promise<boolean> {
  const operation = { op: "set" as const, key: question, value: "" };
  const result = await core.attempt("ask", () => core.store.patchData(ref, [operation]));
  return result.outcome === "patched";
}

async function stateOf(
  core: Core,
  ref: SessionRef,
  question: string,
): Promise<"open" | "answered" | "gone"> {
  const row = await core.attempt("find", () => core.store.find(ref));
  if (row === undefined || row.record.end !== undefined) return "gone";
  return Object.hasOwn(row.data, question) ? "open" : "answered";
}

function pause(core: Core, ms: number): Promise<void> {
  return new Promise((resolve) => void core.timers.after(ms, resolve));
}
