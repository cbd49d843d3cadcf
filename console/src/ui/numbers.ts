const WHOLE = new Intl.NumberFormat("en-GB");
const SIZES = ["B", "kB", "MB", "GB"] as const;
const THOUSAND = 1_000;

export function whole(value: number): string {
  return WHOLE.format(value);
}

export function bytes(value: number): string {
  let size = value;
  let index = 0;
  while (size >= THOUSAND && index < SIZES.length - 1) {
    size /= THOUSAND;
    index += 1;
  }
  return `${index === 0 ? size : size.toFixed(1)} ${SIZES[index]}`;
}

export function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

export function percent(part: number, all: number): string {
  return all === 0 ? "–" : `${((part / all) * 100).toFixed(1)} %`;
}

/** `1 session`, `2 sessions`; `1 entry`, `2 entries`. */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${whole(value)} ${value === 1 ? noun : plural}`;
}

/** `≤ 2.5 ms`: a bound that was kept, `> 5 s` where it is beyond what is measured. */
export function boundWords(ms: number | undefined): string {
  if (ms === undefined) return "> 5 s";
  return ms >= THOUSAND ? `≤ ${ms / THOUSAND} s` : `≤ ${ms} ms`;
}
