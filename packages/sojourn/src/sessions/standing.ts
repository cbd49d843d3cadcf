/** What a credential is worth now. Three answers, never two: trouble is thrown, no standing. */
import type { EndReason } from "../protocol/words.ts";
import type { SessionRecord } from "../engine/record.ts";
import type { Session } from "./session.ts";

export type Standing<Data extends object = Record<string, unknown>> =
  | {
      readonly state: "active";
      readonly session: Session<Data>;
      /** A new token for the client; present only when the caller said it can send one. */
      readonly successor?: string;
    }
  | { readonly state: "pending" | "locked"; readonly session: Session<Data> }
  | { readonly state: "ended"; readonly reason: EndReason }
  | { readonly state: "unknown" };

/** How a token is presented. */
export interface AuthenticateContext {
  readonly tenant?: string;
  /** The request is a person's act. Default true; polls and peeks say false. */
  readonly activity?: boolean;
  /** The caller can hand a new token to the client. Default false. */
  readonly canSetToken?: boolean;
  /** Text that describes the client (user agent, …): stored as a keyed hash only. */
  readonly fingerprint?: string;
}

/** Takes new tokens to the client. Made by adapters; absent where none can be sent. */
export interface TokenCarrier {
  /** Text that describes the client on the other side; absent when nothing is known of it. */
  readonly fingerprint: string | undefined;
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
