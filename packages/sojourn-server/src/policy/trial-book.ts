/** Another policy in the place of the installation's, tightened as its tenant is. */
import { ConfigError, createPolicyBook, problemOf } from "sojourn";
import type { ConfigProblem, PolicyBook, PolicyInput, Tightening } from "sojourn";
import { readSpansIn } from "../config/spans.ts";
import { Refusal } from "../api/problems.ts";

type Made =
  | { readonly book: PolicyBook }
  | { readonly book: undefined; readonly problems: readonly ConfigProblem[] };
type Layer = NonNullable<Tightening["tenants"]>[string];

const PROBLEMS_MAX = 20;

/**
 * What the tenant's own layer says where the other policy is stricter already is left out.
 *
 * @throws {Refusal} 400 with what is wrong with the policy, by its place.
 */
export function bookUnder(
  given: unknown,
  tenant: string,
  tighten: Tightening | undefined,
): PolicyBook {
  const policy = readSpansIn(given) as PolicyInput;
  const plain = made(policy);
  if (plain.book === undefined) throw refused(plain.problems);
  const layer = tighten?.tenants?.[tenant];
  if (layer === undefined) return plain.book;
  const layered = made(policy, { tenants: { [tenant]: layer } });
  if (layered.book !== undefined) return layered.book;
  const prefix = `tighten.tenants.${tenant}.`;
  const looser = layered.problems.filter(({ path }) => path.startsWith(prefix));
  const rest = without(
    layer,
    looser.map(({ path }) => path.slice(prefix.length)),
  );
  const again = made(policy, { tenants: { [tenant]: rest } });
  if (again.book === undefined) throw refused(again.problems);
  return again.book;
}

function made(policy: PolicyInput, tighten?: Tightening): Made {
  try {
    return { book: createPolicyBook({ policy, ...(tighten === undefined ? {} : { tighten }) }) };
  } catch (error) {
    if (error instanceof ConfigError) return { book: undefined, problems: error.problems };
    throw error;
  }
}

function refused(problems: readonly ConfigProblem[]): Refusal {
  const errors = problems.slice(0, PROBLEMS_MAX);
  return new Refusal(problemOf("invalid_request", { errors }));
}

/** A copy without these fields; a dot is a level. */
function without(layer: Layer, paths: readonly string[]): Layer {
  const copy = structuredClone(layer) as Layer & Record<string, unknown>;
  for (const path of paths) {
    const names = path.split(".");
    const last = names.pop() ?? "";
    let here: unknown = copy;
    for (const name of names) here = (here as Record<string, unknown> | undefined)?.[name];
    if (typeof here === "object" && here !== null) {
      delete (here as Record<string, unknown>)[last];
    }
  }
  return copy;
}
