/** Who may sign in to the console: users, their passkeys, and one-time links. */
import { createHash, randomBytes } from "node:crypto";
import { ArgumentError } from "sojourn";
import type { ControlSql } from "./control-sql.ts";

export const CONSOLE_ROLES = ["admin", "operator", "auditor"] as const;
export type ConsoleRole = (typeof CONSOLE_ROLES)[number];
/** Where the console's own sessions live. No service key is for it. */
export const CONSOLE_TENANT = "sojourn-console";

export interface ConsoleUser {
  /** `usr_` and 24 base64url characters; not a secret. */
  readonly id: string;
  readonly name: string;
  readonly role: ConsoleRole;
  /** Names of tenants, or `*` alone. */
  readonly tenants: readonly string[];
  readonly createdAt: number;
  readonly disabledAt?: number;
  readonly signedInAt?: number;
  readonly passkeys: number;
}

export interface NewUser {
  readonly name: string;
  /** Absent: as it is; of a new user it must be given. */
  readonly role?: ConsoleRole | undefined;
  readonly tenants?: readonly string[] | undefined;
}

export interface Invitation {
  readonly user: ConsoleUser;
  /** The only time it is shown. */
  readonly token: string;
  readonly until: number;
}

const COLUMNS = `id, name, role, tenants, created_at, disabled_at, signed_in_at,
  (SELECT count(*) FROM control.console_passkey p WHERE p.user_id = u.id) AS passkeys`;
