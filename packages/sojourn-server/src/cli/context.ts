/** Opens the installation for the length of one command. */
import { openInstallation } from "../main/installation.ts";
import type { Installation } from "../main/installation.ts";
import type { Invocation } from "./command.ts";

const NOT_AUDITED =
  "The audit trail could not be written: what this command did is not in it. See the control store.";

/** @throws whatever `work` throws, after everything was closed. */
export async function withInstallation<Result>(
  invocation: Invocation,
  work: (installation: Installation) => Result | Promise<Result>,
): Promise<Result> {
  const config = invocation.config();
  if (config.store.kind === "memory") {
    invocation.output.note("The store is memory: nothing of this is left when the command ends.");
  }
  // One call: nothing would be asked for twice.
  const once = { ...config, nearCacheMs: undefined };
  const installation = await openInstallation(once, {
    sweep: false,
    warn: () => undefined,
    onAuditTrouble: () => invocation.output.note(NOT_AUDITED),
  });
  try {
    return await work(installation);
  } finally {
    await installation.close();
  }
}
