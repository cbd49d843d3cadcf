/**
 * What the store needs of a driver: commands in, replies out. The types are those of `createClient`
 * of the package "redis" (node-redis 5 and 6), so that one can be passed as it is.
 */
import type { Buffer } from "node:buffer";
import type { SentinelFacts } from "./sentinel-facts.ts";

export type Argument = string | Buffer;

/** Replies give texts as bytes where this is asked for: 36 is RESP's `$`. */
interface CommandOptions {
  readonly typeMapping?: { readonly 36: typeof Buffer };
  readonly timeout?: number | undefined;
}

/** `invalidate` gives the name of a key that is tracked and was written, or null for all. */
export type ClientEvent = "ready" | "error" | "invalidate";

/** What the tail's connection wants: to be told of writes by the connection it reads on. */
export interface Overrides {
  readonly RESP?: 3;
  readonly emitInvalidate?: true;
}

/** A client of the package "redis", made with `disableOfflineQueue: true`. */
export interface RedisClient {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  readonly options: { readonly disableOfflineQueue?: boolean; readonly readonly?: boolean };
  sendCommand(args: Argument[], options?: never): Promise<unknown>;
  connect(): Promise<unknown>;
  close(): Promise<unknown>;
  destroy(): void;
  duplicate(overrides?: Overrides): RedisClient;
  on(event: ClientEvent, listener: (...args: unknown[]) => void): unknown;
  off(event: ClientEvent, listener: (...args: unknown[]) => void): unknown;
  /** Present where Sentinels choose the primary. */
  readonly sentinelFacts?: () => Promise<SentinelFacts>;
}

/** The same with the options we pass. */
export interface Sender {
  sendCommand(args: readonly Argument[], options: CommandOptions): Promise<unknown>;
}

const NO_TIMEOUT: CommandOptions = { timeout: undefined };

/** Options for replies of texts. Calls are bounded: the driver's own timers are not needed. */
export const TEXT: CommandOptions = NO_TIMEOUT;

/** Options for replies of bytes. */
export function bytesOption(bytes: typeof Buffer): CommandOptions {
  return { ...NO_TIMEOUT, typeMapping: { 36: bytes } };
}

/** @returns what of a client would break a promise: a cluster, a pool, an offline queue. */
export function clientProblem(given: unknown): string | undefined {
  const client = given as Partial<RedisClient> | null | undefined;
  if (typeof client !== "object" || client === null) {
    return 'expected createClient({ …, disableOfflineQueue: true }) of the package "redis"';
  }
  if (typeof client.sendCommand !== "function" || typeof client.on !== "function") {
    return 'expected a client of the package "redis", made by createClient()';
  }
  if ("masters" in client || "slots" in client) {
    return "is a cluster; this release works with one primary: pass createClient()";
  }
  if ("getMasterNode" in client) {
    return (
      "is the driver's own Sentinel client, which sends commands again whose outcome is unknown: " +
      "pass followSentinels({ name, addresses, connect })"
    );
  }
  if (typeof client.isReady !== "boolean" || typeof client.duplicate !== "function") {
    return "is a pool or of another driver; pass createClient() itself";
  }
  return optionProblem(client.options);
}

function optionProblem(options: RedisClient["options"] | undefined): string | undefined {
  if (options?.disableOfflineQueue !== true) {
    return (
      "keeps commands while it is offline and replays them later, when nobody waits for them: " +
      "make it with createClient({ …, disableOfflineQueue: true })"
    );
  }
  if (options.readonly === true) {
    return "may read from replicas, which lag behind: make it without readonly";
  }
  return undefined;
}
