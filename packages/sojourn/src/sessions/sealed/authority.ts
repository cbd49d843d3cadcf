/** Who knows: whoever has the store. Asked when a sealed session alone cannot tell. */
import type { DataSnapshot } from "../../engine/data.ts";
import type { SessionSummary } from "../../engine/record.ts";
import type { EndReason } from "../../protocol/words.ts";
import { describeSessionToken } from "../../tokens/sealed/payload.ts";
import type { Session } from "../session.ts";
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
  /** What the request brought of its device, where sessions are bound to one. */
  readonly boundCookie?: string;
  /** Merged into the data of an active session first, per key; `null` removes the key. */
  readonly data?: Readonly<Record<string, unknown>>;
}

export type AuthorityAnswer =
  | {
      readonly state: "live";
      readonly session: SessionSummary;
      readonly data: DataSnapshot;
      /**
       * To be presented from now on. Absent where the client has, or is about to get, a newer one
       * than was asked with: its cookies stay as they are, or a straggler would turn them back.
       */
      readonly token?: string;
    }
  | { readonly state: "ended"; readonly reason: EndReason }
  | { readonly state: "unknown" };

/**
 * Rejects for trouble: never an answer then (I7). Its own deadline is its business. An
 * `ArgumentError` says that `data` cannot be taken; nothing was written then.
 */
export interface SealedAuthority {
  check(question: AuthorityQuestion): Promise<AuthorityAnswer>;
}

/** Sessions of this process as the authority. One `authenticate` for each question. */
export function sessionsAuthority<Data extends object>(
  sessions: Pick<Sessions<Data>, "authenticate">,
): SealedAuthority {
  return {
    async check({ token, data: changes, ...context }) {
      const standing = await sessions.authenticate(token, context);
      if (standing.state === "ended" || standing.state === "unknown") return standing;
      const { session } = standing;
      if (changes !== undefined && standing.state === "active") {
        await session.update((draft) => merge(draft, changes));
      }
      const summary = session.describe();
      if (summary === undefined) return { state: "unknown" };
      // What a hard rotation replaced is worth what it was, not what the session has reached.
      const { assurance = summary.assurance } = session;
      const successor = standing.state === "active" ? standing.successor : undefined;
      const kept = successor ?? (isNewest(token, session) ? token : undefined);
      return {
        state: "live",
        // Locked for a request that did not prove its device, whatever the row says.
        session: { ...summary, assurance, state: standing.state },
        data: session.data,
        ...(kept === undefined ? {} : { token: kept }),
      };
    },
  };
}

function isNewest<Data extends object>(token: string, session: Session<Data>): boolean {
  const presented = describeSessionToken(token)?.generation;
  return presented === session.generation && !session.hasSuccessor;
}

const PLAIN = { writable: true, enumerable: true, configurable: true } as const;

function merge(draft: object, changes: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) Reflect.deleteProperty(draft, key);
    // Not set, since `__proto__` is a key like any other.
    else Reflect.defineProperty(draft, key, { value, ...PLAIN });
  }
}
