/** Real servers on loopback. */
import { createServer } from "node:http";
import type { RequestListener, Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Accounts, Running } from "./contestant.ts";

/** Serve on a free port until `close`. */
export async function listen(
  server: Server | RequestListener,
  accounts: Accounts = {},
  end: () => unknown = () => undefined,
): Promise<Running> {
  const http = typeof server === "function" ? createServer(server) : server;
  await new Promise<void>((resolve) => void http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    ...accounts,
    close: async () => {
      http.closeAllConnections();
      await new Promise<void>((resolve) => void http.close(() => resolve()));
      await end();
    },
  };
}

type Method = (...args: unknown[]) => unknown;

/** The same store, with its calls of `names` counted. */
export function counting<Store extends object>(
  store: Store,
  names: readonly string[],
): { readonly store: Store; readonly calls: () => number } {
  let calls = 0;
  const counted = new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      const method = value as Method;
      if (typeof name !== "string" || !names.includes(name)) return method.bind(target);
      return (...args: unknown[]) => {
        calls += 1;
        return method.apply(target, args);
      };
    },
  });
  return { store: counted, calls: () => calls };
}
