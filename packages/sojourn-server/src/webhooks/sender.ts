/**
 * Sends what is due. Few at once to one endpoint, so that a slow one delays nobody else. What was
 * under way when the process died is due still, and goes out again with the same id.
 */
import { viewOfEntry } from "../audit/formats.ts";
import type { ReadEntry, TrailReader } from "../audit/trail-reader.ts";
import type { AddressRule } from "./addresses.ts";
import { attempt } from "./attempt.ts";
import type { Attempted } from "./attempt.ts";
import type { Delivery, DeliveryTable } from "./delivery-table.ts";
import type { Endpoint, EndpointTable } from "./endpoint-table.ts";
import { FAILING_MS_MAX, retryAfter } from "./schedule.ts";
import { signedHeaders } from "./signing.ts";
import type { EndpointSecrets } from "./endpoint-secrets.ts";

export interface SenderParts {
  readonly endpoints: EndpointTable;
  readonly deliveries: DeliveryTable;
  readonly secrets: EndpointSecrets;
  readonly reader: TrailReader;
  readonly rule: AddressRule;
  readonly now: () => number;
  readonly timeoutMs: number;
  /** An endpoint was disabled by what it answered. */
  readonly onDisabled: (endpoint: Endpoint) => void;
  readonly onTried?: (outcome: Attempted) => void;
  /** A place is free again. */
  readonly onFree: () => void;
  readonly onTrouble: (error: unknown) => void;
}

export const ATTEMPT_MS = 15_000;
const AT_ONCE = 4;
const AT_ONCE_IN_ALL = 200;
const GONE = 410;

export class Sender {
  readonly #parts: SenderParts;
  /** Entries under way, by endpoint. */
  readonly #underWay = new Map<string, Set<number>>();
  #count = 0;

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  /** Begin what is due and has a place. */
  async round(): Promise<void> {
    const { deliveries, now } = this.#parts;
    for (const id of await deliveries.withDue(Math.trunc(now()))) {
      if (this.#count >= AT_ONCE_IN_ALL) return;
      const busy = this.#underWay.get(id)?.size ?? 0;
      if (busy < AT_ONCE) await this.#serve(id, busy);
    }
  }

  /** What is under way has ended, or the time is over. */
  async settle(withinMs: number): Promise<void> {
    const until = performance.now() + withinMs;
    while (this.#count > 0 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async #serve(id: string, busy: number): Promise<void> {
    const { deliveries, endpoints, now } = this.#parts;
    const due = await deliveries.due(id, Math.trunc(now()), AT_ONCE + busy);
    const endpoint = await endpoints.find(id);
    if (endpoint === undefined || endpoint.disabled !== undefined) return;
    const under = this.#underWay.get(id) ?? new Set();
    this.#underWay.set(id, under);
    for (const delivery of due) {
      if (under.has(delivery.seq) || under.size >= AT_ONCE) continue;
      under.add(delivery.seq);
      this.#count += 1;
      void this.#deliver(endpoint, delivery)
        .catch((error: unknown) => this.#parts.onTrouble(error))
        .finally(() => {
          under.delete(delivery.seq);
          if (under.size === 0) this.#underWay.delete(id);
          this.#count -= 1;
          this.#parts.onFree();
        });
    }
  }

  async #deliver(endpoint: Endpoint, delivery: Delivery): Promise<void> {
    const entry = await this.#parts.reader.at(delivery.seq);
    const outcome =
      entry === undefined
        ? ({ trouble: "retired" } as const)
        : await this.send(endpoint, delivery.id, payloadOf(entry));
    this.#parts.onTried?.(outcome);
    await this.#record(endpoint, delivery, outcome);
  }

  /** One try, of which nothing is kept. */
  async send(endpoint: Endpoint, id: string, payload: object): Promise<Attempted> {
    const { rule, timeoutMs, now, secrets } = this.#parts;
    const keys = await secrets.of(endpoint, now());
    if (keys.length === 0) return { trouble: "secret" };
    const body = JSON.stringify(payload);
    const headers = signedHeaders({ id, body }, keys, now());
    return attempt({ url: endpoint.url, rule, timeoutMs }, headers, body);
  }

  async #record(endpoint: Endpoint, delivery: Delivery, outcome: Attempted): Promise<void> {
    const { deliveries, endpoints, now } = this.#parts;
    const at = Math.trunc(now());
    const failed = outcome.trouble !== undefined;
    const span =
      outcome.trouble === "retired" ? undefined : retryAfter(delivery.tries + 1, Math.random());
    const next = failed && span !== undefined ? at + span : undefined;
    const kept = await deliveries.tried(delivery, outcome, { at, next });
    if (!kept || outcome.trouble === "retired") return;
    if (!failed) {
      if (endpoint.failingSince !== undefined) await endpoints.noteSuccess(endpoint.id);
      return;
    }
    const since = endpoint.failingSince ?? at;
    if (endpoint.failingSince === undefined) await endpoints.noteFailure(endpoint.id, at);
    const gone = outcome.status === GONE;
    if (gone || at - since >= FAILING_MS_MAX) await this.#disable(endpoint.id, gone);
  }

  async #disable(id: string, gone: boolean): Promise<void> {
    const { endpoints, onDisabled } = this.#parts;
    // As it is now: it may have been changed, and disabled by another delivery.
    const endpoint = await endpoints.find(id);
    if (endpoint === undefined || endpoint.disabled !== undefined) return;
    onDisabled(await endpoints.change(endpoint, { disabled: gone ? "gone" : "failing" }));
  }
}

/** As Standard Webhooks has it: what, when, and the entry. */
function payloadOf(entry: ReadEntry): object {
  return {
    type: entry.name,
    timestamp: new Date(entry.at).toISOString(),
    data: viewOfEntry(entry),
  };
}
