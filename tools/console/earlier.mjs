/** Preloaded into a service whose run is to have taken place `EARLIER_MS` ago. */
const earlierMs = Number(process.env["EARLIER_MS"]);

globalThis.Date = new Proxy(Date, {
  construct: (real, given, as) =>
    Reflect.construct(real, given.length === 0 ? [real.now() - earlierMs] : given, as),
  get: (real, name) => (name === "now" ? () => real.now() - earlierMs : Reflect.get(real, name)),
});
