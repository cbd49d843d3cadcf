/**
 * How durable a commit is, as what the server confirms with it. Which standbys it waits for is its
 * own configuration, so each statement that promises something reads it. Invariant I8.
 */
import type { Durability } from "../../protocol/words.ts";

/** The disk has it before the call returns, also where the server's default is not to wait. */
const LOCAL =
  "set_config('synchronous_commit', CASE current_setting('synchronous_commit') " +
  "WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)";
/** So have the disks of the standbys that the server waits for, if there are any. */
const REPLICATED =
  "set_config('synchronous_commit', CASE current_setting('synchronous_commit') " +
  "WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true)";

/** An expression that makes the transaction it is in as durable as was asked for. */
export function commitSetting(asked: Durability | undefined): string {
  return asked === "replicated" || asked === "quorum" ? REPLICATED : LOCAL;
}

/** What {@link durabilityOf} reads, behind a subquery `setting` that has evaluated the above. */
export const CONFIRMED_BY = "setting.level, current_setting('synchronous_standby_names')";

const LIST = /^\s*(?:(?:ANY|FIRST)\s+)?(\d+)\s*\((?<some>[^)]*)\)\s*$/i;

/**
 * What a commit that was waited for is worth. A majority of the primary and the standbys named is
 * a quorum; `*` names nobody knows how many.
 */
export function durabilityOf(
  level: string | null | undefined,
  standbys: string | null | undefined,
): Durability {
  if ((level !== "on" && level !== "remote_apply") || !standbys?.trim()) return "local";
  const [, count = "1", some = standbys] = LIST.exec(standbys) ?? [];
  const names = some.split(",");
  const copies = Number(count) + 1;
  const everybody = names.some((name) => /^\s*"?\*"?\s*$/.test(name));
  return !everybody && copies > (names.length + 1) / 2 ? "quorum" : "replicated";
}
