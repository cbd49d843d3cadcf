/** What a caller may say of a new session, checked: it may come from JSON or plain JavaScript. */
import type { Authentication } from "../engine/assurance.ts";
import { ArgumentError } from "../engine/errors.ts";
import { REFRESH_KIND } from "../engine/record.ts";
import type { Device } from "../engine/record.ts";

/** What the application says of a new session. The secret and the id are ours alone (ID-14). */
export interface LoginOptions extends Authentication {
  readonly kind?: string;
  readonly device?: Device;
  /** The longer limits, where the policy has them and the person chose them. */
  readonly remember?: boolean;
  /** A factor is still missing: opens `pending`, completed by `stepUp`. */
  readonly pending?: boolean;
  readonly client?: string;
  readonly roles?: readonly string[];
  readonly parent?: string;
  /**
   * Who acts as the subject: a support agent's name or id. Such a session lives an hour at most,
   * is not remembered, evicts nobody, and meets no requirement for fresh or more factors; every
   * event of it names both.
   */
  readonly actor?: string;
  /** Why somebody acts as the subject. Required with `actor`, and only then taken. */
  readonly cause?: string;
  /**
   * The subject's epoch when authentication began, from `sessions.subject(id).epoch()`. With it a
   * login that raced a revoke-all does not slip through.
   */
  readonly subjectEpoch?: number;
  /** Keyed hash of the client's context; adapters fill it in. */
  readonly fingerprint?: string;
  /** Where the client is, an IP address, for lockouts; never stored. Adapters fill it in. */
  readonly address?: string;
}

const SUBJECT_LENGTH_MAX = 512;
const TEXT_LENGTH_MAX = 256;
const ROLES_MAX = 64;
const TEXTS = ["kind", "client", "parent", "actor", "cause", "address"] as const;
const FLAGS = ["remember", "pending"] as const;
const DEVICE_TEXTS: ReadonlySet<string> = new Set(["id", "label", "address"]);
const FIELDS: ReadonlySet<string> = new Set([
  ...TEXTS,
  ...FLAGS,
  "amr",
  "acr",
  "device",
  "roles",
  "subjectEpoch",
  "fingerprint",
  "address",
]);

export function checkSubject(path: string, subject: unknown): asserts subject is string {
  if (typeof subject !== "string" || subject.length === 0 || subject.length > SUBJECT_LENGTH_MAX) {
    throw new ArgumentError(path, `a subject is a text of 1 to ${SUBJECT_LENGTH_MAX} characters`);
  }
}

/** @throws {ArgumentError} naming the first field that makes no sense. Ids and secrets are ours. */
export function checkLogin(path: string, options: LoginOptions): void {
  const given: Readonly<Record<string, unknown>> = { ...options };
  for (const field of Object.keys(given)) {
    if (FIELDS.has(field)) continue;
    const known = [...FIELDS].join(", ");
    throw new ArgumentError(`${path}.${field}`, `unknown field; known are ${known}`);
  }
  for (const field of TEXTS) checkText(`${path}.${field}`, given[field]);
  if (options.kind === REFRESH_KIND) {
    throw new ArgumentError(`${path}.kind`, `"${REFRESH_KIND}" is not the application's to open`);
  }
  for (const field of FLAGS) {
    const value = given[field];
    if (value !== undefined && typeof value !== "boolean") {
      throw new ArgumentError(`${path}.${field}`, "true or false");
    }
  }
  checkActor(path, options);
  if (options.roles !== undefined) checkRoles(options.roles);
  checkDevice(`${path}.device`, options.device);
  const { subjectEpoch } = options;
  if (subjectEpoch !== undefined && !isEpoch(subjectEpoch)) {
    throw new ArgumentError(`${path}.subjectEpoch`, "what `subject(…).epoch()` gave");
  }
}

function checkActor(path: string, { actor, cause, remember, pending }: LoginOptions): void {
  if (actor === undefined) {
    if (cause === undefined) return;
    throw new ArgumentError(`${path}.cause`, "goes with `actor` alone: why it acts as the subject");
  }
  if (cause === undefined || cause.trim() === "") {
    throw new ArgumentError(`${path}.cause`, "required with `actor`: why it acts as the subject");
  }
  if (remember === true || pending === true) {
    const field = remember === true ? "remember" : "pending";
    throw new ArgumentError(`${path}.${field}`, "not where somebody acts as the subject");
  }
}

/** As every store can hold it. */
function isEpoch(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 2 ** 31;
}

/** @throws {ArgumentError} */
export function checkRoles(roles: unknown): void {
  if (!Array.isArray(roles) || roles.length > ROLES_MAX) {
    throw new ArgumentError("roles", `a list of at most ${ROLES_MAX} names`);
  }
  for (const role of roles as unknown[]) {
    if (role === undefined) throw new ArgumentError("roles", "a list of names");
    checkText("roles", role);
  }
}

function checkDevice(path: string, device: unknown): void {
  if (device === undefined) return;
  if (typeof device !== "object" || device === null) {
    throw new ArgumentError(path, "an object with id, label or address");
  }
  for (const [field, value] of Object.entries(device)) {
    if (!DEVICE_TEXTS.has(field)) {
      throw new ArgumentError(`${path}.${field}`, "unknown field; known are id, label, address");
    }
    checkText(`${path}.${field}`, value);
  }
}

function checkText(path: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value !== "string" || value.length === 0 || value.length > TEXT_LENGTH_MAX) {
    throw new ArgumentError(path, `a text of 1 to ${TEXT_LENGTH_MAX} characters`);
  }
}
