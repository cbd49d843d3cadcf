/** What the console's own answers look like. */
import type { Session } from "sojourn";
import type { ConsoleUser } from "../control/console-users.ts";
import type { Passkey } from "../control/console-passkeys.ts";
import type { House } from "../api/types.ts";
import { instant } from "../api/views.ts";
import { FRESH_MS, offeredTenants, steppedUpUntil } from "./guard.ts";
import type { ConsoleHouse } from "./house.ts";
import { scopesOf } from "./roles.ts";

function moment(name: string, at: number | undefined): Readonly<Record<string, string>> {
  return at === undefined ? {} : { [name]: instant(at) };
}

/** Who is signed in, what they may, and how long. */
export async function ownView(
  house: House,
  { settings }: ConsoleHouse,
  user: ConsoleUser,
  session: Session,
): Promise<object> {
  const now = house.now();
  const stepped = steppedUpUntil(session);
  const given = session.assurance?.authTime;
  const fresh = given === undefined ? undefined : given + FRESH_MS;
  const { id, name, role } = user;
  return {
    user: { id, name, role },
    scopes: scopesOf(user),
    tenants: await offeredTenants(house, user),
    session: {
      id: session.id,
      ...moment("createdAt", session.createdAt),
      ...moment("authenticatedAt", session.authenticatedAt),
      ...moment("idleExpiresAt", session.idleExpiresAt),
      ...moment("absoluteExpiresAt", session.absoluteExpiresAt),
      ...moment("warnAt", session.warnAt),
    },
    ...moment("steppedUpUntil", stepped !== undefined && now < stepped ? stepped : undefined),
    ...moment("mayRegisterUntil", fresh !== undefined && now < fresh ? fresh : undefined),
    hasPasskey: user.passkeys > 0,
    fourEyes: settings.fourEyes,
    serverTime: instant(now),
  };
}

export function userView(user: ConsoleUser): object {
  const { id, name, role, tenants, createdAt, signedInAt, disabledAt, passkeys } = user;
  return {
    id,
    name,
    role,
    tenants,
    state: disabledAt === undefined ? "active" : "disabled",
    passkeys,
    ...moment("createdAt", createdAt),
    ...moment("lastSignInAt", signedInAt),
    ...moment("disabledAt", disabledAt),
  };
}

export function passkeyView({ id, label, synced, createdAt, usedAt }: Passkey): object {
  return { id, label, synced, ...moment("createdAt", createdAt), ...moment("lastUsedAt", usedAt) };
}
