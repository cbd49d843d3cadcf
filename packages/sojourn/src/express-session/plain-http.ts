/** What express-session's users ask most, answered where it comes up: why is there no cookie? */

const MESSAGE =
  "the session cookie is `secure` and the request came over plain HTTP: no cookie is set. Serve " +
  'HTTPS, or name the proxy that does: app.set("trust proxy", 1). ' +
  "See sojourn/docs/guide/diagnostics.md#plain-http";

const told: WeakSet<object> = new WeakSet();

/** A warning of the process, once for each middleware. */
export function tellOfPlainHttp(settings: object): void {
  if (told.has(settings)) return;
  told.add(settings);
  process.emitWarning(MESSAGE, { type: "SojournWarning" });
}
