/** Files with secrets on Node. */
import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { platform } from "node:process";
import type { PrivateFiles } from "../engine/ports.ts";

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

export const privateFiles: PrivateFiles | undefined = {
  async read(path, knownVersion) {
    const { mtimeMs, size, ino, mode } = await stat(path);
    const shared = platform !== "win32" && (mode & OTHERS) !== 0;
    const version = `${mtimeMs}/${size}/${ino}/${mode}`;
    if (version === knownVersion) return undefined;
    return { text: await readFile(path, "utf8"), version, shared };
  },

  async replace(path, text) {
    const beside = `${path}.${randomBytes(9).toString("base64url")}`;
    const before = await stat(path).catch(() => undefined);
    try {
      const file = await open(beside, "wx", OWNER_ONLY);
      try {
        // Root writes it, and the service whose it is must be able to read it still.
        const { uid } = await file.stat();
        if (before !== undefined && before.uid !== uid) await file.chown(before.uid, before.gid);
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(beside, path);
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    }
  },
};
