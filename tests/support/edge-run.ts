/** Runs what is promised away from the store, on whatever runtime this is. */
import { sealedCases } from "./sealed-cases.ts";
import { serviceCases } from "./service-cases.ts";
import { tokenCases } from "./token-cases.ts";

export interface CaseResult {
  readonly name: string;
  /** Absent: it passed. */
  readonly error?: string;
}

interface EdgeCase {
  readonly name: string;
  /** @param origin Address of an {@link edgeOrigin}. */
  run(origin: string): Promise<void>;
}

export const edgeCases: readonly EdgeCase[] = [...sealedCases, ...tokenCases, ...serviceCases];

export async function runEdgeCases(origin: string): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  for (const { name, run } of edgeCases) {
    try {
      await run(origin);
      results.push({ name });
    } catch (error) {
      results.push({ name, error: String(error) });
    }
  }
  return results;
}
