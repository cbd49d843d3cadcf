/** What leaves the console's API holds no token, and no value of what people keep in sessions. */
import type { App } from "../api/types.ts";

/** The routes that make tokens are not mounted; this is for the one that comes to be. */
function isToken(name: string, value: unknown): boolean {
  if (name !== "token" && name !== "successor") return false;
  return typeof value === "string" && value.startsWith("sj1");
}

export function redact(app: App): void {
  app.addHook("preSerialization", async (_request, _reply, payload) => {
    if (typeof payload !== "object" || payload === null || Array.isArray(payload)) return payload;
    const entries = Object.entries(payload).filter(([name, value]) => !isToken(name, value));
    return Object.fromEntries(
      entries.map(([name, value]) => [name, name === "session" ? withoutData(value) : value]),
    );
  });
}

function withoutData(session: unknown): unknown {
  if (typeof session !== "object" || session === null) return session;
  const { data: _data, ...rest } = session as Readonly<Record<string, unknown>>;
  return rest;
}
