/** What may be presented once, in Redis or Valkey: shared by every process on the server. */
import { ConfigError } from "../../engine/errors.ts";
import type { ConfigProblem } from "../../engine/errors.ts";
import { unknownOptions } from "../../engine/given.ts";
import type { ReplayCache } from "../../engine/replays.ts";
import { clientProblem } from "./client.ts";
import type { RedisClient } from "./client.ts";
import { bounded, untilReady } from "./connecting.ts";
import { storeFault } from "./faults.ts";
import { Link } from "./link.ts";
import { placeProblems } from "./names.ts";

export interface RedisReplaysOptions {
  /** As {@link RedisStore} takes it, and may be the same; connected at first use if it is not. */
  readonly client: RedisClient;
  /** Before every key: up to 32 letters, digits and `_.:-`. Default none. */
  readonly prefix?: string;
}

const CALL_MS = 1_000;

/**
 * One command for each claim; the server forgets it when it is over. A server that evicts forgets
 * earlier, and one that takes over after a failure may not have the last ones: what they were for
 * may then be replayed for the rest of its window.
 */
export class RedisReplays implements ReplayCache {
  readonly #link: Link;
  readonly #prefix: string;
  #connecting: Promise<void> | undefined;

  /** @throws {ConfigError} for wrong options. */
  constructor(options: RedisReplaysOptions) {
    const { client, prefix = "" } = options;
    const problems: ConfigProblem[] = unknownOptions(options, ["client", "prefix"]);
    const problem = clientProblem(client);
    if (problem !== undefined) problems.push({ path: "client", message: problem });
    for (const { message } of placeProblems(prefix, 1)) problems.push({ path: "prefix", message });
    if (problems.length > 0) throw new ConfigError(problems);
    // The driver ends the process where nobody hears of its errors; callers hear of them here.
    client.on("error", () => undefined);
    this.#link = new Link(client);
    this.#prefix = prefix;
  }

  async claim(key: string, untilAt: number, now: number): Promise<boolean> {
    const spanMs = String(Math.max(1, Math.ceil(untilAt - now)));
    const name = `${this.#prefix}p:${key}`;
    try {
      if (!this.#link.client.isReady) await this.#ready();
      const set = this.#link.text("claim", ["SET", name, "1", "NX", "PX", spanMs]);
      return (await bounded(set, CALL_MS, "claim")) !== null;
    } catch (error) {
      throw storeFault(error, "claim");
    }
  }

  /** One attempt for all who wait. */
  #ready(): Promise<void> {
    this.#connecting ??= untilReady(this.#link.client, CALL_MS).finally(
      () => void (this.#connecting = undefined),
    );
    return this.#connecting;
  }
}
