/** Tenants, clients and roles may tighten a policy, never loosen it. */
import { ConfigError } from "../errors.ts";
import type { ConfigProblem } from "../errors.ts";
import { REFRESH_KIND } from "../record.ts";
import { composePolicies } from "./compose.ts";
import { explainPolicy } from "./explain.ts";
import type { Explanation, Part } from "./explain.ts";
import { strictness } from "./fields.ts";
import { flatten, refreshPolicyOf } from "./policy.ts";
import type { FieldPath, FlatPolicy, Policy } from "./policy.ts";
import { isRecord, readGiven } from "./read.ts";
import type { PolicyOverrides } from "./read.ts";
import { applyGiven, readPolicy } from "./resolve.ts";
import type { PolicyInput, ResolvedPolicy } from "./resolve.ts";
import { describe, exact, listed, unknownName } from "./words.ts";

/** A preset, a preset with changes, or changes to the base policy alone. */
export type TighteningLayer = PolicyInput | PolicyOverrides;

/** Layers by name; names are compared exactly. */
export interface Tightening {
  readonly tenants?: Readonly<Record<string, TighteningLayer>>;
  readonly clients?: Readonly<Record<string, TighteningLayer>>;
  readonly roles?: Readonly<Record<string, TighteningLayer>>;
}

/** Whose policy is asked for. Names without a layer change nothing. */
export interface Who {
  readonly tenant: string;
  readonly client?: string | undefined;
  readonly roles?: readonly string[] | undefined;
  /** `"refresh"`: a family of refresh tokens, which has limits of its own. */
  readonly kind?: string | undefined;
}

export interface PolicyBook {
  readonly base: Policy;
  /**
   * Find the stricter of the base and of every layer that applies.
   *
   * The same layers give the identical object as long as it is remembered (1024 combinations).
   * Without a layer that applies: `base` itself. Cost: a map look-up per name; composing on a miss.
   */
  policyFor(who: Who): Policy;
  /** Explain what {@link PolicyBook.policyFor} answers. */
  explainFor(who: Who): Explanation;
}

/** Combinations of two and more layers that a book remembers; the oldest makes room. */
export const COMBINATIONS_MAX: number = 1024;

const KINDS = { tenants: "tenant", clients: "client", roles: "role" } as const;
type Kind = keyof typeof KINDS;

interface Layer extends Part {
  readonly index: number;
  /** Base and this layer composed. */
  readonly effective: Policy;
}

type Layers = Readonly<Record<Kind, ReadonlyMap<string, Layer>>>;

/**
 * Check a policy and its layers, and make the book that answers per tenant, client and role.
 *
 * A value *written* in a layer and looser than the base's is a problem. What a layer's preset
 * brings along is composed to the stricter, so that any preset may be laid over any base.
 *
 * @throws {ConfigError} with every problem of the policy and of all layers.
 */
export function createPolicyBook(options: {
  readonly policy: PolicyInput;
  readonly tighten?: Tightening;
}): PolicyBook {
  const problems: ConfigProblem[] = [];
  const base = readPolicy(options.policy, "policy", problems);
  // Layers of a broken base are still read, against a preset, so that their own slips are listed.
  const ground = base === undefined || problems.length > 0 ? undefined : base;
  const layers = readLayers(options.tighten, ground, problems);
  if (ground === undefined || problems.length > 0) throw new ConfigError(problems);
  return openBook(ground, layers);
}

function openBook(base: ResolvedPolicy, layers: Layers): PolicyBook {
  const remembered = new Map<string, Policy>();
  const configured = Object.values(layers).some((byName) => byName.size > 0);
  const compose = (applying: readonly Layer[]): Policy => {
    const key = applying.map(({ index }) => index).join();
    const known = remembered.get(key);
    if (known !== undefined) return known;
    const policy = composePolicies(base.policy, ...applying.map(({ effective }) => effective));
    const oldest = remembered.size < COMBINATIONS_MAX ? undefined : remembered.keys().next().value;
    if (oldest !== undefined) remembered.delete(oldest);
    remembered.set(key, policy);
    return policy;
  };
  const sessionPolicy = (who: Who): Policy => {
    if (!configured) return base.policy;
    const applying = layersFor(layers, who);
    if (applying.length > 1) return compose(applying);
    return applying[0]?.effective ?? base.policy;
  };
  const policyFor = (who: Who): Policy => {
    const policy = sessionPolicy(who);
    return who.kind === REFRESH_KIND ? refreshPolicyOf(policy) : policy;
  };
  const explainFor = (who: Who): Explanation => {
    const parts = [{ label: null, resolved: base }, ...layersFor(layers, who)];
    return explainPolicy({ policy: policyFor(who), parts });
  };
  return Object.freeze({ base: base.policy, policyFor, explainFor });
}

/** The layers that apply, each once and by rising index, so that equal sets have equal keys. */
function layersFor(layers: Layers, who: Who): readonly Layer[] {
  const found = new Set<Layer>();
  const add = (layer: Layer | undefined): void => {
    if (layer !== undefined) found.add(layer);
  };
  add(layers.tenants.get(who.tenant));
  if (who.client !== undefined) add(layers.clients.get(who.client));
  for (const role of who.roles ?? []) add(layers.roles.get(role));
  return found.size < 2 ? [...found] : [...found].toSorted((a, b) => a.index - b.index);
}

