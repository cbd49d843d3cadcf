/** Policies of tenants that are kept in the control store: they tighten the configured one. */
import { composePolicies, ConfigError, createPolicyBook } from "sojourn";
import type {
  ConfigProblem,
  Policy,
  PolicyBook,
  PolicyInput,
  Tightening,
  TighteningLayer,
} from "sojourn";
import type { Tenant } from "./tenant.ts";

/** What the configuration says of policies. */
export interface Configured {
  readonly policy: PolicyInput;
  readonly tighten: Tightening;
}

/** One book over those of all tenants. @param peek What is remembered of a tenant. */
export function tenantPolicyBook(
  book: PolicyBook,
  configured: Configured,
  peek: (id: string) => Tenant | undefined,
): PolicyBook {
  const books = new WeakMap<Tenant, PolicyBook>();
  const bookFor = (id: string): PolicyBook => {
    const tenant = peek(id);
    if (tenant === undefined) return book;
    if (tenant.policy === undefined && tenant.quotas.sessionsPerSubject === null) return book;
    const known = books.get(tenant);
    if (known !== undefined) return known;
    const made = bookOf(tenant, book, configured);
    books.set(tenant, made);
    return made;
  };
  return {
    base: book.base,
    policyFor: (who) => bookFor(who.tenant).policyFor(who),
    explainFor: (who) => bookFor(who.tenant).explainFor(who),
  };
}

/** @returns what is wrong with a layer, by its place in it; nothing when it only tightens. */
export function policyProblems(
  id: string,
  layer: TighteningLayer,
  configured: Configured,
): readonly ConfigProblem[] {
  const problems = problemsOf(id, layer, configured);
  return problems.map(({ path, message }) => ({ path: `policy${path}`, message }));
}

function problemsOf(id: string, layer: TighteningLayer, { policy }: Configured): ConfigProblem[] {
  try {
    createPolicyBook({ policy, tighten: { tenants: { [id]: layer } } });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // Behind the name, which is quoted where it is no identifier.
    const place = /^tighten\.tenants(?:\.[\w$-]+|\["[^"]*"\])/;
    return error.problems.map(({ path, message }) => ({ path: path.replace(place, ""), message }));
  }
}

function bookOf(tenant: Tenant, book: PolicyBook, configured: Configured): PolicyBook {
  const { id } = tenant;
  const { policy, tighten } = configured;
  const layer = layerOf(tenant, configured);
  const others = tighten.tenants ?? {};
  if (!Object.hasOwn(others, id)) {
    return createPolicyBook({ policy, tighten: { ...tighten, tenants: { [id]: layer } } });
  }
  const own = createPolicyBook({ policy, tighten: { tenants: { [id]: layer } } });
  const composed = new WeakMap<Policy, Policy>();
  const policyFor: PolicyBook["policyFor"] = (who) => {
    const first = book.policyFor(who);
    const before = composed.get(first);
    if (before !== undefined) return before;
    const both = composePolicies(first, own.policyFor(who));
    composed.set(first, both);
    return both;
  };
  return { base: book.base, policyFor, explainFor: (who) => book.explainFor(who) };
}

/** What was right when it was written, and the quota. */
function layerOf({ id, policy: kept, quotas }: Tenant, configured: Configured): TighteningLayer {
  const layer = stillTightening(id, kept ?? {}, configured);
  const quota = quotas.sessionsPerSubject;
  if (quota === null) return layer;
  const { policy } = configured;
  const now = createPolicyBook({ policy, tighten: { tenants: { [id]: layer } } });
  const { max } = now.policyFor({ tenant: id }).concurrency;
  if (max !== null && max <= quota) return layer;
  const whole = typeof layer === "string" ? { extends: layer } : layer;
  return { ...whole, concurrency: { max: quota, onLimit: "reject" } };
}

/**
 * The configured policy may have become stricter since: where it has, it counts.
 */
function stillTightening(
  id: string,
  layer: TighteningLayer,
  configured: Configured,
): TighteningLayer {
  const problems = problemsOf(id, layer, configured);
  if (problems.length === 0) return layer;
  if (typeof layer === "string") return {};
  const rest = structuredClone(layer) as Record<string, unknown>;
  for (const { path } of problems) remove(rest, path.split(".").filter(Boolean));
  return problemsOf(id, rest, configured).length === 0 ? rest : {};
}

function remove(from: Record<string, unknown>, [name, ...rest]: readonly string[]): void {
  if (name === undefined) return;
  const inner = from[name];
  if (rest.length === 0 || typeof inner !== "object" || inner === null) delete from[name];
  else remove(inner as Record<string, unknown>, rest);
}