const FROM = `SELECT ${COLUMNS} FROM control.console_user u`;
const FIND = `${FROM} WHERE id = ?`;
const LOOK = `${FROM} WHERE name = ?`;
const LIST = `${FROM} ORDER BY name LIMIT ?`;
const INSERT = `INSERT INTO control.console_user (id, name, role, tenants, created_at)
  VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;
const CHANGE = `UPDATE control.console_user SET role = ?, tenants = ?, disabled_at = NULL
  WHERE id = ?`;
const DISABLE = `UPDATE control.console_user SET disabled_at = ?
  WHERE id = ? AND disabled_at IS NULL`;
const DROP_LINKS = "DELETE FROM control.console_link WHERE user_id = ?";
const SIGNED_IN = "UPDATE control.console_user SET signed_in_at = ? WHERE id = ?";
const LINK = "INSERT INTO control.console_link (slot, user_id, until_at) VALUES (?, ?, ?)";
const READ_LINK = "SELECT user_id FROM control.console_link WHERE slot = ? AND until_at > ?";
const USE_LINK = "DELETE FROM control.console_link WHERE slot = ?";
const TIDY = "DELETE FROM control.console_link WHERE until_at <= ?";

const USERS_MAX = 1_000;
const LINK_MS = 15 * 60 * 1_000;
const TOKEN_PREFIX = "sj1i_";
const TOKEN = /^sj1i_[\w-]{43}$/;
const NAME = /^[a-z0-9][a-z0-9._@-]{0,63}$/;
const TENANT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

export class ConsoleUsers {
  readonly #sql: ControlSql;
  readonly #now: () => number;

  constructor(sql: ControlSql, now: () => number) {
    this.#sql = sql;
    this.#now = now;
  }

  async find(id: string): Promise<ConsoleUser | undefined> {
    return userOf((await this.#sql.run("console user", FIND, id)).rows[0]);
  }

  async look(name: string): Promise<ConsoleUser | undefined> {
    return userOf((await this.#sql.run("console user", LOOK, name)).rows[0]);
  }

  /** By name, at most 1000. */
  async list(): Promise<readonly ConsoleUser[]> {
    const { rows } = await this.#sql.run("console users", LIST, USERS_MAX);
    return rows.flatMap((row) => userOf(row) ?? []);
  }

  /**
   * A one-time link for a new user or one there is; it makes a disabled one active again.
   *
   * @throws {ArgumentError} for a name that cannot be one, or a new user without a role.
   */
  async invite(wanted: NewUser): Promise<Invitation> {
    checkNew(wanted);
    const now = this.#now();
    const known = await this.look(wanted.name);
    const user =
      known === undefined ? await this.#create(wanted) : await this.#change(known, wanted);
    const token = TOKEN_PREFIX + randomBytes(32).toString("base64url");
    const until = now + LINK_MS;
    await this.#sql.run("console tidy", TIDY, now);
    await this.#sql.run("console link", LINK, slotOf(token), user.id, until);
    return { user, token, until };
  }

  async #create({ name, role, tenants = ["*"] }: NewUser): Promise<ConsoleUser> {
    if (role === undefined) {
      throw new ArgumentError("role", `of a new user: ${CONSOLE_ROLES.join(", ")}`);
    }
    const id = `usr_${randomBytes(18).toString("base64url")}`;
    const values = [id, name, role, tenants.join(" "), this.#now()];
    await this.#sql.run("console user", INSERT, ...values);
    const made = await this.look(name);
    if (made === undefined) throw new ArgumentError("name", "was taken away meanwhile; try again");
    return made;
  }

  async #change(known: ConsoleUser, { role, tenants }: NewUser): Promise<ConsoleUser> {
    const next = { ...known, role: role ?? known.role, tenants: tenants ?? known.tenants };
    const values = [next.role, next.tenants.join(" "), known.id];
    await this.#sql.run("console user", CHANGE, ...values);
    return (await this.find(known.id)) ?? next;
  }

  /** @returns whose link it was, once; `undefined` for one that is used, over or wrong. */
  async redeem(token: string): Promise<ConsoleUser | undefined> {
    if (!TOKEN.test(token)) return undefined;
    const slot = slotOf(token);
    const { rows } = await this.#sql.run("console link", READ_LINK, slot, this.#now());
    const [row] = rows;
    if (row === undefined) return undefined;
    // Whoever takes the row away has used it.
    if ((await this.#sql.run("console link", USE_LINK, slot)).changes !== 1) return undefined;
    return this.#active(String(row["user_id"]));
  }

  async #active(id: string): Promise<ConsoleUser | undefined> {
    const user = await this.find(id);
    return user?.disabledAt === undefined ? user : undefined;
  }

  async noteSignIn(id: string): Promise<void> {
    await this.#sql.run("console user", SIGNED_IN, this.#now(), id);
  }

  /** Idempotent; links that were not used end with it. @returns the user as it is now. */
  async disable(id: string): Promise<ConsoleUser | undefined> {
    await this.#sql.all("console disable", [
      { text: DISABLE, values: [this.#now(), id] },
      { text: DROP_LINKS, values: [id] },
    ]);
    return this.find(id);
  }
}

function slotOf(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}

function checkNew({ name, role, tenants }: NewUser): void {
  if (!NAME.test(name)) {
    const accepted = "1 to 64 small letters, digits, dots, dashes, underscores or @";
    throw new ArgumentError("name", `${accepted}, starting with a letter or digit`);
  }
  if (role !== undefined && !CONSOLE_ROLES.includes(role)) {
    throw new ArgumentError("role", `accepted: ${CONSOLE_ROLES.join(", ")}`);
  }
  const all = tenants?.length === 1 && tenants[0] === "*";
  if (tenants !== undefined && !all && (tenants.length === 0 || !tenants.every(isName))) {
    throw new ArgumentError("tenants", 'names of tenants, or "*" alone for all');
  }
}

function isName(tenant: string): boolean {
  return TENANT.test(tenant);
}

function userOf(row: Readonly<Record<string, unknown>> | undefined): ConsoleUser | undefined {
  if (row === undefined) return undefined;
  const { disabled_at: disabledAt, signed_in_at: signedInAt } = row;
  const role = CONSOLE_ROLES.find((one) => one === row["role"]);
  if (role === undefined) return undefined;
  return {
    id: String(row["id"]),
    name: String(row["name"]),
    role,
    tenants: String(row["tenants"]).split(" "),
    createdAt: Number(row["created_at"]),
    passkeys: Number(row["passkeys"]),
    ...(disabledAt === null ? {} : { disabledAt: Number(disabledAt) }),
    ...(signedInAt === null ? {} : { signedInAt: Number(signedInAt) }),
  };
}
