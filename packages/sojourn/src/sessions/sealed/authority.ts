/** Who knows: whoever has the store. Asked when a sealed session alone cannot tell. */
import type { DataSnapshot } from "../../engine/data.ts";
import type { SessionSummary } from "../../engine/record.ts";
import type { EndReason } from "../../protocol/words.ts";
import type { Sessions } from "../sessions.ts";

export interface AuthorityQuestion {
  readonly token: string;
  readonly tenant: string;
  /** The request is a person's act. */
  readonly activity: boolean;
  /** A new token reaches the client. */
  readonly canSetToken: boolean;
  /** Text that describes the client; absent when nothing is known of it. */
  readonly fingerprint?: string;
}

export type AuthorityAnswer =
  | {
      readonly state: "live";
      readonly session: SessionSummary;
      readonly data: DataSnapshot;
      /** To be presented from now on. */
      readonly token: string;
    }
  | { readonly state: "ended"; readonly reason: EndReason }
  | { readonly state: "unknown" };

/** Rejects for trouble: never an answer then (I7). Its own deadline is its business. */
export interface SealedAuthority {
  check(question: AuthorityQuestion): Promise<AuthorityAnswer>;
}

/** Sessions of this process as the authority. One `authenticate` for each question. */
export function sessionsAuthority<Data extends object>(
  sessions: Pick<Sessions<Data>, "authenticate">,
): SealedAuthority {
  return {
    async check({ token, ...context }) {
      const standing = await sessions.authenticate(token, context);
      if (standing.state === "ended" || standing.state === "unknown") return standing;
      const session = standing.session.describe();
      if (session === undefined) return { state: "unknown" };
      const successor = standing.state === "active" ? standing.successor : undefined;
      const data = standing.session.data as DataSnapshot;
      return { state: "live", session, data, token: successor ?? token };
    },
  };
}
