/** SQLite as Node brings it along, without what Node says of it. */
import type { DatabaseSync } from "node:sqlite";

/** Node prints an ExperimentalWarning for this module, about which an operator can do nothing. */
export function loadSqlite(): { readonly DatabaseSync: typeof DatabaseSync } {
  const emitWarning = Reflect.get(process, "emitWarning") as (...call: unknown[]) => void;
  process.emitWarning = (...call: unknown[]): void => {
    const text = call[0] instanceof Error ? call[0].message : String(call[0]);
    if (!text.startsWith("SQLite is an experimental")) Reflect.apply(emitWarning, process, call);
  };
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}
