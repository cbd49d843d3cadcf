/** The attacker reads everything the store holds: a backup, an injection, a stolen disk. */
import { readFileSync, readdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryStore } from "sojourn";
import type { SessionRecord } from "sojourn";
import { SqliteStore } from "sojourn/stores/sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HOUR, idOf, leave, secretPart, successorIn, visit, world } from "../support/world.ts";

let folder: string;

beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "sojourn-dump-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Every text inside a value, however deep. */
function texts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(texts);
}

/** Whoever writes the store changes what it reads. */
function rewriteRows(store: MemoryStore, change: (record: SessionRecord) => SessionRecord): void {
  const find = store.find.bind(store);
  store.find = async (ref) => {
    const stored = await find(ref);
    return stored && { ...stored, record: change(stored.record) };
  };
}

describe("a dump of the store", () => {
  it("[ID-18] holds nothing that can be presented, however dressed (I12)", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(HOUR);
    const how = { canSetToken: true, fingerprint: "UA" };
    await place.sessions.authenticate(token, how);
    const stored = await place.store.find({ tenant: "default", id: token.slice(9, 33) });
    const installation = await place.store.installation({ id: "x", bucketKey: "x" });
    const fields = [...texts(stored), ...texts(installation), idOf(session)];
    expect(fields.length).toBeGreaterThan(8);
    for (const field of fields) {
      const dressed = [field, `sj1s_${field}`, `sj1s_${field.padEnd(80, "A").slice(0, 80)}`];
      dressed.push(token.slice(0, 37) + field.slice(0, 32).padEnd(32, "A") + token.slice(69));
      for (const text of dressed) {
        expect(await place.sessions.authenticate(text)).toEqual({ state: "unknown" });
      }
    }
  });

  it("[ID-18] has no part of a token in any file, not even of ended sessions", async () => {
    const store = new SqliteStore({ path: join(folder, "sessions.db") });
    const place = world({ store, encryptData: true });
    const anonymous = await visit(place);
    await anonymous.session.set("note", "canary-in-data");
    const tokens = [leave(anonymous).token ?? ""];
    const { token, session } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(HOUR);
    const how = { canSetToken: true, fingerprint: "UA-canary" };
    const successor = successorIn(await place.sessions.authenticate(token, how));
    tokens.push(token, successor);
    await place.sessions.authenticate(successor, how);
    await session.logout();
    await place.sessions.close();
    const files = readdirSync(folder).map((file) => readFileSync(join(folder, file)));
    const bytes = Buffer.concat(files);
    expect(bytes.includes("alice")).toBe(true);
    for (const secret of tokens.map(secretPart)) {
      expect(bytes.includes(secret)).toBe(false);
      expect(bytes.includes(Buffer.from(secret, "base64url"))).toBe(false);
    }
    expect(bytes.includes("canary-in-data")).toBe(false);
    expect(bytes.includes("UA-canary")).toBe(false);
    await store.close();
  });

  it("[ID-18] that can be written lets nobody re-point a session to another", async () => {
    const store = new MemoryStore();
    const place = world({ store });
    const { token } = await place.sessions.open({ subject: "mallory" });
    expect((await place.sessions.authenticate(token)).state).toBe("active");
    rewriteRows(store, (record) => ({ ...record, subject: "alice" }));
    for (const process of [place, world({ beside: place })]) {
      const standing = await process.sessions.authenticate(token);
      expect(standing.state).not.toBe("active");
    }
  });

  it("[ID-18] lists and descriptions show no verifier and no sealed token", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(HOUR);
    await place.sessions.authenticate(token, { canSetToken: true });
    const shown = JSON.stringify([
      await place.sessions.subject("alice").list(),
      await place.sessions.query({}),
      await place.sessions.describe(idOf(session)),
      session.describe(),
      session,
    ]);
    expect(shown).not.toMatch(/verifier|sealed|rotation|holder/);
  });
});
