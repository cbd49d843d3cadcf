/** Rules between fields. Field by field ranges live in {@link FIELDS}. */
import { FIELDS, FIELD_PATHS } from "./fields.ts";
import type { FieldPath, FlatPolicy } from "./policy.ts";
import { formatSpan } from "./span.ts";

export interface Rule {
  /** The field a broken rule is reported at. */
  readonly path: FieldPath;
  readonly reads: readonly FieldPath[];
  /** What would be accepted; `undefined` when the rule holds. */
  check(flat: FlatPolicy): string | undefined;
}

type NumberPath = {
  [P in FieldPath]: FlatPolicy[P] extends number | null ? P : never;
}[FieldPath];

/** `path` is at most `bound`; a `null` on either side is no matter of this rule. */
function atMost(path: NumberPath, bound: NumberPath): Rule {
  return {
    path,
    reads: [path, bound],
    check(flat) {
      const [value, limit] = [flat[path], flat[bound]];
      if (value === null || limit === null || value <= limit) return undefined;
      return `at most ${bound}, which is ${amount(bound, limit)}`;
    },
  };
}

/** `path` is at least `bound`, likewise. */
function atLeast(path: NumberPath, bound: NumberPath): Rule {
  return {
    path,
    reads: [path, bound],
    check(flat) {
      const [value, limit] = [flat[path], flat[bound]];
      if (value === null || limit === null || value >= limit) return undefined;
      return `at least ${bound}, which is ${amount(bound, limit)}`;
    },
  };
}

function amount(path: FieldPath, value: number): string {
  return FIELDS[path].kind === "span" ? ms(value) : String(value);
}

function ms(value: number): string {
  return `${value} ms (${formatSpan(value)})`;
}

/** Every rule between fields; all hold for every policy the engine sees. */
const RULES: readonly Rule[] = Object.freeze([
  atMost("idleMs", "absoluteMs"),
  {
    path: "warnBeforeMs",
    reads: ["warnBeforeMs", "idleMs"],
    check: (flat) =>
      flat.warnBeforeMs < flat.idleMs ? undefined : `less than idleMs, which is ${ms(flat.idleMs)}`,
  },
  {
    path: "touchEveryMs",
    reads: ["touchEveryMs", "idleMs"],
    check: (flat) =>
      flat.touchEveryMs * 4 <= flat.idleMs
        ? undefined
        : `at most a quarter of idleMs, ${ms(Math.floor(flat.idleMs / 4))}`,
  },
  {
    path: "rotateGraceMs",
    reads: ["rotateGraceMs", "transitMs"],
    check: (flat) =>
      flat.rotateGraceMs >= 2 * flat.transitMs
        ? undefined
        : `at least 2 x transitMs, ${ms(2 * flat.transitMs)}`,
  },
  {
    path: "rotateEveryMs",
    reads: ["rotateEveryMs", "rotateGraceMs", "transitMs"],
    check(flat) {
      const floor = flat.rotateGraceMs + 2 * flat.transitMs;
      if (flat.rotateEveryMs > floor) return undefined;
      return `more than rotateGraceMs + 2 x transitMs, ${ms(floor)}`;
    },
  },
  atMost("accessTtlMs", "absoluteMs"),
  atMost("pendingMs", "absoluteMs"),
  atMost("refresh.idleMs", "refresh.absoluteMs"),
  {
    path: "refresh.absoluteMs",
    reads: ["refresh.absoluteMs", "remember.absoluteMs", "absoluteMs"],
    check(flat) {
      const life = flat["remember.absoluteMs"] ?? flat.absoluteMs;
      if (flat["refresh.absoluteMs"] <= life) return undefined;
      return `at most the absolute life of a session, ${ms(life)}`;
    },
  },
  ...needsPartner("remember.idleMs", "remember.absoluteMs"),
  atMost("remember.idleMs", "remember.absoluteMs"),
  atLeast("remember.idleMs", "idleMs"),
  atLeast("remember.absoluteMs", "absoluteMs"),
  {
    path: "remember.idleMs",
    reads: ["remember.idleMs", "cookie.persistent"],
    check: (flat) =>
      flat["remember.idleMs"] === null || flat["cookie.persistent"] !== "never"
        ? undefined
        : 'null while cookie.persistent is "never": nothing would outlive the browser',
  },
  {
    path: "retention.hotDays",
    reads: ["retention.hotDays", "retention.auditDays"],
    check: (flat) =>
      flat["retention.hotDays"] === null || flat["retention.auditDays"] !== null
        ? undefined
        : "null, or give retention.auditDays too",
  },
  atMost("retention.hotDays", "retention.auditDays"),
]);

function needsPartner(a: FieldPath, b: FieldPath): readonly Rule[] {
  return [
    [a, b],
    [b, a],
  ].map(([path, partner]) => partnerRule(path ?? a, partner ?? b));
}

function partnerRule(path: FieldPath, partner: FieldPath): Rule {
  return {
    path,
    reads: [path, partner],
    check: (flat) =>
      flat[path] === null && flat[partner] !== null
        ? `a span, because ${partner} is given`
        : undefined,
  };
}

/** Tell whether a value lies in the range of its field, whatever its type. */
export function inRange(path: FieldPath, value: unknown): boolean {
  const field = FIELDS[path];
  if (field.kind === "choice") {
    return typeof value === "string" && field.strictestFirst.includes(value);
  }
  if (value === null) return field.none !== undefined;
  return Number.isSafeInteger(value) && Number(value) >= field.min && Number(value) <= field.max;
}

/** List what is wrong with a policy's fields and between them; caps are a matter of resolving. */
export function brokenRules(
  flat: FlatPolicy,
  skip: ReadonlySet<FieldPath> = new Set(),
): readonly { readonly path: FieldPath; readonly accepted: string }[] {
  const broken: { path: FieldPath; accepted: string }[] = [];
  for (const rule of RULES) {
    if (rule.reads.some((path) => skip.has(path))) continue;
    const accepted = rule.check(flat);
    if (accepted !== undefined) broken.push({ path: rule.path, accepted });
  }
  return broken;
}

/** Tell whether a policy keeps every range and every rule. */
export function isValid(flat: FlatPolicy): boolean {
  return FIELD_PATHS.every((path) => inRange(path, flat[path])) && brokenRules(flat).length === 0;
}
