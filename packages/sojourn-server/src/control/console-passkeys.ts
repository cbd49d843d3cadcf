/** Passkeys of console users: public keys, what they counted, when they were used. */
import type { ControlSql } from "./control-sql.ts";

export interface Passkey {
  /** The credential's id as base64url; public. */
  readonly id: string;
  readonly userId: string;
  readonly label: string;
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly counter: number;
  readonly transports: readonly string[];
  /** It is copied between the devices of its owner. */
  readonly synced: boolean;
  readonly createdAt: number;
  readonly usedAt?: number;
}

const COLUMNS = `id, user_id, label, public_key, counter, transports, synced, created_at, used_at`;
const FIND = `SELECT ${COLUMNS} FROM control.console_passkey WHERE id = ?`;
const LIST = `SELECT ${COLUMNS} FROM control.console_passkey WHERE user_id = ?
  ORDER BY created_at, id LIMIT ?`;
const INSERT = `INSERT INTO control.console_passkey
  (id, user_id, label, public_key, counter, transports, synced, created_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;
/** A counter that did not move on is a copy of the authenticator; 0 is one that counts nothing. */
const USED = `UPDATE control.console_passkey SET counter = ?, used_at = ?
  WHERE id = ? AND (counter < ? OR (counter = 0 AND ? = 0))`;
const REMOVE = "DELETE FROM control.console_passkey WHERE id = ? AND user_id = ?";
export const PASSKEYS_MAX = 20;

export class ConsolePasskeys {
  readonly #sql: ControlSql;

  constructor(sql: ControlSql) {
    this.#sql = sql;
  }

  async find(id: string): Promise<Passkey | undefined> {
    const { rows } = await this.#sql.run("console passkey", FIND, id);
    return rows[0] === undefined ? undefined : passkeyOf(rows[0]);
  }

  async list(userId: string): Promise<readonly Passkey[]> {
    const { rows } = await this.#sql.run("console passkeys", LIST, userId, PASSKEYS_MAX);
    return rows.map(passkeyOf);
  }

  /** @returns false when the credential is somebody's already. */
  async insert(passkey: Passkey): Promise<boolean> {
    const { id, userId, label, publicKey, counter, transports, synced, createdAt } = passkey;
    const words = transports.join(" ");
    const values = [id, userId, label, publicKey, counter, words, synced ? 1 : 0, createdAt];
    return (await this.#sql.run("console passkey", INSERT, ...values)).changes === 1;
  }

  /** @returns false when the counter stood still or went back: there are two of it. */
  async noteUse(id: string, counter: number, at: number): Promise<boolean> {
    const values = [counter, at, id, counter, counter];
    return (await this.#sql.run("console passkey", USED, ...values)).changes === 1;
  }

  async remove(id: string, userId: string): Promise<boolean> {
    return (await this.#sql.run("console passkey", REMOVE, id, userId)).changes === 1;
  }
}

function passkeyOf(row: Readonly<Record<string, unknown>>): Passkey {
  const { used_at: usedAt } = row;
  const transports = String(row["transports"]);
  return {
    id: String(row["id"]),
    userId: String(row["user_id"]),
    label: String(row["label"]),
    publicKey: Uint8Array.from(row["public_key"] as Uint8Array),
    counter: Number(row["counter"]),
    transports: transports === "" ? [] : transports.split(" "),
    synced: Number(row["synced"]) === 1,
    createdAt: Number(row["created_at"]),
    ...(usedAt === null ? {} : { usedAt: Number(usedAt) }),
  };
}
