/** Instants and spans as people read them; relative ones stay right while the page is open. */
import { useSyncExternalStore } from "react";

const SECOND = 1;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const UNITS = [
  ["d", DAY],
  ["h", HOUR],
  ["min", MINUTE],
  ["s", SECOND],
] as const;
const TICK_MS = 1_000;

let offsetMs = 0;

/** Countdowns run by the service's clock, whatever this machine's says. */
export function learnServerTime(serverTime: string): void {
  offsetMs = Date.parse(serverTime) - Date.now();
}

export function serverNow(): number {
  return Date.now() + offsetMs;
}

let tick = Math.floor(serverNow() / TICK_MS);
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    tick = Math.floor(serverNow() / TICK_MS);
    for (const each of listeners) each();
  }, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** @returns milliseconds since the epoch, once a second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => tick) * TICK_MS;
}

/** `2 h 5 min`: the two largest units. */
export function spanWords(seconds: number): string {
  const rest = Math.max(0, Math.round(seconds));
  const index = UNITS.findIndex(([, size]) => rest >= size);
  if (index < 0) return "0 s";
  const [unit, size] = UNITS[index] ?? ["s", SECOND];
  const count = Math.floor(rest / size);
  const [nextUnit, nextSize] = UNITS[index + 1] ?? ["", 0];
  const more = nextSize === 0 ? 0 : Math.floor((rest - count * size) / nextSize);
  return more === 0 ? `${count} ${unit}` : `${count} ${unit} ${more} ${nextUnit}`;
}

/** One unit, for dense tables. */
function roughWords(seconds: number): string {
  const [unit, size] = UNITS.find(([, each]) => seconds >= each) ?? ["s", SECOND];
  return `${Math.floor(seconds / size)} ${unit}`;
}

function relativeWords(at: number, now: number): string {
  const seconds = Math.round((at - now) / TICK_MS);
  if (Math.abs(seconds) < 2) return "now";
  return seconds < 0 ? `${roughWords(-seconds)} ago` : `in ${roughWords(seconds)}`;
}

const FULL = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const DAY_OF = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const HOUR_OF = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

export function fullTime(at: string): string {
  return FULL.format(Date.parse(at));
}

export function Ago({ at }: { readonly at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={fullTime(at)} className="nowrap">
      {relativeWords(Date.parse(at), now)}
    </time>
  );
}

/** `22 Nov, 05:12:41`: for logs, where order matters. */
export function Stamp({ at }: { readonly at: string }) {
  const date = Date.parse(at);
  return (
    <time dateTime={at} title={fullTime(at)} className="nowrap">
      {DAY_OF.format(date)}, {CLOCK.format(date)}
    </time>
  );
}

export function hourText(at: number): string {
  return HOUR_OF.format(at);
}