function readLayers(
  tighten: unknown,
  base: ResolvedPolicy | undefined,
  problems: ConfigProblem[],
): Layers {
  const layers: Record<Kind, Map<string, Layer>> = {
    tenants: new Map(),
    clients: new Map(),
    roles: new Map(),
  };
  const at = "tighten";
  if (tighten === undefined) return layers;
  if (!isRecord(tighten)) {
    const message = `given ${describe(tighten)}; accepted: an object with ${listed(KIND_NAMES)}`;
    problems.push({ path: at, message });
    return layers;
  }
  let index = 0;
  for (const [kind, byName] of Object.entries(tighten)) {
    if (byName === undefined) continue;
    const path = `${at}.${kind}`;
    if (!isKind(kind)) {
      problems.push({ path, message: unknownName("kind of layer", kind, KIND_NAMES) });
      continue;
    }
    if (!isRecord(byName)) {
      const message = `given ${describe(byName)}; accepted: an object of policies by name`;
      problems.push({ path, message });
      continue;
    }
    for (const [name, input] of Object.entries(byName)) {
      const place = { at: `${path}${step(name)}`, label: `${KINDS[kind]} ${name}` };
      const resolved = readLayer(input, place, base, problems);
      if (resolved === undefined || base === undefined) continue;
      const effective = composePolicies(base.policy, resolved.policy);
      layers[kind].set(name, { index: index++, label: place.label, resolved, effective });
    }
  }
  return layers;
}

const KIND_NAMES: readonly string[] = Object.keys(KINDS);

function isKind(text: string): text is Kind {
  return Object.hasOwn(KINDS, text);
}

/** Names that are no identifiers are quoted, so that a dot in a name cannot mislead. */
function step(name: string): string {
  return /^[A-Za-z_$][\w$-]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

interface LayerPlace {
  readonly at: string;
  readonly label: string;
}

function readLayer(
  input: unknown,
  place: LayerPlace,
  base: ResolvedPolicy | undefined,
  problems: ConfigProblem[],
): ResolvedPolicy | undefined {
  const before = problems.length;
  const partial = isRecord(input) && input["extends"] === undefined;
  const layer = partial
    ? readPartial(input, place, base, problems)
    : readPolicy(input, place.at, problems);
  if (layer === undefined || base === undefined) return undefined;
  const written = isRecord(input) ? readGiven(input, place.at, [], ["extends"]).values.keys() : [];
  const broken = problems.length > before;
  for (const path of written) checkTighter(path, { base, layer, place, broken }, problems);
  return problems.length > before ? undefined : layer;
}

function readPartial(
  input: Readonly<Record<string, unknown>>,
  place: LayerPlace,
  base: ResolvedPolicy | undefined,
  problems: ConfigProblem[],
): ResolvedPolicy | undefined {
  const given = readGiven(input, place.at, problems);
  if (base === undefined) return undefined;
  const named = { ...given, name: given.name ?? place.label };
  const layer = applyGiven(base, named, { at: place.at, label: "override" }, problems);
  return { ...layer, justification: given.justification };
}

/** Matters of availability, where a smaller value would simply have no effect. */
const LARGER_APPLIES: ReadonlySet<FieldPath> = new Set(["rotateGraceMs", "transitMs"]);

function checkTighter(
  path: FieldPath,
  compared: { base: ResolvedPolicy; layer: ResolvedPolicy; place: LayerPlace; broken: boolean },
  problems: ConfigProblem[],
): void {
  const [base, layer] = [flatten(compared.base.policy), flatten(compared.layer.policy)];
  const report = (trouble: string): void => {
    const message = `given ${exact(path, layer[path])}, ${trouble}`;
    problems.push({ path: `${compared.place.at}.${path}`, message });
  };
  if (isLooser(path, layer, base)) {
    const limit = `the base policy's ${exact(path, base[path])}`;
    report(
      LARGER_APPLIES.has(path)
        ? `less than ${limit}; of the two the larger applies`
        : `looser than ${limit}; a layer may only tighten`,
    );
    return;
  }
  // Only valid policies compose; a broken layer has been complained about already.
  if (compared.broken) return;
  const composed = flatten(composePolicies(compared.base.policy, compared.layer.policy))[path];
  if (composed === layer[path]) return;
  report(
    `but beside the base policy it comes to ${exact(path, composed)}; give that or leave it out`,
  );
}

function isLooser(path: FieldPath, layer: FlatPolicy, base: FlatPolicy): boolean {
  if (path === "concurrency.onLimit") {
    const limit = "concurrency.max";
    // The way of the smaller limit counts, so below the base's limit a layer is free to choose.
    if (strictness(limit, layer[limit]) < strictness(limit, base[limit])) return false;
  }
  return strictness(path, layer[path]) > strictness(path, base[path]);
}
