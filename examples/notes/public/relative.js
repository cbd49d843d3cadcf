/** "5 min. ago". Used by the server's pages and by the browser that keeps them fresh. */
const words = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

export function relative(at, now = Date.now()) {
  const passed = Math.max(0, now - at);
  const [unit, size] = UNITS.find(([, size]) => passed >= size) ?? [];
  return unit === undefined ? "just now" : words.format(-Math.floor(passed / size), unit);
}

/** @returns {string} `1:05` for 65 seconds; `2 h 5 min` for more than an hour. */
export function countdown(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  const minutes = Math.floor(seconds / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
}
