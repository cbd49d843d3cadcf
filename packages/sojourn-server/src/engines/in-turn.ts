/** Closing what was opened, step after step: none is left out because one before it failed. */

type Step = () => unknown;

/** @throws what failed first, once all steps were taken. */
export async function inTurn(steps: readonly Step[]): Promise<void> {
  const failed: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failed.push(error);
    }
  }
  if (failed.length > 0) throw failed[0];
}
