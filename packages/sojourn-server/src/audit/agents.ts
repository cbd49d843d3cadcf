/** Families of browsers and programs, by what they say of themselves. */

/** Longer texts are not looked at further. */
const AGENT_CHARS_MAX = 512;

/** In this order: most programs claim to be others, too. */
const AGENTS: readonly (readonly [string, RegExp])[] = [
  ["Edge", /\bEdg(?:e|A|iOS)?\//],
  ["Opera", /\b(?:OPR|Opera)\//],
  ["Samsung Internet", /\bSamsungBrowser\//],
  ["Firefox", /\b(?:Firefox|FxiOS)\//],
  ["Chrome", /\b(?:Chrome|Chromium|CriOS)\//],
  ["Safari", /\bSafari\//],
];
/** Programs that are no browsers and are met often. */
const PROGRAMS = ["curl", "Dalvik", "Go-http-client", "node", "okhttp", "python-requests"];

/** Those that figures tell apart. */
export const AGENT_FAMILIES: ReadonlySet<string> = new Set([
  ...AGENTS.map(([family]) => family),
  ...PROGRAMS,
]);

/** The family of a browser, else the first word of what it says: `curl`, `okhttp`. */
export function agentOf(header: string): string | undefined {
  const text = header.slice(0, AGENT_CHARS_MAX);
  const [known] = AGENTS.find(([, pattern]) => pattern.test(text)) ?? [];
  return known ?? /^[A-Za-z][A-Za-z-]{0,31}(?=\/|$)/.exec(text)?.[0];
}
