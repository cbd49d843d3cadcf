/** A lock as the service keeps it, and what one may be. */
import { randomBytes } from "node:crypto";
import { ArgumentError, idOfHandle, LOCKOUT_KINDS, lockoutNetwork } from "sojourn";
import type { Lockout, LockoutKind } from "sojourn";

export interface Lock extends Lockout {
  /** `key:shop-api`, `operator:cli`. */
  readonly setBy: string;
  readonly setAt: number;
  readonly updatedAt: number;
}

export interface LockTarget {
  readonly tenant: string;
  readonly kind: LockoutKind;
  readonly value: string;
}

/** As somebody asks for it. */
export interface NewLock {
  readonly kind: LockoutKind;
  readonly value: string;
  readonly message: string;
  readonly reason?: string | undefined;
  /** In the future. */
  readonly expiresAt?: number | undefined;
  /** Meant, although it keeps out a whole tenant or most of the internet. */
  readonly confirm?: boolean | undefined;
}

export const LOCKS_MAX = 10_000;
export const MESSAGE_CHARS_MAX = 500;
export const REASON_CHARS_MAX = 256;
const SUBJECT_CHARS_MAX = 512;
const TEXT_CHARS_MAX = 256;
const ID_BYTES = 18;
const LOCK_ID = /^lck_[A-Za-z0-9_-]{24}$/;
/** Networks of fewer bits are wanted twice: IPv4, IPv6. */
const WIDE_BITS = { ipv4: 8, ipv6: 16 } as const;
// oxlint-disable-next-line no-control-regex -- control characters are what it is for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

export function newLockId(): string {
  return `lck_${randomBytes(ID_BYTES).toString("base64url")}`;
}

export function isLockId(text: string): boolean {
  return LOCK_ID.test(text);
}

/** @throws {ArgumentError} naming the field and what it takes. */
export function checkLock(wanted: NewLock, now: number): void {
  const { kind, value, message, reason, expiresAt } = wanted;
  if (!LOCKOUT_KINDS.includes(kind)) {
    throw new ArgumentError("kind", `one of ${LOCKOUT_KINDS.join(", ")}`);
  }
  checkValue(wanted);
  checkText("value", value, kind === "subject" ? SUBJECT_CHARS_MAX : TEXT_CHARS_MAX);
  checkText("message", message, MESSAGE_CHARS_MAX);
  if (message === "") throw new ArgumentError("message", "what the person is told; never nothing");
  if (reason !== undefined) checkText("reason", reason, REASON_CHARS_MAX);
  if (expiresAt !== undefined && !(Number.isSafeInteger(expiresAt) && expiresAt > now)) {
    throw new ArgumentError("expiresAt", "an instant in the future");
  }
}

function checkText(path: string, text: string, max: number): void {
  if (text.length > max) throw new ArgumentError(path, `at most ${max} characters`);
  if (CONTROL.test(text)) throw new ArgumentError(path, "one line, without control characters");
}

function checkValue({ kind, value, confirm }: NewLock): void {
  const wide = widthOf(kind, value);
  if (wide !== undefined && confirm !== true) {
    throw new ArgumentError("confirm", `this keeps out ${wide}: say \`confirm: true\` to mean it`);
  }
  if (kind === "tenant") {
    if (value === "") return;
    throw new ArgumentError("value", "none: it is the tenant of the key that is locked");
  }
  if (value === "") throw new ArgumentError("value", "whom it is about is missing");
  if (kind === "session" && idOfHandle(value) === undefined) {
    throw new ArgumentError("value", "a session id like ses_…");
  }
}

/** Whom it keeps out, where that is more than anybody means by accident. */
function widthOf(kind: LockoutKind, value: string): string | undefined {
  if (kind === "tenant") return "everybody of the tenant";
  if (kind !== "network") return undefined;
  const { family, bits } = lockoutNetwork(value);
  if (bits >= WIDE_BITS[family]) return undefined;
  return `a network of less than ${WIDE_BITS[family]} bits`;
}

/** One text for one network, so that it is locked once. */
export function canonical(kind: LockoutKind, value: string): string {
  return kind === "network" ? lockoutNetwork(value).text : value;
}
