/** What access tokens take: keys, an issuer, and the feed that revokes them. */
import { ConfigError } from "sojourn";
import type { Lockouts, ReplayCache, SessionStore } from "sojourn";
import {
  createDpop,
  createIssuer,
  createRevocationLog,
  createSigningKeys,
  fileKeys,
  Nonces,
  type AccessIssuer,
  type Dpop,
  type RevocationLog,
  type SigningKeys,
  type SigningPurpose,
} from "sojourn/tokens";
import type { MetaTable } from "../control/meta-table.ts";
import type { TokenSettings } from "../config/token-settings.ts";

export interface TokenHouse {
  readonly issuer: AccessIssuer;
  readonly audiences: readonly string[];
  readonly accessKeys: SigningKeys;
  readonly feedKeys: SigningKeys;
  /** Sign answers of introspection, where the key file has some. */
  readonly introspectionKeys: SigningKeys;
  readonly clients: readonly string[];
  /** Proofs on our own endpoints: their addresses begin with the issuer's. */
  readonly dpop: Dpop;
  /** Proofs on a resource of somebody else's. @throws {ConfigError} for no address of one. */
  dpopAt(externalUrl: string): Dpop;
  readonly log: RevocationLog;
  /** Keep where a service that starts later takes the store's log up: it misses nothing then. */
  keepCheckpoint(): Promise<void>;
  close(): void;
}

interface TokenTools {
  readonly now: () => number;
  readonly meta: MetaTable;
  readonly proofs: ReplayCache;
  readonly lockouts: Lockouts;
  /** They make nonces. */
  readonly secrets: readonly string[];
  readonly onError?: (error: unknown) => void;
}

/** Addresses of resources that are remembered, with the keys of their clients. */
const RESOURCES_MAX = 64;

/** A place in the log of the session store. */
const CHECKPOINT = "revocation-checkpoint";

/** @throws {ConfigError} when the key file cannot be used. */
export async function openSigningKeys(
  settings: TokenSettings,
  now: () => number,
  onError?: (error: unknown) => void,
): Promise<Pick<TokenHouse, "accessKeys" | "feedKeys" | "introspectionKeys">> {
  const { keyFile: path, accessTtlMs: tokenLifeMs } = settings;
  const provider = await inOurWords(
    "tokens.keyFile",
    fileKeys({ path, ...(onError === undefined ? {} : { onError }) }),
  );
  const keysFor = (purpose: SigningPurpose): SigningKeys =>
    createSigningKeys({ provider, purpose, tokenLifeMs, now });
  return {
    accessKeys: keysFor("access-token"),
    feedKeys: keysFor("revocation-feed"),
    introspectionKeys: keysFor("introspection"),
  };
}

/** What the library says of its options, as said of our settings. */
async function inOurWords<Made>(setting: string, made: Promise<Made>): Promise<Made> {
  try {
    return await made;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const said = error.problems.map(({ path, message }) =>
      ["path", "issuer"].includes(path) ? { path: setting, message } : { path, message },
    );
    throw new ConfigError(said, { cause: error.cause });
  }
}

/** A key that encrypts nothing is found at the start, not by a client. */
async function tryEncryption(encryptTo: TokenSettings["encryptTo"]): Promise<void> {
  for (const [audience, encrypt] of encryptTo) {
    try {
      await encrypt("a.b.c");
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const path = `tokens.encryptTo[${JSON.stringify(audience)}]`;
      const said = error.problems.map(({ message }) => ({ path, message }));
      throw new ConfigError(said, { cause: error });
    }
  }
}

/** @throws {ConfigError} when key file, issuer or a key to encrypt to cannot be used. */
export async function openTokens(
  settings: TokenSettings,
  store: Pick<SessionStore, "tail" | "revoke">,
  { now, meta, proofs, lockouts, secrets, onError }: TokenTools,
): Promise<TokenHouse> {
  const { audiences, accessTtlMs, encryptTo } = settings;
  await tryEncryption(encryptTo);
  const opened = await openSigningKeys(settings, now, onError);
  const { accessKeys, feedKeys, introspectionKeys } = opened;
  const issuer = await inOurWords(
    "tokens.issuer",
    (async () =>
      createIssuer({
        issuer: settings.issuer,
        keys: accessKeys,
        templates: Object.fromEntries(
          audiences.map((audience) => {
            const encrypt = encryptTo.get(audience);
            return [audience, encrypt === undefined ? {} : { encrypt }];
          }),
        ),
        accessTtlMs,
        now,
      }))(),
  );
  const nonces = new Nonces({ secrets });
  const dpopAt = remembering((externalUrl: string) =>
    createDpop({ externalUrl, replays: proofs, nonces, now }),
  );
  let kept = await meta.find(CHECKPOINT);
  const from = kept === undefined ? {} : { from: kept };
  const log = createRevocationLog({
    store,
    keys: [accessKeys],
    tokenLifeMs: accessTtlMs,
    lockouts,
    ...from,
  });
  return {
    issuer,
    audiences,
    accessKeys,
    feedKeys,
    introspectionKeys,
    clients: settings.clients,
    dpop: dpopAt(settings.issuer),
    dpopAt,
    log,
    async keepCheckpoint() {
      const { checkpoint } = log;
      if (checkpoint === undefined || checkpoint === kept) return;
      await meta.keep(CHECKPOINT, checkpoint);
      kept = checkpoint;
    },
    close: () => log.close(),
  };
}

function remembering<Made>(make: (name: string) => Made): (name: string) => Made {
  const made = new Map<string, Made>();
  return (name) => {
    const value = made.get(name) ?? make(name);
    if (made.size >= RESOURCES_MAX) made.clear();
    made.set(name, value);
    return value;
  };
}
