/** Making connections in bounded time, and getting rid of them. */
import { StoreUnavailableError } from "../../engine/errors.ts";
import type { RedisClient } from "./client.ts";

/** A process that was busy with itself for long has lost a part of its time, not an answer. */
const PARTS = 8;
const CLOSED_MS = 1_000;

/**
 * Connect, or wait for a connection that is being made. A driver goes on trying for ever; this ends
 * with its first error, and it goes on in the background.
 *
 * @throws what went wrong first, or that it took longer than `ms`.
 */
export async function untilReady(client: RedisClient, ms: number): Promise<void> {
  if (client.isReady) return;
  let stop = (): void => undefined;
  const ready = new Promise<void>((resolve, reject) => {
    const onReady = (): void => resolve();
    const onError = (error: unknown): void => reject(error);
    client.on("ready", onReady);
    client.on("error", onError);
    stop = () => {
      client.off("ready", onReady);
      client.off("error", onError);
    };
    if (!client.isOpen) client.connect().then(onReady, onError);
  });
  const late = new StoreUnavailableError(
    `connect: no answer within ${ms} ms; a server without TLS gives none to rediss://`,
  );
  try {
    await bounded(ready, ms, late);
  } finally {
    stop();
  }
}

/** A driver goes on trying to connect for ever: here its first error is enough. */
export async function firstTry<Value>(
  client: RedisClient,
  connecting: Promise<Value>,
  ms: number,
): Promise<Value> {
  let stop = (): void => undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    client.on("error", reject);
    stop = () => void client.off("error", reject);
  });
  try {
    return await bounded(Promise.race([connecting, failed]), ms, "connect");
  } finally {
    stop();
    connecting.catch(() => undefined);
  }
}

/**
 * A stopped server answers nothing and closes nothing.
 *
 * @param told The operation, or what is thrown when there was no answer in time.
 * @throws {StoreUnavailableError}
 */
export async function bounded<Value>(
  waiting: Promise<Value>,
  ms: number,
  told: string | StoreUnavailableError,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const again = (left: number): void => {
      timer = setTimeout(() => (left === 0 ? reject(error) : again(left - 1)), ms / PARTS).unref();
    };
    const error =
      typeof told === "string"
        ? new StoreUnavailableError(`${told}: no answer within ${ms} ms`)
        : told;
    again(PARTS - 1);
  });
  try {
    return await Promise.race([waiting, late]);
  } finally {
    clearTimeout(timer);
    waiting.catch(() => undefined);
  }
}

/**
 * What is owed is waited for, and not for long: a stopped server never gives it. Of a connection
 * that is only being made nothing is left either; it would keep the process from ending.
 */
export async function hangUp(client: RedisClient): Promise<void> {
  if (!client.isReady) return discard(client);
  await bounded(client.close(), CLOSED_MS, "close").catch(() => undefined);
  if (client.isOpen) client.destroy();
}

/** End a connection, one that is only being made too: the driver would finish making it. */
export function discard(client: RedisClient | undefined): void {
  if (client === undefined) return;
  client.on("ready", () => client.destroy());
  // What it still says is for nobody, and an emitter of errors without a listener ends the process.
  client.on("error", () => undefined);
  if (client.isOpen) client.destroy();
}
