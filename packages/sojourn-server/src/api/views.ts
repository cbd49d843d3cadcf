/** Values of the library as they go over the wire: RFC 3339 instants, spans in seconds. */
import { idleExpiresAt } from "sojourn";
import type { Assurance, Description, Session, SessionSummary, Standing, Unmet } from "sojourn";
import type {
  AssuranceView,
  EndView,
  SessionField,
  SessionView,
  StateView,
  UnmetView,
} from "./schemas.ts";

type Bound = NonNullable<SessionSummary["binding"]>;

const SECOND_MS = 1_000;

/** The second written last, up to its point; most instants that follow lie in the same. */
let secondAt = Number.NaN;
let secondText = "";

export function instant(at: number): string {
  const second = Math.floor(at / SECOND_MS);
  if (second !== secondAt) {
    secondText = new Date(second * SECOND_MS).toISOString().slice(0, -4);
    secondAt = second;
  }
  const ms = Math.trunc(at) - second * SECOND_MS;
  return `${secondText}${String(ms).padStart(3, "0")}Z`;
}

function seconds(ms: number): number {
  return Math.round(ms / SECOND_MS);
}

/** A session from a list: without data. @param now Judges deadlines that have passed meanwhile. */
export function summaryView(summary: SessionSummary, now: number): SessionView {
  const idle = idleExpiresAt(summary);
  const judged = judgedBy(summary, idle, now);
  return {
    id: `ses_${summary.id}`,
    tenant: summary.tenant,
    subject: summary.subject,
    kind: summary.kind,
    state: judged.state,
    createdAt: instant(summary.createdAt),
    authenticatedAt: instant(summary.authenticatedAt),
    seenAt: instant(summary.seenAt),
    idleExpiresAt: instant(idle),
    absoluteExpiresAt: instant(summary.absoluteExpiresAt),
    idleSeconds: summary.idleMs / SECOND_MS,
    ...(summary.idleLockFactors === 0 ? {} : { idleFactors: summary.idleLockFactors }),
    subjectEpoch: summary.epoch,
    assurance: assuranceView(summary.assurance),
    ...(summary.device === undefined ? {} : { device: summary.device }),
    ...(summary.roles === undefined ? {} : { roles: [...summary.roles] }),
    ...(summary.client === undefined ? {} : { clientId: summary.client }),
    ...(summary.parent === undefined ? {} : { parent: summary.parent }),
    ...(summary.actor === undefined ? {} : { actor: summary.actor }),
    ...(summary.remember === true ? { remember: true } : {}),
    ...(judged.state === "locked" ? { required: { factors: lockFactors(summary) } } : {}),
    ...(summary.binding === undefined ? {} : { binding: bindingView(summary.binding) }),
    ...(judged.end === undefined ? {} : { end: judged.end }),
  };
}

function bindingView({ tier, key, thumbprint, boundAt, proofs }: Bound): SessionView["binding"] {
  return { tier, key, thumbprint, boundAt: instant(boundAt), proofs };
}

/** Factors that leave `locked`. */
export function lockFactors(summary: SessionSummary): number {
  return Math.max(1, summary.lockFactors ?? summary.idleLockFactors);
}

interface Judged {
  readonly state: StateView;
  readonly end?: EndView;
}

function judgedBy(summary: SessionSummary, idle: number, now: number): Judged {
  const { end, state, absoluteExpiresAt } = summary;
  if (end !== undefined) {
    const { cause, actor } = end;
    const words = {
      ...(cause === undefined ? {} : { cause }),
      ...(actor === undefined ? {} : { actor }),
    };
    return { state: "ended", end: { reason: end.reason, at: instant(end.at), ...words } };
  }
  if (now >= absoluteExpiresAt) {
    return { state: "ended", end: { reason: "absolute_timeout", at: instant(absoluteExpiresAt) } };
  }
  if (now < idle) return { state };
  const locks = summary.idleLockFactors > 0 && state !== "pending";
  return locks
    ? { state: "locked" }
    : { state: "ended", end: { reason: "idle_timeout", at: instant(idle) } };
}

function assuranceView(assurance: Assurance): AssuranceView {
  const { acr, amr, authTime, factors, elevatedUntil } = assurance;
  return {
    ...(acr === undefined ? {} : { acr }),
    amr: [...amr],
    authTime: instant(authTime),
    factors: factors.map(({ method, at }) => ({ method, at: instant(at) })),
    ...(elevatedUntil === undefined ? {} : { elevatedUntil: instant(elevatedUntil) }),
  };
}

/** A live session with its data. @returns `undefined` while there is no row. */
export function sessionView(session: Session, now: number): SessionView | undefined {
  const summary = session.describe();
  if (summary === undefined) return undefined;
  const { warnAt, assurance } = session;
  const view = summaryView(summary, now);
  // Locked for this request alone: the device it is bound to was not proved.
  const locked = session.state === "locked" && view.state !== "locked";
  return {
    ...view,
    ...(locked ? { state: "locked", required: { factors: lockFactors(summary) } } : {}),
    ...(assurance === undefined ? {} : { assurance: assuranceView(assurance) }),
    ...(warnAt === undefined ? {} : { warnAt: instant(warnAt) }),
    // Whoever is locked out or still misses a factor sees no data.
    ...(session.state === "active" ? { data: { ...session.data } } : {}),
    version: session.version,
  };
}

/** An ended session as operators see it. */
export function descriptionView(described: Description, now: number): SessionView {
  const view = summaryView(described.summary, now);
  const { reason, state, version } = described;
  // The subject's epoch may have ended it, which the summary alone does not tell.
  const end = view.end ?? (reason === undefined ? undefined : { reason, at: instant(now) });
  return { ...view, state, version, ...(end === undefined ? {} : { end }) };
}

export function pick(
  view: SessionView | undefined,
  fields: readonly SessionField[] | undefined,
): Partial<SessionView> | undefined {
  if (view === undefined || fields === undefined) return view;
  const wanted = new Set<string>(fields);
  return Object.fromEntries(Object.entries(view).filter(([name]) => wanted.has(name)));
}

export function unmetView(unmet: Unmet | undefined): UnmetView | undefined {
  if (unmet === undefined) return undefined;
  const { acr, maxAgeMs, factors, elevated } = unmet;
  return {
    ...(acr === undefined ? {} : { acr }),
    ...(maxAgeMs === undefined ? {} : { maxAge: seconds(maxAgeMs) }),
    ...(factors === undefined ? {} : { factors }),
    ...(elevated === undefined ? {} : { elevated }),
  };
}

/** The session of a standing, if it has one. */
export function sessionOf(standing: Standing): Session | undefined {
  return "session" in standing ? standing.session : undefined;
}
