/** Endpoints as their owners manage them. Every call is about one tenant's. */
import { randomBytes } from "node:crypto";
import { ArgumentError } from "sojourn";
import { isEntryName } from "../audit/names.ts";
import type { TrailReader } from "../audit/trail-reader.ts";
import type { AddressRule } from "./addresses.ts";
import type { Attempted } from "./attempt.ts";
import type { Again, Delivery, DeliveryFilter, DeliveryTable } from "./delivery-table.ts";
import type { EndpointSecrets } from "./endpoint-secrets.ts";
import type { Endpoint, EndpointChange, EndpointTable } from "./endpoint-table.ts";
import type { Sender } from "./sender.ts";
import { urlProblem } from "./url.ts";

export interface DeskParts {
  readonly endpoints: EndpointTable;
  readonly deliveries: DeliveryTable;
  readonly secrets: EndpointSecrets;
  readonly sender: Sender;
  readonly reader: TrailReader;
  readonly rule: AddressRule;
  readonly now: () => number;
  /** Something is due. */
  readonly wake: () => void;
}

export interface WantedEndpoint {
  readonly url: string;
  readonly events?: readonly string[] | undefined;
  readonly description?: string | undefined;
}

export interface WantedChange {
  readonly url?: string | undefined;
  readonly events?: readonly string[] | undefined;
  readonly description?: string | undefined;
  readonly enabled?: boolean | undefined;
}

export interface Issued {
  readonly endpoint: Endpoint;
  /** The only time it is shown. */
  readonly secret: string;
}

const ENDPOINTS_MAX = 50;
export const OVERLAP_MS = 86_400_000;
const ID_BYTES = 12;

export class WebhookDesk {
  readonly #parts: DeskParts;

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  /** @throws {ArgumentError} `url` or `events`, and `limit` when there are too many. */
  async create(tenant: string, wanted: WantedEndpoint): Promise<Issued> {
    const { endpoints, secrets, reader, now } = this.#parts;
    this.#check(wanted);
    if ((await endpoints.list(tenant)).length >= ENDPOINTS_MAX) {
      throw new ArgumentError("limit", `a tenant has at most ${ENDPOINTS_MAX} webhooks`);
    }
    const id = `whk_${randomBytes(ID_BYTES).toString("base64url")}`;
    const { text: secret, sealed } = secrets.mint(id);
    const endpoint: Endpoint = {
      id,
      tenant,
      url: wanted.url,
      events: [...new Set(wanted.events)],
      description: wanted.description ?? "",
      sinceSeq: (await reader.head())?.seq ?? 0,
      secret: sealed,
      version: 1,
      createdAt: Math.trunc(now()),
    };
    await endpoints.insert(endpoint);
    return { endpoint, secret };
  }

  list(tenant: string): Promise<readonly Endpoint[]> {
    return this.#parts.endpoints.list(tenant);
  }

  /** @returns `undefined` for another tenant's, too. */
  async find(tenant: string, id: string): Promise<Endpoint | undefined> {
    const endpoint = await this.#parts.endpoints.find(id);
    return endpoint?.tenant === tenant ? endpoint : undefined;
  }

  /** @throws {ArgumentError | ContentionError} */
  async change(endpoint: Endpoint, wanted: WantedChange): Promise<Endpoint> {
    this.#check(wanted);
    const { enabled, events, url, description } = wanted;
    const change: EndpointChange = {
      ...(url === undefined ? {} : { url }),
      ...(events === undefined ? {} : { events: [...new Set(events)] }),
      ...(description === undefined ? {} : { description }),
      ...(enabled === undefined ? {} : { disabled: enabled ? null : "operator" }),
    };
    const changed = await this.#parts.endpoints.change(endpoint, change);
    this.#parts.wake();
    return changed;
  }

  /** @throws {ContentionError} */
  remove(endpoint: Endpoint): Promise<void> {
    return this.#parts.endpoints.remove(endpoint);
  }

  /** @param overlapMs How long the old one signs, too. @throws {ContentionError} */
  async rotate(endpoint: Endpoint, overlapMs: number): Promise<Issued> {
    const { endpoints, secrets, now } = this.#parts;
    const { text: secret, sealed } = secrets.mint(endpoint.id);
    const oldUntil = Math.trunc(now() + overlapMs);
    const change = { secret: sealed, oldSecret: endpoint.secret, oldUntil };
    return { endpoint: await endpoints.change(endpoint, change), secret };
  }

  deliveries(
    { id }: Endpoint,
    filter: DeliveryFilter,
    limit: number,
  ): Promise<readonly Delivery[]> {
    return this.#parts.deliveries.list(id, filter, limit);
  }

  /** @returns how many are sent again. */
  async replay(endpoint: Endpoint, what: Again): Promise<number> {
    const { deliveries, now, wake } = this.#parts;
    const count = await deliveries.again(endpoint, what, Math.trunc(now()));
    wake();
    return count;
  }

  /** Forget deliveries that are long over. @returns how many went. */
  tidy(): Promise<number> {
    return this.#parts.deliveries.tidy(this.#parts.now());
  }

  /** One try at once, of which nothing is kept. */
  test(endpoint: Endpoint): Promise<Attempted> {
    const { sender, now } = this.#parts;
    const id = `msg_test_${randomBytes(ID_BYTES).toString("base64url")}`;
    const data = { webhook: endpoint.id };
    const timestamp = new Date(now()).toISOString();
    return sender.send(endpoint, id, { type: "webhook-test", timestamp, data });
  }

  #check({ url, events }: WantedChange): void {
    const problem = url === undefined ? undefined : urlProblem(url, this.#parts.rule);
    if (problem !== undefined) throw new ArgumentError("url", problem);
    const wrong = events?.find((name) => !isEntryName(name));
    if (wrong !== undefined) {
      throw new ArgumentError(
        "events",
        `no entry of the audit trail is named ${JSON.stringify(wrong)}`,
      );
    }
  }
}
