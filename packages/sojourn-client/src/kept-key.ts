/** The key pair of this origin, and when to prove it next, in IndexedDB: all pages share it. */

export interface KeptKey {
  readonly pair: CryptoKeyPair;
  /** Milliseconds since the epoch by the clock of this device. */
  readonly askAt: number;
}

const DATABASE = "sojourn-client";
const STORE = "keys";

export function readKept(name: string): Promise<KeptKey | undefined> {
  return withStore("readonly", (store) => store.get(name) as IDBRequest<KeptKey | undefined>);
}

export async function keep(name: string, kept: KeptKey): Promise<void> {
  await withStore("readwrite", (store) => store.put(kept, name));
}

export async function forget(name: string): Promise<void> {
  await withStore("readwrite", (store) => store.delete(name));
}

/** One transaction. The database is closed behind it, so that nobody waits to delete it. */
async function withStore<Result>(
  mode: IDBTransactionMode,
  act: (store: IDBObjectStore) => IDBRequest<Result>,
): Promise<Result> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await settled(opening);
  try {
    const transaction = database.transaction(STORE, mode, { durability: "strict" });
    const request = act(transaction.objectStore(STORE));
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error("not stored"));
    });
    return request.result;
  } finally {
    database.close();
  }
}

function settled<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("not opened"));
  });
}
