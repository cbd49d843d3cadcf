/** A store whose standby lags: it has what was copied to it, and takes over without the rest. */
import { MemoryStore } from "sojourn";
import type { SessionRef, SessionStore, StoreHealth, Subscription, TailHandlers } from "sojourn";

export interface ForgetfulStore extends SessionStore {
  /** Bring the standby up to date. */
  copy(): Promise<void>;
  /** The standby is the store from here on. */
  failOver(): void;
  /** Somebody erased everything: it looks as if it had just been made. */
  empty(): void;
}

/** @param nowAt The store's own time. */
export function forgetfulStore(nowAt: () => number): ForgetfulStore {
  const known = new Map<string, SessionRef>();
  const epochs = new Map<string, readonly [tenant: string, subject: string]>();
  const tails = new Map<TailHandlers, Subscription>();
  let primary = new MemoryStore();
  let standby = new MemoryStore();
  let incarnation = 1;
  let since = 0;
  const present = (): MemoryStore => primary;
  const becomes = (store: MemoryStore, at: number): void => {
    [primary, standby] = [store, new MemoryStore()];
    incarnation += 1;
    since = at;
    for (const [handlers, tail] of tails) {
      tail.close();
      tails.set(handlers, primary.tail("now", handlers));
      handlers.gap?.();
    }
  };
  const own = {
    capabilities: { ...primary.capabilities, mayForget: true },
    async create(...args: Parameters<SessionStore["create"]>) {
      const [{ tenant, id, subject }] = args;
      known.set(id, { tenant, id });
      if (subject !== null) epochs.set(tenant + subject, [tenant, subject]);
      return present().create(...args);
    },
    async health(): Promise<StoreHealth> {
      const health = await present().health();
      const name = `incarnation ${incarnation}`;
      return { ...health, nowAt: nowAt(), incarnation: name, incarnationSince: since };
    },
    async copy(): Promise<void> {
      for (const ref of known.values()) {
        const session = await present().find(ref);
        if (session !== undefined) await standby.apply([{ kind: "session", session }], "copy");
      }
      for (const [tenant, subject] of epochs.values()) {
        const epoch = await present().subjectEpoch(tenant, subject);
        await standby.apply([{ kind: "epoch", tenant, subject, epoch }], "copy");
      }
    },
    failOver(): void {
      // The old primary comes back empty, as a copy of the new one.
      becomes(standby, nowAt());
    },
    empty(): void {
      becomes(new MemoryStore(), 0);
    },
    tail(from: string, handlers: TailHandlers): Subscription {
      tails.set(handlers, primary.tail(from, handlers));
      return {
        close: () => {
          tails.get(handlers)?.close();
          tails.delete(handlers);
        },
      };
    },
  };
  return new Proxy(own as unknown as ForgetfulStore, {
    get(target, name) {
      if (name in target) return Reflect.get(target, name);
      const value: unknown = Reflect.get(present(), name);
      return typeof value === "function" ? value.bind(present()) : value;
    },
  });
}
