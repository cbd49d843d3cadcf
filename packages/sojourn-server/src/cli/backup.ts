/** `sojourn backup`, `sojourn restore`: copies that cannot bring an ended session back. */
import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { copyOut, run } from "../backup/copies.ts";
import { checkedFile, describeFile, readManifest, writeManifest } from "../backup/manifest.ts";
import type { BackupFile, Manifest } from "../backup/manifest.ts";
import { restoreSessions } from "../backup/restore.ts";
import type { Restored } from "../backup/restore.ts";
import type { ServerConfig } from "../config/config.ts";
import type { Installation } from "../main/installation.ts";
import { EXIT, FailedError, textOption, UsageError } from "./command.ts";
import type { Command } from "./command.ts";
import { withInstallation } from "./context.ts";
import { OPERATOR } from "./options.ts";
import { facts } from "./output.ts";

const backup: Command = {
  name: "backup",
  summary: "Copy sessions and control store into a folder, beside running services",
  words: [],
  options: [
    { name: "out", value: "FOLDER", means: "a new folder, readable by its owner (required)" },
    {
      name: "with",
      value: "COMMAND",
      means: "how to copy sessions in Redis: run by sh, with the folder in $SOJOURN_BACKUP",
    },
  ],
  installation: true,
  details:
    "SQLite is copied by itself, PostgreSQL by pg_dump. backup.json says where the audit trail stood, so " +
    "that a restore ends again what ended since. The copies hold who is signed in; no token, key " +
    "or secret can be made of them. The secret is not in them: keep it apart.",
  examples: [
    "sojourn backup --out /media/backup/2026-11-22",
    "sojourn backup --out /media/backup/2026-11-22 --with 'redis-cli --rdb $SOJOURN_BACKUP/dump.rdb'",
  ],
  async run(invocation) {
    const { values, output, config } = invocation;
    const folder = textOption(values, "out");
    if (folder === undefined) throw new UsageError("--out is missing", this.name);
    const command = textOption(values, "with");
    refuseStores(config(), command, this.name);
    newFolder(folder);
    try {
      const manifest = await withInstallation(invocation, (installation) =>
        copyAll(config(), installation, resolve(folder), command),
      );
      const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
      output.result({ folder, ...manifest }, (paint) =>
        facts(
          [
            ["Folder", folder],
            ["Files", manifest.files.map(({ name }) => name).join(", ")],
            ["Bytes", String(bytes)],
            ["Trail", `row ${manifest.from.seq}`],
          ],
          paint,
        ),
      );
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
    return EXIT.ok;
  },
};

function refuseStores({ store }: ServerConfig, command: string | undefined, name: string): void {
  if (store.kind === "memory") throw new UsageError("--store: memory: has nothing to keep", name);
  if (store.kind === "redis" && command === undefined) {
    throw new UsageError("--with is missing: sessions in Redis are copied by a command", name);
  }
  if (store.kind !== "redis" && command !== undefined) {
    throw new UsageError("--with: only for sessions in Redis", name);
  }
}

function newFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw new FailedError(`cannot make the folder ${folder} (${code}); it must be a new one`);
  }
}

async function copyAll(
  config: ServerConfig,
  { control, audit, now }: Installation,
  folder: string,
  command: string | undefined,
): Promise<Manifest> {
  const { store } = config;
  const from = await control.trail.head();
  const files: BackupFile[] = [];
  if (command === undefined) {
    const path = await copyOut(store, "sojourn", join(folder, "sessions"));
    if (path !== undefined) files.push(await describeFile("sessions", path));
  } else {
    const env = { ...process.env, SOJOURN_BACKUP: folder };
    const { code, said } = await run("/bin/sh", ["-c", command], env);
    if (code !== 0) throw new FailedError(`--with ended with ${code}: ${said}`);
  }
  const path = await copyOut(config.control, "sojourn_control", join(folder, "control"));
  if (path !== undefined) files.push(await describeFile("control", path));
  const until = await control.trail.head();
  // The entry comes after it: a trail that holds it is none of these copies.
  audit.log.note("store-backed-up", OPERATOR, { detail: { store: store.kind } });
  const at = new Date(now()).toISOString();
  const manifest = { version: 1, at, store: store.kind, from, until, files } as const;
  writeManifest(folder, manifest);
  return manifest;
}

const restore: Command = {
  name: "restore",
  summary: "Put the sessions of a backup back; what ended since stays ended",
  words: ["FOLDER"],
  options: [
    {
      name: "placed",
      means: "the sessions are back already, by the engine's own means: only end what ended since",
    },
  ],
  installation: true,
  details:
    "Stop every service first, and leave the control store as it is: its audit trail tells what " +
    "ended after the backup was taken. Where the trail is gone, was restored too, or is not whole, " +
    "nothing is restored: begin with empty sessions, and everybody signs in again. To have them " +
    "all the same: --accept-risk revived-sessions.",
  examples: ["sojourn restore /media/backup/2026-11-22"],
  async run({ words: [folder = ""], values, output, config: read }) {
    const manifest = readManifest(folder);
    if (manifest === undefined) throw new FailedError(`${folder} holds no backup.json of ours`);
    const config = read();
    if (config.store.kind !== manifest.store) {
      throw new UsageError(`--store: the backup is of ${manifest.store}`, this.name);
    }
    if (config.store.kind === "redis" && values["placed"] !== true) {
      throw new UsageError("--placed is missing: Redis reads its files when it starts", this.name);
    }
    const file = values["placed"] === true ? undefined : await checkedFile(folder, manifest);
    if (file !== undefined && "problem" in file)
      throw new FailedError(`${folder}: ${file.problem}`);
    const told = await restoreSessions(config, manifest, file?.path);
    output.result(told, () => resultText(told));
    return EXIT.ok;
  },
};

export const backupCommands: readonly Command[] = [backup, restore];

function resultText({ looked, ended, locked, replaced, unproved }: Restored): string {
  return [
    `Of ${looked} ends since the backup ${ended} were made again, and ${locked} locks.`,
    ...(replaced === undefined ? [] : [`What was there is now ${replaced}.`]),
    ...(unproved === undefined ? [] : [`Accepted: ${unproved}.`]),
  ].join("\n");
}
