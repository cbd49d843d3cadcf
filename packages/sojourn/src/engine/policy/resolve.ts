/** From what a configuration says to a policy the engine can trust. */
import { ConfigError } from "../errors.ts";
import type { ConfigProblem } from "../errors.ts";
import { capOf, exceedsCap } from "./caps.ts";
import { touchFor, warningFor } from "./compose.ts";
import { FIELD_PATHS, mapFields } from "./fields.ts";
import { flatten, inflate } from "./policy.ts";
import type { FieldPath, FieldValue, FlatPolicy, Notes, Policy } from "./policy.ts";
import { PRESETS, PRESET_NAMES, isPresetName } from "./presets.ts";
import type { PresetName } from "./presets.ts";
import { JUSTIFICATION_MIN_CHARS, isRecord, readGiven } from "./read.ts";
import type { Given, PolicyOverrides } from "./read.ts";
import { brokenRules } from "./rules.ts";
import { MINUTE_MS, SECOND_MS } from "./span.ts";
import { describe, exact, human, listed, unknownName } from "./words.ts";

/** A preset by name, or a preset with changes. Spans are milliseconds. */
export type PolicyInput = PresetName | ({ readonly extends: PresetName } & PolicyOverrides);

/** A policy and where each of its values comes from. */
export interface ResolvedPolicy {
  readonly policy: Policy;
  /** The preset whose source and caps apply. */
  readonly preset: PresetName;
  /** By field: `preset saas`, `default`, `override`, `follows idleMs`. */
  readonly origins: Readonly<Record<FieldPath, string>>;
  readonly justification: string | null;
}

/** Values of the fields that no preset mentions. */
const DEFAULTS = {
  transitMs: 5 * SECOND_MS,
  pendingMs: 10 * MINUTE_MS,
  "remember.idleMs": null,
  "remember.absoluteMs": null,
  onFork: "auto",
} as const;

/**
 * Resolve and validate a policy.
 *
 * Fields that hang on a changed one and are not given themselves follow it down: a shorter `idleMs`
 * shortens the warning and the touch span, a shorter `absoluteMs` everything that must fit into it.
 *
 * @param at Path of the input in the configuration, for the problems.
 * @throws {ConfigError} with every problem: path, what was given, what is accepted.
 */
export function resolvePolicy(input: PolicyInput, at: string = "policy"): ResolvedPolicy {
  const problems: ConfigProblem[] = [];
  const resolved = readPolicy(input, at, problems);
  if (resolved === undefined || problems.length > 0) throw new ConfigError(problems);
  return resolved;
}

/** {@link resolvePolicy} that collects problems. A result beside new problems is not to be used. */
export function readPolicy(
  input: unknown,
  at: string,
  problems: ConfigProblem[],
): ResolvedPolicy | undefined {
  if (isPresetName(input)) return presetPolicy(input);
  if (typeof input === "string") {
    problems.push({ path: at, message: unknownName("preset", input, PRESET_NAMES) });
    return undefined;
  }
  if (!isRecord(input)) {
    const wanted = `a preset (${listed(PRESET_NAMES)}) or { extends: preset, … }`;
    problems.push({ path: at, message: `given ${describe(input)}; accepted: ${wanted}` });
    return undefined;
  }
  const given = readGiven(input, at, problems, ["extends"]);
  const preset = readExtends(input["extends"], `${at}.extends`, problems);
  if (preset === undefined) return undefined;
  const resolved = applyGiven(presetPolicy(preset), given, { at, label: "override" }, problems);
  checkCaps(resolved, given, at, problems);
  return resolved;
}

function readExtends(
  value: unknown,
  path: string,
  problems: ConfigProblem[],
): PresetName | undefined {
  if (isPresetName(value)) return value;
  const message =
    typeof value === "string"
      ? unknownName("preset", value, PRESET_NAMES)
      : `given ${describe(value)}; accepted: ${listed(PRESET_NAMES)}`;
  problems.push({ path, message });
  return undefined;
}

/** Resolve a preset as it is. */
export function presetPolicy(name: PresetName): ResolvedPolicy {
  const preset = PRESETS[name];
  const flat: FlatPolicy = {
    ...DEFAULTS,
    idleMs: preset.idleMs.value,
    absoluteMs: preset.absoluteMs.value,
    warnBeforeMs: preset.warnBeforeMs,
    onIdle: preset.onIdle,
    touchEveryMs: preset.touchEveryMs,
    rotateEveryMs: preset.rotateEveryMs,
    rotateGraceMs: preset.rotateGraceMs,
    accessTtlMs: preset.accessTtlMs,
    sudoMs: preset.sudoMs,
    reauthFactors: preset.reauthFactors,
    "refresh.idleMs": preset.refresh.idleMs,
    "refresh.absoluteMs": preset.refresh.absoluteMs,
    "refresh.keyBound": preset.refresh.keyBound,
    "concurrency.max": preset.concurrency.max,
    "concurrency.onLimit": preset.concurrency.onLimit,
    binding: preset.binding,
    boundTokenTtlMs: preset.boundTokenTtlMs,
    "cookie.prefix": preset.cookie.prefix,
    "cookie.sameSite": preset.cookie.sameSite,
    "cookie.persistent": preset.cookie.persistent,
    csrf: preset.csrf,
    "retention.auditDays": preset.retention?.auditDays ?? null,
    "retention.hotDays": preset.retention?.hotDays ?? null,
    storeDown: preset.storeDown,
  };
  const silent = preset.retention === undefined ? ["retention.auditDays", "retention.hotDays"] : [];
  const defaulted = new Set([...Object.keys(DEFAULTS), ...silent]);
  return {
    policy: inflate(flat, name, presetNotes(name)),
    preset: name,
    origins: mapFields((path) => (defaulted.has(path) ? "default" : `preset ${name}`)),
    justification: null,
  };
}

