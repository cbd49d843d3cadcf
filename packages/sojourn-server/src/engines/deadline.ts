/** At start nobody waits for long: a wrong address is said within seconds. */

/** Below the 10 s in which every wrong start has been told. */
export const PROBE_MS = 4_000;

/** @throws an error with the code ETIMEDOUT when `work` takes longer. */
export async function within<Result>(ms: number, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = Object.assign(new Error("no answer"), { code: "ETIMEDOUT" });
    timer = setTimeout(() => reject(error), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
