/** What the engine needs of the runtime it is in: time, timers, entropy, keyed primitives. */

export type MaybePromise<T> = T | Promise<T>;

/** Milliseconds since the epoch, never going back while the process lives. */
export interface Clock {
  /** @throws {ClockJumpedError} until {@link Clock.learn} was called after a jump. */
  now(): number;
  /** Accept the store's time as true; `undefined` when the store has no time of its own. */
  learn(storeNowAt: number | undefined): void;
}

/** One-shot timers that do not keep a process alive. */
export interface Timers {
  /** Run once after `ms`. @returns a function that cancels. */
  after(ms: number, run: () => void): () => void;
}

export interface Entropy {
  /** Bytes from a CSPRNG. */
  bytes(length: number): Uint8Array;
}

/**
 * Keyed primitives. Synchronous on Node, asynchronous on Web Crypto; callers await either.
 * Keys are remembered by identity and must not be written to, nor a message before its result.
 */
export interface Digest {
  /** HMAC-SHA-256, 32 bytes. */
  hmac(key: Uint8Array, message: Uint8Array): MaybePromise<Uint8Array>;
  /** HKDF-SHA-256 with an empty salt. */
  hkdf(secret: Uint8Array, info: Uint8Array, length: number): MaybePromise<Uint8Array>;
  /** AES-256-GCM; the 16-byte tag follows the ciphertext. */
  seal(
    key: Uint8Array,
    nonce: Uint8Array,
    plain: Uint8Array,
    aad: Uint8Array,
  ): MaybePromise<Uint8Array>;
  /** @returns `undefined` when the tag does not match; nothing else is told. */
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    sealed: Uint8Array,
    aad: Uint8Array,
  ): MaybePromise<Uint8Array | undefined>;
}

/** Tenants' own keys: where one is destroyed, nothing under it can be read or proved any more. */
export interface TenantKeys {
  /**
   * At once where it is remembered: every verification that is no hit asks.
   *
   * @returns at least 32 random bytes, the very same array as long as it is the same key (what is
   * derived from it is kept with it); `undefined`: the tenant has the installation's keys.
   * @throws {StoreUnavailableError} when it cannot be known now: never "no key". Invariant I7.
   */
  keyOf(tenant: string): MaybePromise<Uint8Array | undefined>;
}

/** AES-256-GCM as in {@link Digest}, under one key that is used again: made ready once. */
export interface Cipher {
  seal(nonce: Uint8Array, plain: Uint8Array, aad: Uint8Array): MaybePromise<Uint8Array>;
  /** @returns `undefined` when the tag does not match; nothing else is told. */
  open(
    nonce: Uint8Array,
    sealed: Uint8Array,
    aad: Uint8Array,
  ): MaybePromise<Uint8Array | undefined>;
}

/** Long texts of base64url without padding, where the runtime is quicker at them than a loop. */
export interface Base64Url {
  encode(bytes: Uint8Array): string;
  /** @returns `undefined` for anything but the one spelling of some bytes. */
  decode(text: string): Uint8Array | undefined;
}

/** The two clocks of a machine, read and not judged. */
export interface HostTime {
  /** Milliseconds since the epoch, as somebody set it. */
  readonly wall: () => number;
  /** Milliseconds since any instant, never going back. */
  readonly monotonic: () => number;
}

/** Work done once for all who wait for it, as far as the runtime lets them wait for each other. */
export interface Errand {
  /** Begun, and neither over nor lost. */
  readonly underWay: boolean;
  /** Begin, unless it is under way, and wait until it is over. */
  join(): Promise<void>;
}

/** A file that holds secrets. */
export interface PrivateFile {
  readonly text: string;
  /** Changes when the file does. */
  readonly version: string;
  /** True where others than its owner may open it; `false` where a system cannot tell. */
  readonly shared: boolean;
}

/** Files with secrets, where the runtime has files. */
export interface PrivateFiles {
  /** @returns `undefined` when the file still has `knownVersion`: one look, no read. */
  read(path: string, knownVersion?: string): Promise<PrivateFile | undefined>;
  /** Replace in one step, for its owner alone; a crash leaves the old file or the new one. */
  replace(path: string, text: string): Promise<void>;
}
