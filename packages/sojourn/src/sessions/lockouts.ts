/**
 * Who is kept out: compiled, so that asking at every judgement costs no I/O and less than a
 * microsecond. Whoever keeps the list (the service: its control store) puts changes in here.
 */
import { ArgumentError } from "../engine/errors.ts";
import type { Subscription } from "../engine/ports.ts";
import { printAddress, readNetwork } from "../http/address.ts";
import { idOfHandle } from "../protocol/words.ts";
import { NetworkIndex } from "./network-index.ts";

/** What may be kept out; the more specific first. Values are wire format: add, never rename. */
export const LOCKOUT_KINDS = [
  "session",
  "subject",
  "device",
  "client",
  "network",
  "tenant",
] as const;
export type LockoutKind = (typeof LOCKOUT_KINDS)[number];

/** One target that is kept out: nothing of it opens, what is live of it ends. */
export interface Lockout {
  readonly id: string;
  readonly tenant: string;
  readonly kind: LockoutKind;
  /** The handle, subject, device id, client or network; `""` for the whole tenant. */
  readonly value: string;
  /** Shown to whoever is kept out. */
  readonly message: string;
  /** For those who look after it; into the record and the events as `cause`. */
  readonly reason?: string | undefined;
  /** Exclusive. */
  readonly expiresAt?: number | undefined;
}

/** One that was said anew is in both. */
export interface LockoutChange {
  readonly set: readonly Lockout[];
  readonly lifted: readonly Lockout[];
}

/** What of a session can be locked out; a record has it all. */
export interface LockoutFacts {
  readonly tenant: string;
  readonly id?: string | undefined;
  readonly subject: string | null;
  readonly device?:
    | { readonly id?: string | undefined; readonly address?: string | undefined }
    | undefined;
  readonly client?: string | undefined;
}

const IPV4_GROUPS = 2;
/** The key of what has no name. */
const WHOLE = "";

class TenantLockouts {
  readonly networks: NetworkIndex<Lockout> = new NetworkIndex();
  readonly named: Readonly<Record<LockoutKind, Map<string, Lockout>>> = {
    session: new Map(),
    subject: new Map(),
    device: new Map(),
    client: new Map(),
    network: new Map(),
    tenant: new Map(),
  };

  find(who: LockoutFacts, now: number, address: string | undefined): Lockout | undefined {
    const { session, subject, device, client, tenant } = this.named;
    return (
      held(session, who.id, now) ??
      held(subject, who.subject, now) ??
      held(device, who.device?.id, now) ??
      held(client, who.client, now) ??
      this.#within(address, now) ??
      this.#within(who.device?.address, now) ??
      held(tenant, WHOLE, now)
    );
  }

  #within(address: string | undefined, now: number): Lockout | undefined {
    if (address === undefined || this.networks.size === 0) return undefined;
    return this.networks.find(address, (lockout) => inForce(lockout, now) !== undefined);
  }
}

export class Lockouts {
  /** Moves with every change: what was found out before is asked anew. */
  version = 0;
  readonly #byId: Map<string, Lockout> = new Map();
  readonly #tenants: Map<string, TenantLockouts> = new Map();
  readonly #listeners: Set<(change: LockoutChange) => void> = new Set();
  #networks = 0;

  get size(): number {
    return this.#byId.size;
  }

  /** Whether it matters from where a token is presented. */
  get hasNetworks(): boolean {
    return this.#networks > 0;
  }

