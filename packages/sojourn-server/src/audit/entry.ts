/**
 * One line of the audit trail, as it is taken down on a request's way: bounded, plain, and made of
 * members that are listed here, so that a token or a value of session data has no way in (I12).
 */
import type { SessionEvent } from "sojourn";
import { present } from "../config/present.ts";
import { actorNamed } from "../control/key-desk.ts";

/** Where a request came from, as far as privacy lets it be kept. */
export interface Origin {
  /** A network, not a host, unless the installation asks for more. */
  readonly address?: string | undefined;
  /** The same on one day for the same address: see `AddressSalts`. */
  readonly ref?: string | undefined;
  /** Family of the browser or program, like `Firefox`. */
  readonly agent?: string | undefined;
}

/** As it lies in the spool. */
export interface AuditEntry {
  /** Unique for ever: a second copy of an entry is known by it. */
  readonly id: string;
  readonly at: number;
  /** Empty: it is about the service itself. */
  readonly tenant: string;
  readonly name: string;
  /** Who did it: `key:shop-api`, a subject, `operator:cli`, `system`. */
  readonly actor: string;
  readonly about: About;
  readonly whole?: WholeAddress;
}

/** Kept beside the trail, for so long. */
export interface WholeAddress {
  readonly address: string;
  readonly keepMs: number;
}

/** What may have to be erased one day. */
export interface About {
  readonly subject?: string;
  /** The public handle. */
  readonly session?: string;
  readonly reason?: string;
  readonly cause?: string;
  /** Id of the request. */
  readonly request?: string;
  /** Id of the service key that was proved, whoever the actor is said to be. */
  readonly key?: string;
  readonly from?: Origin;
  /** Of the person, as the back end told it. */
  readonly client?: Pick<Origin, "agent">;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** What is known of the request that an event happened in. */
export interface Circumstances {
  readonly request?: string;
  readonly key?: { readonly id: string; readonly name: string };
  /** The session's own holder came. */
  readonly self?: boolean;
  readonly from?: Origin;
  /** Where the installation asks for it. */
  readonly whole?: WholeAddress;
  readonly client?: Pick<Origin, "agent">;
}

/** Members of events that are kept as detail. Whatever is not here stays out. */
const DETAILS: ReadonlySet<string> = new Set([
  "sidRef",
  "kind",
  "acr",
  "amr",
  "from",
  "idleExpiresAt",
  "generation",
  "how",
  "factors",
  "keys",
  "dataVersion",
  "roles",
  "epoch",
  "ended",
  "confirmed",
  "reaction",
  "sameContext",
  "why",
  "max",
  "onLimit",
  "tier",
  "thumbprint",
  "enforcement",
  "skipped",
  "stage",
  "cookie",
  "sent",
  "operation",
  "sessions",
  "tookMs",
  "lastedMs",
]);

const TEXT_CHARS_MAX = 1_024;
const LIST_MAX = 32;

/** @param reference Of an address, for the entries of one day. */
export type ReadCircumstances = (
  reference?: (address: string) => string | undefined,
) => Circumstances;

/** An event of the library as an entry. */
export function entryOfEvent(
  id: string,
  event: SessionEvent,
  { request, key, self, from, client, whole }: Circumstances,
): AuditEntry {
  const members = event as unknown as Readonly<Record<string, unknown>>;
  const { at, tenant, name, subject, session, actor, cause } = event;
  const detail: Record<string, unknown> = {};
  for (const member in members) {
    const value = members[member];
    if (value !== undefined && DETAILS.has(member)) detail[member] = bounded(value);
  }
  const own = self === true ? subject : undefined;
  const derived = key === undefined ? own : actorNamed(key.name);
  const about = present({
    subject: shortened(subject),
    session,
    reason: "reason" in event ? event.reason : undefined,
    cause: shortened(cause),
    request,
    key: key?.id,
    from,
    client,
    detail,
  });
  const who = shortened(actor ?? derived ?? "system");
  const entry = { id, at, tenant, name, actor: who, about };
  return whole === undefined ? entry : { ...entry, whole };
}

function shortened<Text extends string | undefined>(text: Text): Text | string {
  if (text === undefined || text.length <= TEXT_CHARS_MAX) return text;
  return `${text.slice(0, TEXT_CHARS_MAX)}…`;
}

function bounded(value: unknown): unknown {
  if (typeof value === "string") return shortened(value);
  return Array.isArray(value) ? value.slice(0, LIST_MAX).map(bounded) : value;
}
