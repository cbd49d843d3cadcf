/** Composition of policies: the stricter of each field, and a result that is always valid. */
import { invariant } from "../invariant.ts";
import { mapFields, strictness } from "./fields.ts";
import { flatten, inflate } from "./policy.ts";
import type { FieldValue, FlatPolicy, Notes, Policy } from "./policy.ts";
import { isValid } from "./rules.ts";

/**
 * Compose policies to the stricter of each field.
 *
 * Commutative, associative and idempotent, so the order of layers never matters. Where fields hang
 * together the result stays valid: `rotateGraceMs` and `transitMs` are the larger and may push
 * `rotateEveryMs` up; `warnBeforeMs` and `refresh` shrink with the life they sit in;
 * `concurrency.onLimit` is that of the smaller limit; `remember` needs a cookie that may persist.
 *
 * @returns A frozen policy. Cost: linear in the number of policies.
 */
export function composePolicies(first: Policy, ...others: readonly Policy[]): Policy {
  return others.reduce(composeTwo, first);
}

function composeTwo(a: Policy, b: Policy): Policy {
  if (a === b) return a;
  const flat = composeFlat(flatten(a), flatten(b));
  invariant(isValid(flat), "composing valid policies gives a valid one");
  return inflate(flat, joinNames(a.name, b.name), joinNotes(a.notes, b.notes));
}

function composeFlat(a: FlatPolicy, b: FlatPolicy): FlatPolicy {
  // Each value comes from the same field of a valid policy, so the shape holds.
  const stricter = mapFields<FieldValue>((path) =>
    strictness(path, a[path]) <= strictness(path, b[path]) ? a[path] : b[path],
  ) as FlatPolicy;
  return settle({
    ...stricter,
    "concurrency.onLimit": smallerLimit(a, b) ?? stricter["concurrency.onLimit"],
    warnBeforeMs: composeWarning(a, b, stricter.idleMs),
  });
}

function smallerLimit(a: FlatPolicy, b: FlatPolicy): FlatPolicy["concurrency.onLimit"] | undefined {
  const difference =
    strictness("concurrency.max", a["concurrency.max"]) -
    strictness("concurrency.max", b["concurrency.max"]);
  // Two unlimited ones differ by NaN: then, as for equal limits, the stricter way decides.
  if (difference < 0) return a["concurrency.onLimit"];
  return difference > 0 ? b["concurrency.onLimit"] : undefined;
}

/**
 * The larger warning, but no more than half of the idle life unless a policy with exactly that idle
 * life asks for more: five minutes' warning of a long session must not nag all along a short one.
 */
function composeWarning(a: FlatPolicy, b: FlatPolicy, idleMs: number): number {
  const cut = Math.min(Math.max(a.warnBeforeMs, b.warnBeforeMs), warningFor(idleMs));
  const own = [a, b].filter((policy) => policy.idleMs === idleMs);
  return Math.max(cut, ...own.map((policy) => policy.warnBeforeMs));
}

/** Keep fields that hang together valid. Monotone steps alone: they keep composing associative. */
function settle(flat: FlatPolicy): FlatPolicy {
  const forgets = flat["cookie.persistent"] === "never";
  const rememberAbsolute = forgets ? null : flat["remember.absoluteMs"];
  const refreshAbsolute = Math.min(flat["refresh.absoluteMs"], rememberAbsolute ?? flat.absoluteMs);
  return {
    ...flat,
    rotateEveryMs: Math.max(flat.rotateEveryMs, flat.rotateGraceMs + 2 * flat.transitMs + 1),
    "remember.idleMs": forgets ? null : flat["remember.idleMs"],
    "remember.absoluteMs": rememberAbsolute,
    "refresh.absoluteMs": refreshAbsolute,
    "refresh.idleMs": Math.min(flat["refresh.idleMs"], refreshAbsolute),
  };
}

/** The longest coalescing span that an idle life allows: a quarter of it. */
export function touchFor(idleMs: number): number {
  return Math.max(1, Math.floor(idleMs / 4));
}

/** The longest warning that an idle life gets unasked: half of it. */
export function warningFor(idleMs: number): number {
  return Math.max(1, Math.floor(idleMs / 2));
}

function joinNames(a: string, b: string): string {
  return [...new Set([...a.split("+"), ...b.split("+")])].toSorted().join("+");
}

function joinNotes(a: Notes, b: Notes): Notes {
  const joined: Record<string, string | number | boolean> = {};
  for (const key of [...new Set([...Object.keys(a), ...Object.keys(b)])].toSorted()) {
    const values = [a[key], b[key]].filter((value) => value !== undefined);
    const strictest = values.toSorted(byNoteOrder)[0];
    if (strictest !== undefined) joined[key] = strictest;
  }
  return joined;
}

/** Numbers are spans (shorter first), then `true` before `false`, then texts by code unit. */
function byNoteOrder(a: string | number | boolean, b: string | number | boolean): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "boolean" && typeof b === "boolean") return Number(b) - Number(a);
  const [left, right] = [`${typeof a} ${a}`, `${typeof b} ${b}`];
  return left < right ? -1 : Number(left > right);
}
