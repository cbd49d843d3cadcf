/** What the roles of the console may do, said once for scopes there are and scopes to come. */
import { SCOPES } from "../control/key-table.ts";
import type { Scope } from "../control/key-table.ts";
import type { ConsoleUser } from "../control/console-users.ts";

/** What an operator may change. Everything else that changes something is an administrator's. */
const OPERATED: ReadonlySet<string> = new Set(["sessions:write", "locks:write", "bulk:write"]);
/** Shows what people keep in their sessions. */
const PRIVATE: ReadonlySet<string> = new Set(["data:read"]);
/** Names other tenants than the one that was chosen: for whoever may see all of them. */
const INSTALLATION: ReadonlySet<string> = new Set(["tenants:write"]);
/** What wants a fresh passkey to be changed, whatever the operation says of itself. */
const GUARDED: ReadonlySet<string> = new Set(["keys:write", "tenants:write", "webhooks:write"]);
/** Gives out everything of a person, or erases it. */
const EXPORTING: ReadonlySet<string> = new Set(["privacy:write"]);

export function scopesOf(user: Pick<ConsoleUser, "role" | "tenants">): readonly Scope[] {
  return SCOPES.filter((scope) => allows(user, scope));
}

function allows({ role, tenants }: Pick<ConsoleUser, "role" | "tenants">, scope: string): boolean {
  if (role === "admin") return !INSTALLATION.has(scope) || tenants.includes("*");
  if (scope.endsWith(":read")) return !PRIVATE.has(scope);
  return role === "operator" && OPERATED.has(scope);
}

export function isGuarded(scope: Scope, method: string): boolean {
  if (EXPORTING.has(scope)) return true;
  return method !== "GET" && GUARDED.has(scope);
}