function presetNotes(name: PresetName): Notes {
  const preset = PRESETS[name];
  const entries: readonly (readonly [string, string | number | boolean | null | undefined])[] = [
    ["concurrency.notify", preset.concurrency.notify],
    ["concurrency.per", preset.concurrency.per],
    ["emergencyAccess", preset.emergencyAccess],
    ["idleSharedWorkstationMs", preset.idleSharedWorkstationMs],
    ["perTransactionAuth", preset.perTransactionAuth],
    ["revision3.absoluteMs", preset.revision3?.absolute],
    ["revision3.force", preset.revision3?.force],
    ["revision3.idleMs", preset.revision3?.idle],
  ];
  const notes: Record<string, string | number | boolean> = {};
  for (const [key, value] of entries) {
    if (value !== undefined && value !== null) notes[key] = value;
  }
  return notes;
}

interface Follower {
  readonly path: FieldPath;
  readonly of: readonly FieldPath[];
  readonly value: (flat: FlatPolicy) => FieldValue;
}

const FOLLOWERS: readonly Follower[] = [
  follower("idleMs", ["absoluteMs"], (flat) => Math.min(flat.idleMs, flat.absoluteMs)),
  follower("warnBeforeMs", ["idleMs"], (flat) =>
    Math.min(flat.warnBeforeMs, warningFor(flat.idleMs)),
  ),
  follower("touchEveryMs", ["idleMs"], (flat) =>
    Math.min(flat.touchEveryMs, touchFor(flat.idleMs)),
  ),
  follower("accessTtlMs", ["absoluteMs"], (flat) => Math.min(flat.accessTtlMs, flat.absoluteMs)),
  follower("pendingMs", ["absoluteMs"], (flat) => Math.min(flat.pendingMs, flat.absoluteMs)),
  follower("remember.idleMs", ["cookie.persistent"], (flat) =>
    flat["cookie.persistent"] === "never" ? null : flat["remember.idleMs"],
  ),
  follower("remember.absoluteMs", ["cookie.persistent"], (flat) =>
    flat["cookie.persistent"] === "never" ? null : flat["remember.absoluteMs"],
  ),
  follower("refresh.absoluteMs", ["absoluteMs", "remember.absoluteMs"], (flat) =>
    Math.min(flat["refresh.absoluteMs"], flat["remember.absoluteMs"] ?? flat.absoluteMs),
  ),
  follower("refresh.idleMs", ["refresh.absoluteMs"], (flat) =>
    Math.min(flat["refresh.idleMs"], flat["refresh.absoluteMs"]),
  ),
];

function follower(path: FieldPath, of: readonly FieldPath[], value: Follower["value"]): Follower {
  return { path, of, value };
}

/** Where overrides stand in the configuration, and what reports call them. */
export interface Place {
  readonly at: string;
  readonly label: string;
}

/** Lay given values over a start, let the rest follow, and check the rules between fields. */
export function applyGiven(
  start: ResolvedPolicy,
  given: Given,
  place: Place,
  problems: ConfigProblem[],
): ResolvedPolicy {
  const before = flatten(start.policy);
  const origins = { ...start.origins };
  let flat: FlatPolicy = { ...before, ...Object.fromEntries(given.values) };
  for (const path of given.values.keys()) origins[path] = place.label;
  for (const { path, of, value } of FOLLOWERS) {
    const source = of.find((name) => flat[name] !== before[name]);
    if (source === undefined || given.values.has(path)) continue;
    const followed = value(flat);
    if (followed === flat[path]) continue;
    flat = { ...flat, [path]: followed };
    origins[path] = `follows ${source}`;
  }
  for (const { path, accepted } of brokenRules(flat, given.invalid)) {
    const verb = given.values.has(path) ? "given" : "left at";
    const message = `${verb} ${exact(path, flat[path])}; accepted: ${accepted}`;
    problems.push({ path: `${place.at}.${path}`, message });
  }
  const changed = FIELD_PATHS.some((path) => flat[path] !== before[path]);
  const name = given.name ?? (changed ? `${start.policy.name} (adjusted)` : start.policy.name);
  return {
    policy: inflate(flat, name, start.policy.notes),
    preset: start.preset,
    origins,
    justification: given.justification ?? start.justification,
  };
}

function checkCaps(
  resolved: ResolvedPolicy,
  given: Given,
  at: string,
  problems: ConfigProblem[],
): void {
  if (given.justification !== null) return;
  const { preset } = resolved;
  for (const [path, value] of given.values) {
    const cap = capOf(preset, path);
    if (cap === undefined || !exceedsCap(preset, path, value)) continue;
    const limit = `the cap of ${preset}, ${human(path, cap.value)} (${cap.source})`;
    const remedy = `stay within it or justify it in ${JUSTIFICATION_MIN_CHARS} characters or more`;
    const message = `given ${exact(path, value)}, looser than ${limit}; ${remedy}`;
    problems.push({ path: `${at}.${path}`, message });
  }
}
