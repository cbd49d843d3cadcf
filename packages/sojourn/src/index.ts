/** The public face of the library. */
export { createSessions } from "./sessions/create-sessions.ts";
export type { SessionsOptions, CookieSettings } from "./sessions/options.ts";
export type {
  ForeignFinding,
  ForeignOutcome,
  ForeignRequest,
  ForeignSession,
  ForeignSessions,
} from "./sessions/foreign.ts";
export { Sessions } from "./sessions/sessions.ts";
export type { InTenant, OpenedSession, OpenOptions } from "./sessions/sessions.ts";
export { Session } from "./sessions/session.ts";
export type { CookieFacts } from "./sessions/cookie-manifest.ts";
export { SubjectSessions } from "./sessions/subject.ts";
export type { KeptSession } from "./sessions/subject.ts";
export type { ListOptions } from "./sessions/subject.ts";
export type { AuthenticateContext, Standing } from "./sessions/standing.ts";
export type { LoginOptions } from "./sessions/login-options.ts";
export type { Expectation, RevokeHow, RevokeWords } from "./sessions/lifecycle.ts";
export type { FrontierReceipt } from "./sessions/roll-call.ts";
export { LimitReachedError } from "./sessions/open.ts";
export { LOCKOUT_KINDS, lockoutNetwork, Lockouts } from "./sessions/lockouts.ts";
export type { Lockout, LockoutChange, LockoutFacts, LockoutKind } from "./sessions/lockouts.ts";
export type { NewsListener, SessionNews, WatchWhere } from "./sessions/watch.ts";
export { Exchange } from "./sessions/exchange.ts";
export type { RequestView, ResponseHead } from "./sessions/exchange.ts";
export type { CookieNotice, CredentialNotice } from "./sessions/cookie-notice.ts";
export type {
  AbsenceReason,
  Description,
  ExplainedDeadline,
  SessionExplanation,
} from "./sessions/explain.ts";
export type { LiveEnd, LiveSession } from "./sessions/live-session.ts";
export type { IssuedTicket, Tickets } from "./sessions/tickets.ts";
export type {
  IssuedRefresh,
  IssueRefresh,
  RefreshLeave,
  RefreshStanding,
  RefreshTokens,
  UseRefresh,
} from "./sessions/refresh/refresh-tokens.ts";
export type { RefreshGrant } from "./tokens/refresh/grant.ts";
export type { SweepSettings } from "./sessions/sweeper.ts";
export type { Authentication, Requirement, Unmet } from "./engine/assurance.ts";
export {
  ArgumentError,
  ClockJumpedError,
  ConfigError,
  ContentionError,
  CrossSiteError,
  DataTooLargeError,
  InvariantError,
  LockedOutError,
  SessionEndedError,
  SessionLockedError,
  SojournError,
  StoreUnavailableError,
} from "./engine/errors.ts";
export type { ConfigProblem, ErrorCode } from "./engine/errors.ts";
export type * from "./engine/ports.ts";
export type { ReplayCache } from "./engine/replays.ts";
export type {
  Assurance,
  Device,
  Factor,
  SessionEnd,
  SessionRecord,
  SessionSummary,
} from "./engine/record.ts";
export { idleExpiresAt } from "./engine/record.ts";
export { createPolicyBook } from "./engine/policy/tighten.ts";
export type { PolicyBook, Tightening, TighteningLayer, Who } from "./engine/policy/tighten.ts";
export { explainPolicy, formatExplain } from "./engine/policy/explain.ts";
export type { Explanation } from "./engine/policy/explain.ts";
export { composePolicies } from "./engine/policy/compose.ts";
export { resolvePolicy } from "./engine/policy/resolve.ts";
export type { PolicyInput, ResolvedPolicy } from "./engine/policy/resolve.ts";
export { PRESET_NAMES } from "./engine/policy/presets.ts";
export type { Policy } from "./engine/policy/policy.ts";
export { EVENT_NAMES } from "./protocol/events.ts";
export type { EventDetails, EventName, SessionEvent } from "./protocol/events.ts";
export { END_REASONS, handleOf, idOfHandle, SESSION_STATES } from "./protocol/words.ts";
export type { Durability, EndReason, SessionState } from "./protocol/words.ts";
export { PROBLEM_CODES } from "./protocol/problem.ts";
export type { Problem, ProblemCode } from "./protocol/problem.ts";
export { readCookie } from "./http/cookie.ts";
export type { CookieReading } from "./http/cookie.ts";
export { clientOf, forwardedRules, isTrustedPeer } from "./http/forwarded.ts";
export type {
  Client,
  Connection,
  ForwardedHeader,
  ForwardedOptions,
  ForwardedRules,
} from "./http/forwarded.ts";
export { problemOf, problemOfError } from "./http/problem.ts";
export type { ProblemAnswer } from "./http/problem.ts";
export type { MintedServiceKey, ServiceKeyRecord, ServiceKeys } from "./tokens/service-key.ts";
export { MemoryStore } from "./stores/memory.ts";
