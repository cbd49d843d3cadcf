/** What the routes share: the application's type, what it stands on, and what a request carries. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { Exchange, Sessions, SessionStore } from "sojourn";
import type { NearCache } from "sojourn/stores/near-cache";
import type { DeviceBindings } from "sojourn/dbsc";
import type { ServerConfig } from "../config/config.ts";
import type { ConsoleHouse } from "../console/house.ts";
import type { ControlStore } from "../control/control-store.ts";
import type { Caller, KeyDesk } from "../control/key-desk.ts";
import type { Proofs } from "../control/proofs.ts";
import type { Replies } from "../control/replies.ts";
import type { TrailReader } from "../audit/trail-reader.ts";
import type { LockDesk } from "../locks/lock-desk.ts";
import type { AuditHouse } from "../main/audit.ts";
import type { Privacy } from "../privacy/privacy.ts";
import type { TenantHouse } from "../main/tenants.ts";
import type { TokenHouse } from "../main/tokens.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { Operations } from "../operations/operations.ts";
import type { Search } from "../search/search.ts";
import type { Analytics } from "../analytics/analytics.ts";
import type { WebhookDesk } from "../webhooks/desk.ts";
import type { Metrics } from "./metrics.ts";
import type { StreamRoom } from "./streams.ts";

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>;

export type Phase = "serving" | "draining" | "stopping";

/** What handlers call. One per process. */
export interface House {
  readonly config: ServerConfig;
  readonly sessions: Sessions;
  readonly control: ControlStore;
  /** Absent: every request asks the store. */
  readonly near: NearCache | undefined;
  /** Below what is kept near: what is asked here is asked now. */
  readonly store: SessionStore;
  readonly keys: KeyDesk;
  readonly locks: LockDesk;
  readonly replies: Replies;
  /** DPoP proofs that were taken by any process. */
  readonly proofs: Proofs;
  /** Absent: sessions are bound to no device. */
  readonly bindings: DeviceBindings | undefined;
  /** Absent: access tokens are off. */
  readonly tokens: TokenHouse | undefined;
  readonly tenants: TenantHouse;
  readonly audit: AuditHouse;
  readonly trail: TrailReader;
  readonly search: Search;
  readonly operations: Operations;
  /** Absent: there is no console. */
  readonly console: ConsoleHouse | undefined;
  readonly privacy: Privacy;
  readonly webhooks: WebhookDesk;
  readonly analytics: Analytics;
  readonly metrics: Metrics;
  /** Absent: nothing is sent to a collector. */
  readonly telemetry: Telemetry | undefined;
  readonly streams: StreamRoom;
  /** The time of the sessions, for what is said of them. */
  readonly now: () => number;
  /** `draining`: served as ever, but balancers are told to go away. `stopping`: refused. */
  readonly phase: () => Phase;
}

/** A request that is worked on, whichever way it came in. */
export interface RequestInHand {
  readonly id: string;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
  readonly raw: IncomingMessage;
  /** Who proved a service key. */
  readonly caller: Caller | null;
  /** What a session's own holder asks with. */
  readonly exchange: Exchange | null;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Set in the Backend group. */
    caller: Caller | null;
    /** Set in the Self group. */
    exchange: Exchange | null;
  }
}
