/**
 * What the fault suite asks of whatever it puts to the test: eight calls, so that a shim over
 * another session library is a page. One subject is made in every worker process.
 *
 * A call that throws met trouble: it may have been done, may yet be, or never. `NotDone` says that
 * it certainly was not. An end is an answer, not trouble.
 *
 *     class Shim implements SubjectUnderTest {
 *       async verify(token: string): Promise<Answer> {
 *         const stored = await store.get(token);              // throws when the store is down
 *         if (stored === undefined) return { state: "unknown" };
 *         return { state: "active", session: stored.handle, data: stored.data };
 *       }
 *       …
 *     }
 */
import type { HistoryAnswer } from "sojourn/testing";

export interface Answer {
  /** `unknown` where ended sessions leave no trace. */
  readonly state: HistoryAnswer;
  /** The session that the token was taken for. */
  readonly session?: string;
  readonly reason?: string;
  /** All keys, when they were read on the way. */
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface SubjectUnderTest {
  /** After a login. `session` names it for everybody; `token` is what its client presents. */
  open(
    subject: string,
    data: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly session: string; readonly token: string }>;
  /** What is it worth? With `activity` its idle deadline slides. */
  verify(token: string, activity: boolean): Promise<Answer>;
  /** Write keys; others are left alone. */
  patch(token: string, changes: Readonly<Record<string, unknown>>): Promise<Answer>;
  /** Raise a number by one. */
  count(token: string, key: string): Promise<Answer>;
  /** A new token for the same session; `undefined` where there is no such thing. */
  rotate(token: string): Promise<Answer & { readonly token?: string }>;
  /** End it: a logout, or an operator's act. */
  revoke(session: string, token: string): Promise<void>;
  /** End all of a subject. */
  revokeSubject(subject: string): Promise<void>;
  /** End all of a subject but one, which the token is of; absent where there is no such thing. */
  revokeOthers?(subject: string, session: string, token: string): Promise<void>;
  /** Every live session of a subject; absent where nobody can tell. */
  list?(subject: string): Promise<readonly string[]>;
  /** Begin or end a fault that only its own process can bring about. */
  suffer?(fault: string, on: boolean): Promise<void> | void;
  close(): Promise<void>;
}

/** Nothing was written. */
export class NotDone extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.name = "NotDone";
    this.code = code;
  }
}
