/** What an exchange is made of. */
import type { Conversions } from "./conversion.ts";
import type { HttpRules } from "./cookie-choice.ts";
import type { Core } from "./core.ts";
import type { Sessions } from "./sessions.ts";

/** What the exchanges of one `Sessions` share. */
export interface Household<Data extends object> {
  readonly core: Core;
  readonly http: HttpRules;
  readonly tenant: string;
  readonly sessions: Sessions<Data>;
  readonly conversions: Conversions | undefined;
}

/** A token that waits for its answer to leave. */
export interface Waiting {
  readonly token: string;
  readonly sealed: boolean;
  readonly takenAt: number;
  readonly persistUntil: number | undefined;
}
