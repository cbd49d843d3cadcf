/** Runs the cases of sealed sessions on whatever runtime this is. */
import { sealedCases } from "./sealed-cases.ts";

export interface CaseResult {
  readonly name: string;
  /** Absent: it passed. */
  readonly error?: string;
}

export async function runSealedCases(): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  for (const { name, run } of sealedCases) {
    try {
      await run();
      results.push({ name });
    } catch (error) {
      results.push({ name, error: String(error) });
    }
  }
  return results;
}
