/** What a credential is worth now. Three answers, never two: trouble is thrown, no standing. */
import type { EndReason } from "../protocol/words.ts";
import type { SessionRecord } from "../engine/record.ts";
import type { UnprovenDevice } from "./bound-requests.ts";
import type { Session } from "./session.ts";

export type Standing<Data extends object = Record<string, unknown>> =
  | {
      readonly state: "active";
      readonly session: Session<Data>;
      /** A new token for the client; present only when the caller said it can send one. */
      readonly successor?: string;
      /** The session is bound to a device that was not proved, which is tolerated (`observe`). */
      readonly unproven?: UnprovenDevice;
    }
  | {
      readonly state: "pending" | "locked";
      readonly session: Session<Data>;
      /** Why it is locked for this request alone: the device it is bound to was not proved. */
      readonly unproven?: UnprovenDevice;
    }
  | {
      readonly state: "ended";
      readonly reason: EndReason;
      /** For the person, where a lockout stands that keeps it out. */
      readonly message?: string;
    }
  | { readonly state: "unknown" };

/** How a token is presented. */
export interface AuthenticateContext {
  readonly tenant?: string;
  /** The request is a person's act. Default true; polls and peeks say false. */
  readonly activity?: boolean;
  /** The caller can hand a new token to the client. Default false. */
  readonly canSetToken?: boolean;
  /** Where the client is, an IP address: lockouts may ask for it. */
  readonly address?: string | undefined;
  /** Text that describes the client (user agent, …): stored as a keyed hash only. */
  readonly fingerprint?: string;
  /**
   * Value of the bound cookie (DBSC), where the request brought one. Without it a session that is
   * bound to a device is `locked`, or what else `dbsc.enforcement` says.
   */
  readonly boundCookie?: string | undefined;
  /** The request's `Secure-Session-Skipped`: why its browser could not refresh, as it says. */
  readonly skipped?: string | undefined;
}

/** Takes new tokens to the client. Made by adapters; absent where none can be sent. */
export interface TokenCarrier {
  /** Text that describes the client on the other side; absent when nothing is known of it. */
  readonly fingerprint: string | undefined;
  /** Where the client is, an IP address. */
  readonly address?: string | undefined;
  /**
   * @param how `sealed` may be dropped when the response is late; the others never.
   * @param persistUntil Keep the cookie until then; absent: for the browser session.
   */
  set(token: string, how: "login" | "hard" | "sealed" | "anonymous", persistUntil?: number): void;
  /** A factor has been recorded: the answer may offer to bind the session to the device. */
  offer(record: SessionRecord): Promise<void> | void;
  /** The answer to a logout, and nothing else. */
  clear(): void;
  /** A change has been asked for: the response must wait for it. */
  began(): void;
}
