/** Where the console is, who is invited to it, and where a one-time link leads. */
import type { AuditLog } from "../audit/audit-log.ts";
import type { ConsoleSettings } from "../config/console-settings.ts";
import { CONSOLE_TENANT } from "../control/console-users.ts";
import type { ConsoleUsers, Invitation, NewUser } from "../control/console-users.ts";

export interface Inviter {
  readonly users: ConsoleUsers;
  readonly log: AuditLog;
  /** Who invites. */
  readonly actor: string;
  readonly request?: string;
}

/** No link is made without an entry. @throws {ArgumentError} */
export async function invite(
  { users, log, actor, request }: Inviter,
  wanted: NewUser,
): Promise<Invitation> {
  const invitation = await users.invite(wanted);
  const { id, name, role, tenants } = invitation.user;
  const about = { subject: id, ...(request === undefined ? {} : { request }) };
  const detail = { name, role, tenants };
  log.note("console-user-invited", actor, { ...about, detail }, CONSOLE_TENANT);
  return invitation;
}

/** The token is in the fragment, which browsers send nobody. @param origin Of the console. */
export function linkTo(origin: string, token: string): string {
  return `${origin}/console/sign-in#t=${token}`;
}

/** @param service Where the service listens: an address can have no passkey, its name can. */
export function consoleOrigin({ origin }: ConsoleSettings, service: string): string {
  return origin ?? `http://localhost:${new URL(service).port}`;
}

export function consoleUrl(settings: ConsoleSettings, service: string): string {
  return `${consoleOrigin(settings, service)}/console/`;
}
