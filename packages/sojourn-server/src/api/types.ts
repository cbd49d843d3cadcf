/** What the routes share: the application's type, what it stands on, and what a request carries. */
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { Exchange, Sessions } from "sojourn";
import type { ServerConfig } from "../config/config.ts";
import type { Caller, KeyDesk } from "../control/key-desk.ts";
import type { Proofs } from "../control/proofs.ts";
import type { Replies } from "../control/replies.ts";
import type { TokenHouse } from "../main/tokens.ts";
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
  readonly keys: KeyDesk;
  readonly replies: Replies;
  /** DPoP proofs that were taken by any process. */
  readonly proofs: Proofs;
  /** Absent: access tokens are off. */
  readonly tokens: TokenHouse | undefined;
  readonly metrics: Metrics;
  readonly streams: StreamRoom;
  /** The time of the sessions, for what is said of them. */
  readonly now: () => number;
  /** `draining`: served as ever, but balancers are told to go away. `stopping`: refused. */
  readonly phase: () => Phase;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Set in the Backend group. */
    caller: Caller | null;
    /** Set in the Self group. */
    exchange: Exchange | null;
  }
}
