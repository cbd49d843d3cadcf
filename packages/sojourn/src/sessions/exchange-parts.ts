/** What an exchange is made of. */
import { readBearer } from "../http/bearer.ts";
import { clientOf } from "../http/forwarded.ts";
import type { Conversions } from "./conversion.ts";
import type { HttpRules } from "./cookie-choice.ts";
import type { Core } from "./core.ts";
import type { RequestView } from "./request-view.ts";
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

const BEARER_PREFIX = "sj1";

/** A bearer credential of ours; the application's own are none of our business. */
export function ownBearer(view: RequestView): string | undefined {
  const reading = readBearer(view.header("authorization"));
  if (reading.kind !== "value") return undefined;
  return reading.value.startsWith(BEARER_PREFIX) ? reading.value : undefined;
}

/** Who asks, behind trusted proxies. */
export function addressOf({ forwarded }: HttpRules, view: RequestView): string | undefined {
  return clientOf(forwarded, view).address;
}
