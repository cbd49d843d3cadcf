/**
 * Events that anybody can cause without a credential. A flood of them must not fill a disk, so a
 * few a second are kept, and the next one that is kept tells how many were not.
 */
const NOISE: ReadonlySet<string> = new Set([
  "token-forged",
  "token-unknown",
  "credential-ignored",
  "cookie-conflict",
  "cookie-not-set",
  "proof-refused",
  "service-key-refused",
]);
const PER_SECOND = 10;
const SECOND_MS = 1_000;

export class NoiseGate {
  readonly #now: () => number;
  readonly #windows = new Map<string, { startedAt: number; passed: number; suppressed: number }>();

  /** @param now Monotonic, in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @returns how many were kept back before this one; `undefined`: this one is, too. */
  pass(name: string): number | undefined {
    if (!NOISE.has(name)) return 0;
    const now = this.#now();
    let window = this.#windows.get(name);
    if (window === undefined || now - window.startedAt >= SECOND_MS) {
      window = { startedAt: now, passed: 0, suppressed: window?.suppressed ?? 0 };
      this.#windows.set(name, window);
    }
    if (window.passed >= PER_SECOND) {
      window.suppressed += 1;
      return undefined;
    }
    window.passed += 1;
    const { suppressed } = window;
    window.suppressed = 0;
    return suppressed;
  }
}
