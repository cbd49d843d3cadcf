/** What the driver and its worker processes tell each other. */
import type { Known } from "./recorder.ts";

/** How a worker reaches the store; read by whoever makes its subject under test. */
export interface StoreSpec {
  readonly kind: string;
  readonly url: string;
  /** S; 0 asks the store every time. */
  readonly stalenessMs: number;
  /** How long one call may take. */
  readonly timeoutMs: number;
  readonly idleMs: number;
  /** 32 random bytes as base64url, the same for every worker. */
  readonly secret: string;
}

export interface WorkerPlan {
  readonly process: string;
  readonly seed: number;
  /** Address of the module whose `makeSubject(spec)` gives the subject under test. */
  readonly subject: string;
  readonly store: StoreSpec;
  /** The file it writes its history to. */
  readonly history: string;
  /** Calls under way at a time. */
  readonly loops: number;
  /** Mean pause of a loop between two calls. */
  readonly pauseMs: number;
  /** Live sessions of all workers together, about. */
  readonly population: number;
  readonly subjects: number;
}

export type ToWorker =
  | { readonly type: "begin" }
  | { readonly type: "known"; readonly known: readonly Known[] }
  | { readonly type: "ended"; readonly sessions: readonly string[] }
  /** Is the store there? Answered with `probed`. */
  | { readonly type: "probe" }
  /** Begin no more calls; `idle` when those under way are over. */
  | { readonly type: "rest" }
  | {
      readonly type: "audit";
      readonly sessions: readonly Known[];
      readonly subjects: readonly string[];
    }
  | { readonly type: "jump"; readonly ms: number }
  | { readonly type: "suffer"; readonly fault: string; readonly on: boolean }
  /** Finish what is under way, close, leave. */
  | { readonly type: "drain" };

export type FromWorker =
  | { readonly type: "ready" }
  | { readonly type: "known"; readonly known: Known }
  | { readonly type: "ended"; readonly session: string }
  | { readonly type: "probed"; readonly ok: boolean }
  | { readonly type: "idle" }
  | { readonly type: "audited"; readonly troubles: number };