  /** What keeps it out, the most specific first. No I/O. @param address Who presents it. */
  find(who: LockoutFacts, now: number, address?: string): Lockout | undefined {
    if (this.#byId.size === 0) return undefined;
    return this.#tenants.get(who.tenant)?.find(who, now, address);
  }

  /** In place of one with the same id, if there is one. @throws {ArgumentError} */
  set(lockout: Lockout): void {
    this.change([lockout], []);
  }

  /** What it ended stays ended. */
  lift(id: string): void {
    this.change([], [id]);
  }

  /** Many at once; listeners are told once. @throws {ArgumentError} before anything is changed. */
  change(set: readonly Lockout[], lifted: readonly string[]): void {
    for (const lockout of set) checkLockout(lockout);
    if (set.length + lifted.length === 0) return;
    const gone = lifted.flatMap((id) => this.#drop(id));
    for (const lockout of set) gone.push(...this.#drop(lockout.id), ...this.#put(lockout));
    this.version += 1;
    for (const listener of this.#listeners) listener({ set, lifted: gone });
  }

  /** Exactly these from now on. */
  replace(all: readonly Lockout[]): void {
    const kept = new Set(all.map(({ id }) => id));
    this.change(
      all,
      [...this.#byId.keys()].filter((id) => !kept.has(id)),
    );
  }

  /** All of them, those included whose time is over and that nobody has lifted yet. */
  list(): Iterable<Lockout> {
    return this.#byId.values();
  }

  onChange(listener: (change: LockoutChange) => void): Subscription {
    this.#listeners.add(listener);
    return { close: () => void this.#listeners.delete(listener) };
  }

  /** @returns the older word on the same target: it is locked once. */
  #put(lockout: Lockout): readonly Lockout[] {
    const { id, tenant, kind, value } = lockout;
    const of = this.#tenants.get(tenant) ?? new TenantLockouts();
    this.#tenants.set(tenant, of);
    const key = keyOf(kind, value);
    const before = of.named[kind].get(key);
    const gone = before === undefined ? [] : this.#drop(before.id);
    this.#byId.set(id, lockout);
    of.named[kind].set(key, lockout);
    if (kind === "network") {
      of.networks.add(value, lockout);
      this.#networks += 1;
    }
    return gone;
  }

  #drop(id: string): readonly Lockout[] {
    const lockout = this.#byId.get(id);
    const of = lockout === undefined ? undefined : this.#tenants.get(lockout.tenant);
    if (lockout === undefined || of === undefined) return [];
    this.#byId.delete(id);
    const { kind, value } = lockout;
    of.named[kind].delete(keyOf(kind, value));
    if (kind === "network") {
      of.networks.delete(lockout);
      this.#networks -= 1;
    }
    return [lockout];
  }
}

function keyOf(kind: LockoutKind, value: string): string {
  return kind === "session" ? (idOfHandle(value) ?? value) : value;
}

function inForce(lockout: Lockout | undefined, now: number): Lockout | undefined {
  if (lockout === undefined) return undefined;
  return now < (lockout.expiresAt ?? Infinity) ? lockout : undefined;
}

function held(
  map: ReadonlyMap<string, Lockout>,
  key: string | null | undefined,
  now: number,
): Lockout | undefined {
  return map.size === 0 || typeof key !== "string" ? undefined : inForce(map.get(key), now);
}

/**
 * A network as lockouts take it, in its one spelling.
 *
 * @throws {ArgumentError} for what is none, and for one with bits behind its own.
 */
export function lockoutNetwork(text: string): {
  readonly text: string;
  readonly family: "ipv4" | "ipv6";
  readonly bits: number;
} {
  const network = readNetwork(text);
  if (typeof network === "string") throw new ArgumentError("value", network);
  const { address, bits } = network;
  const family = address.length === IPV4_GROUPS ? "ipv4" : "ipv6";
  return { text: `${printAddress(address)}/${bits}`, family, bits };
}

/** @throws {ArgumentError} for one that would keep nobody out. */
function checkLockout({ id, tenant, kind, value, message }: Lockout): void {
  for (const [name, text] of Object.entries({ id, tenant, value, message })) {
    if (typeof text !== "string") throw new ArgumentError(`lockout.${name}`, "a text");
  }
  if (!LOCKOUT_KINDS.includes(kind)) {
    throw new ArgumentError("lockout.kind", `one of ${LOCKOUT_KINDS.join(", ")}`);
  }
  if (kind === "network") lockoutNetwork(value);
  if (kind === "session" && idOfHandle(value) === undefined) {
    throw new ArgumentError("lockout.value", "a session's handle like ses_…");
  }
  if ((value === "") !== (kind === "tenant")) {
    throw new ArgumentError("lockout.value", "whom it is about; nothing for the whole tenant");
  }
}
