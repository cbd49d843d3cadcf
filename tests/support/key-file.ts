/** A file of signing keys for a service under test, each active at once. */
import { rotateKeys, writeKeyFile } from "sojourn/tokens";

const PURPOSES = ["access-token", "revocation-feed", "introspection"] as const;
const OVERLAP_MS = 60_000;

/** @returns the path. */
export async function keyFileAt(path: string): Promise<string> {
  let document = "";
  for (const purpose of PURPOSES) {
    const options = { document, purpose, now: Date.now(), leadMs: 0, overlapMs: OVERLAP_MS };
    document = (await rotateKeys(options)).document;
  }
  await writeKeyFile(path, document);
  return path;
}
