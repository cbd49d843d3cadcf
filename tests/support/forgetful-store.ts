/** A store whose standby lags: it has what was copied to it, and takes over without the rest. */
import { MemoryStore } from "sojourn";
import type { SessionRef, SessionStore, StoreHealth } from "sojourn";

export interface ForgetfulStore extends SessionStore {
  /** Bring the standby up to date. */
  copy(): Promise<void>;
  /** The standby is the store from here on. */
  failOver(): void;
}

/** @param nowAt The store's own time. */
export function forgetfulStore(nowAt: () => number): ForgetfulStore {
  const places = [new MemoryStore(), new MemoryStore()] as const;
  const known = new Map<string, SessionRef>();
  const epochs = new Map<string, readonly [tenant: string, subject: string]>();
  let [primary, standby]: readonly MemoryStore[] = places;
  let incarnation = 1;
  let since = -Infinity;
  const present = (): MemoryStore => primary as MemoryStore;
  const own = {
    capabilities: { ...places[0].capabilities, mayForget: true },
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
        if (session !== undefined) await standby?.apply([{ kind: "session", session }], "copy");
      }
      for (const [tenant, subject] of epochs.values()) {
        const epoch = await present().subjectEpoch(tenant, subject);
        await standby?.apply([{ kind: "epoch", tenant, subject, epoch }], "copy");
      }
    },
    failOver(): void {
      [primary, standby] = [standby, primary];
      incarnation += 1;
      since = nowAt();
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
