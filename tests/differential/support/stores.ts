/** The stores a case runs on. */
import { argument, errorText, show } from "./text.ts";
import type { Done, Fault, Implementation, LooseStore, Method, StoreKind } from "./types.ts";
import type { Faults, StoreMethod, World } from "./types.ts";

type Log = World["log"];
interface Seat {
  readonly impl: Implementation;
  readonly log: Log;
  readonly faults: () => Faults;
}

const SPIED = ["get", "set", "destroy", "touch", "createSession", "regenerate", "load"] as const;

export function storeOf(kind: StoreKind, seat: Seat): LooseStore | undefined {
  if (kind === "default") return undefined;
  if (kind === "memory") return new seat.impl.MemoryStore();
  if (kind === "spied") return spied(seat);
  return neutral(kind, seat);
}

/** Write down every call, with its arguments and what it answers. */
function recorded(seat: Seat, name: string, method: Method): Method {
  return function record(this: unknown, ...args: unknown[]): unknown {
    const shown = args.map((one) => (isRequest(one) ? "req" : argument(seat.impl, one)));
    seat.log(`${name}(${shown.join(", ")})`);
    const last = args.at(-1);
    if (typeof last !== "function" || name === "createSession") return method.apply(this, args);
    let later = false;
    const answer: Done = (...given) => {
      seat.log(`${name} answers ${given.map((one) => argument(seat.impl, one)).join(", ")}`);
      try {
        (last as Method)(...given);
      } catch (error) {
        // Nobody is left to catch it then; a server would end its process.
        seat.log(`${name}'s callback throws ${errorText(error)}`);
        if (!later) throw error;
      }
    };
    try {
      return method.apply(this, [...args.slice(0, -1), answer]);
    } finally {
      later = true;
    }
  };
}

function isRequest(value: unknown): boolean {
  return typeof value === "object" && value !== null && "sessionID" in value;
}

function spied(seat: Seat): LooseStore {
  const store = new seat.impl.MemoryStore();
  const methods = store as unknown as Record<string, Method>;
  for (const name of SPIED) methods[name] = recorded(seat, name, faulty(seat, name, store));
  return store;
}

/** What the case puts in place of a method, else the method. */
function faulty(seat: Seat, name: string, store: LooseStore): Method {
  const method = (store as unknown as Record<string, Method>)[name];
  if (method === undefined) throw new Error(`a MemoryStore has no ${name}`);
  return function call(this: unknown, ...args: unknown[]): unknown {
    const fault: Fault | undefined = seat.faults()[name as StoreMethod];
    if (fault === undefined) return method.apply(this, args);
    return fault(args, callbackOf(args), () => void method.apply(this, args));
  };
}

function callbackOf(args: readonly unknown[]): Done {
  const last = args.at(-1);
  return typeof last === "function" ? (last as Done) : () => undefined;
}

/** A store as anybody writes one: rows of JSON text in a map, callbacks. */
function neutral(kind: StoreKind, seat: Seat): LooseStore {
  const rows = new Map<string, string>();
  const later = (done: unknown, ...given: unknown[]): void => {
    if (typeof done !== "function") return;
    if (kind === "prompt") (done as Method)(...given);
    else setImmediate(done as Method, ...given);
  };
  const methods: Record<string, Method> = {
    get(sid, done) {
      const row = rows.get(sid as string);
      later(done, null, row === undefined ? undefined : JSON.parse(row));
    },
    set(sid, session, done) {
      rows.set(sid as string, JSON.stringify(session));
      later(done, null);
    },
    destroy(sid, done) {
      rows.delete(sid as string);
      later(done, null);
    },
    touch(sid, session, done) {
      const row = rows.get(sid as string);
      if (row !== undefined) {
        const { cookie } = session as { cookie: unknown };
        rows.set(sid as string, JSON.stringify({ ...(JSON.parse(row) as object), cookie }));
      }
      later(done, null);
    },
    clear(done) {
      rows.clear();
      later(done, null);
    },
    all(done) {
      later(done, null, Object.fromEntries([...rows].map(([sid, row]) => [sid, JSON.parse(row)])));
    },
  };
  class NeutralStore extends seat.impl.Store {}
  const store = new NeutralStore();
  Object.assign(store, methods);
  const seen = store as unknown as Record<string, Method | undefined>;
  for (const name of SPIED) seen[name] = recorded(seat, name, faulty(seat, name, store));
  if (kind === "touchless") delete seen["touch"];
  return store;
}

/** All rows, or why they cannot be told. */
export async function contentsOf(store: LooseStore | undefined): Promise<Record<string, unknown>> {
  if (store?.all === undefined) return {};
  const all = store.all.bind(store);
  return new Promise((resolve) => {
    all((error, rows) => {
      if (error !== undefined && error !== null) resolve({ error: errorText(error) });
      else resolve(Object.fromEntries(Object.entries(rows ?? {}).map(([k, v]) => [k, show(v)])));
    });
  });
}
