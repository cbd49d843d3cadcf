/**
 * Private keys as text: a PKCS#8 PEM block, one JWK, or a JWK Set whose keys may carry dates and a
 * purpose. What a message says of a key is its place, never a part of it.
 */
import type { ConfigProblem } from "../../engine/errors.ts";
import { readInstant } from "../instants.ts";
import { algorithmOf, publicJwk } from "./jwk.ts";
import type { AnyJwk } from "./jwk.ts";
import type { SigningAlgorithm } from "./algorithms.ts";
import { factsOf, SIGNING_ALGORITHMS } from "./algorithms.ts";
import { SIGNING_PURPOSES } from "./provider.ts";
import type { KeyDates, SigningKey, SigningPurpose } from "./provider.ts";

/** A JWK with what a key document adds. Instants are RFC 3339. */
export interface KeyEntry extends AnyJwk {
  readonly purpose?: unknown;
  readonly createdAt?: unknown;
  readonly activatesAt?: unknown;
  readonly retiresAt?: unknown;
  readonly revokedAt?: unknown;
}

export interface LocalKey extends SigningKey {
  readonly privateKey: CryptoKey;
}

export interface KeyDefaults {
  readonly purpose: SigningPurpose;
  /** For PEM blocks of RSA keys, which do not say it. */
  readonly alg?: SigningAlgorithm | undefined;
}

export interface KeyReading {
  readonly keys: readonly LocalKey[];
  readonly problems: readonly ConfigProblem[];
}

const PEM = /^-----BEGIN PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+?)\s+-----END PRIVATE KEY-----\s*$/;

/** Read one text. @param path Names the place in problems. */
export async function readKeyText(
  text: string,
  defaults: KeyDefaults,
  path: string,
): Promise<KeyReading> {
  const trimmed = text.trim();
  if (trimmed.startsWith("-----")) return readEntries([await fromPem(trimmed, defaults)], path);
  let value: unknown;
  try {
    value = JSON.parse(trimmed);
  } catch {
    const message = "is neither a PKCS#8 PEM block (BEGIN PRIVATE KEY), a JWK nor a JWK Set";
    return { keys: [], problems: [{ path, message }] };
  }
  const list = (value as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(list)) return readEntries([withDefaults(value, defaults)], path);
  const entries = list.map((entry: unknown) => withDefaults(entry, defaults));
  const reading = await readEntries(entries, path);
  if (entries.length > 0) return reading;
  return { keys: [], problems: [{ path, message: "lists no keys" }] };
}

function withDefaults(entry: unknown, { purpose }: KeyDefaults): KeyEntry | string {
  if (typeof entry !== "object" || entry === null) return "is no JSON Web Key";
  return { purpose, ...entry };
}

async function readEntries(
  entries: readonly (KeyEntry | string)[],
  path: string,
): Promise<KeyReading> {
  const keys: LocalKey[] = [];
  const problems: ConfigProblem[] = [];
  for (const [index, entry] of entries.entries()) {
    const place = entries.length === 1 ? path : `${path}.keys[${index}]`;
    const read = typeof entry === "string" ? entry : await readEntry(entry);
    if (typeof read === "string") problems.push({ path: place, message: read });
    else keys.push(read);
  }
  return { keys, problems };
}

/** @returns what is wrong as a sentence part, or the key. */
async function readEntry(entry: KeyEntry): Promise<LocalKey | string> {
  const algorithm = algorithmOf(entry);
  if (typeof algorithm === "string") return algorithm;
  if (typeof entry.d !== "string") return "has no private part (d)";
  const purpose = SIGNING_PURPOSES.find((one) => one === entry.purpose);
  if (purpose === undefined) return `has no known purpose: ${SIGNING_PURPOSES.join(", ")}`;
  if (entry.use !== undefined && entry.use !== "sig") return 'is not for signatures: use "sig"';
  const dates = readDates(entry);
  if (typeof dates === "string") return dates;
  const { alg } = algorithm;
  const shown = await publicJwk(entry, alg, entry.kid);
  if (typeof shown === "string") return shown;
  try {
    const privateKey = await importPrivate(entry, alg);
    return { kid: shown.kid, alg, purpose, ...dates, publicJwk: shown, privateKey };
  } catch {
    return `is no usable private key for ${alg}`;
  }
}

function readDates(entry: KeyEntry): KeyDates | string {
  const dates: Record<string, number> = { createdAt: 0, activatesAt: 0 };
  for (const name of ["createdAt", "activatesAt", "retiresAt", "revokedAt"] as const) {
    const text = entry[name];
    if (text === undefined) continue;
    const at = readInstant(text);
    if (at === undefined) return `has no instant in ${name}: RFC 3339, like 2026-01-31T12:00:00Z`;
    dates[name] = at;
  }
  const { activatesAt = 0, retiresAt } = dates;
  if (retiresAt !== undefined && retiresAt <= activatesAt) return "retires before it activates";
  return dates as unknown as KeyDates;
}

/** Only what Web Crypto is to see: members like `use` or `key_ops` would restrict the key. */
function importPrivate(entry: KeyEntry, alg: SigningAlgorithm): Promise<CryptoKey> {
  const { kty, key } = factsOf(alg);
  const names = kty === "RSA" ? RSA_MEMBERS : ["crv", "x", "y", "d"];
  const jwk: Record<string, unknown> = { kty };
  for (const name of names) {
    const value = (entry as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined) jwk[name] = value;
  }
  return crypto.subtle.importKey("jwk", jwk as JsonWebKey, key, false, ["sign"]);
}

const RSA_MEMBERS = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];

/** PEM does not say the algorithm of an RSA key; curves are told apart by trying. */
async function fromPem(text: string, defaults: KeyDefaults): Promise<KeyEntry | string> {
  const base64 = PEM.exec(text)?.[1];
  if (base64 === undefined) return "is no single PKCS#8 block (BEGIN PRIVATE KEY); convert it";
  let der: Uint8Array<ArrayBuffer>;
  try {
    der = Uint8Array.from(atob(base64.replace(/\s/g, "")), (char) => char.charCodeAt(0));
  } catch {
    return "is no base64 inside its PEM block";
  }
  const tries = defaults.alg === undefined ? SIGNING_ALGORITHMS : [defaults.alg];
  for (const alg of tries) {
    try {
      const { key } = factsOf(alg);
      const imported = await crypto.subtle.importKey("pkcs8", der, key, true, ["sign"]);
      const jwk = await crypto.subtle.exportKey("jwk", imported);
      const known = factsOf(alg).kty === "RSA" && defaults.alg === undefined ? {} : { alg };
      return { ...withoutUse(jwk), ...known, purpose: defaults.purpose };
    } catch {
      // Another kind of key: the next algorithm, or none.
    }
  }
  return `is no private key for ${tries.join(", ")}`;
}

/** What an export says of itself is Web Crypto's view, not its owner's. */
function withoutUse(jwk: JsonWebKey): AnyJwk {
  const { use: _use, alg: _alg, key_ops: _ops, ext: _ext, ...rest } = jwk;
  return rest;
}
