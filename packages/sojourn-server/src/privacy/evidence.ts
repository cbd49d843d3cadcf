/**
 * Evidence for a period, for whoever audits: what was to hold, who could do what, what was ended,
 * and what went wrong; every file with its hash in a signed list. GDPR 30, 33; SOC 2 CC6, CC7.
 */
import { createHash } from "node:crypto";
import { createWriteStream, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ascii } from "../audit/chain.ts";
import { viewOfEntry } from "../audit/formats.ts";
import type { ReadEntry } from "../audit/trail-reader.ts";
import { verifyTrail } from "../audit/verify.ts";
import type { ServerConfig } from "../config/config.ts";
import { nameOfPlace } from "../config/places.ts";
import { VERSION } from "../config/version.ts";
import type { Installation } from "../main/installation.ts";
import { readControls } from "./controls.ts";

export interface Period {
  /** Milliseconds; inclusive. */
  readonly from: number;
  /** Milliseconds; exclusive. */
  readonly to: number;
}

export interface EvidenceFile {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
}

const OWNER_ONLY = 0o600;
const OWNER_ONLY_FOLDER = 0o700;
const ENDS: ReadonlySet<string> = new Set(["session-ended", "subject-revoked", "lock-set"]);
const INCIDENTS: ReadonlySet<string> = new Set([
  "token-fork",
  "token-reuse",
  "token-forged",
  "token-unknown",
  "generation-ahead",
  "limit-reached",
  "store-unavailable",
  "store-recovered",
  "audit-unproved",
  "audit-dropped",
  "audit-damaged",
]);
/** What happens to sessions in the usual course; everything else is somebody's administration. */
const USUAL = /^(?:session|token|data|assurance|risk|cookie|credential|proof|store|device)-/;
const HOUR_MS = 3_600_000;

/**
 * Write the pack into a folder that must not be there yet.
 *
 * @returns its files, as the signed list has them.
 * @throws `EEXIST` when the folder is there.
 */
export async function writeEvidence(
  folder: string,
  period: Period,
  config: ServerConfig,
  installation: Installation,
): Promise<readonly EvidenceFile[]> {
  mkdirSync(folder, { mode: OWNER_ONLY_FOLDER });
  const files: EvidenceFile[] = [];
  const keep = async (file: string, pieces: Iterable<string> | AsyncIterable<string>) => {
    files.push(await writeFile(folder, file, pieces));
  };
  const json = (file: string, value: unknown) =>
    keep(file, [`${JSON.stringify(value, null, 2)}\n`]);
  const { sessions, keys, control } = installation;
  await json("policy.json", sessions.explainPolicy());
  await json("settings.json", settingsOf(config));
  await json("keys.json", { keys: await sessions.keys() });
  await json("access.json", { serviceKeys: (await keys.list()).map(accessView) });
  await json("privacy.json", {
    cookies: sessions.cookies(),
    retention: retentionOf(config),
    addresses: config.audit.addresses,
  });
  await json("audit.json", {
    verification: await verifyTrail(control.trailReader),
    checkpoint: await control.trail.head(),
    publicKeys: control.trailReader.signer.publicKeys(),
  });
  const lines = (wanted: (entry: ReadEntry) => boolean) => linesOf(installation, period, wanted);
  await keep(
    "ends.ndjson",
    lines(({ name }) => ENDS.has(name)),
  );
  await keep(
    "incidents.ndjson",
    lines(({ name }) => INCIDENTS.has(name)),
  );
  await keep(
    "administration.ndjson",
    lines(({ name }) => !ENDS.has(name) && !USUAL.test(name)),
  );
  await json("controls.json", { controls: readControls() });
  await keep("README.md", [readme(period, files)]);
  signList(folder, period, files, installation);
  return files;
}

async function* linesOf(
  { control }: Installation,
  { from, to }: Period,
  wanted: (entry: ReadEntry) => boolean,
): AsyncGenerator<string> {
  for await (const entry of control.trailReader.entries({ from, to })) {
    if (wanted(entry)) yield `${ascii(JSON.stringify(viewOfEntry(entry)))}\n`;
  }
}

async function writeFile(
  folder: string,
  file: string,
  pieces: Iterable<string> | AsyncIterable<string>,
): Promise<EvidenceFile> {
  const hash = createHash("sha256");
  let bytes = 0;
  const counted = async function* (): AsyncGenerator<string> {
    for await (const piece of pieces) {
      hash.update(piece);
      bytes += Buffer.byteLength(piece);
      yield piece;
    }
  };
  const target = createWriteStream(join(folder, file), { flags: "wx", mode: OWNER_ONLY });
  await pipeline(Readable.from(counted()), target);
  return { file, sha256: hash.digest("hex"), bytes };
}

function signList(
  folder: string,
  period: Period,
  files: readonly EvidenceFile[],
  { control, now }: Installation,
): void {
  const list = JSON.stringify({
    product: `sojourn-server ${VERSION}`,
    from: new Date(period.from).toISOString(),
    to: new Date(period.to).toISOString(),
    madeAt: new Date(now()).toISOString(),
    files,
  });
  const { signer } = control.trailReader;
  const { kid, signature } = signer.signText(list);
  const publicKey = signer.publicKeys().find((one) => one.kid === kid)?.pem;
  const text = JSON.stringify({ list, kid, signature, publicKey }, null, 2);
  writeFileSync(join(folder, "manifest.json"), `${text}\n`, { flag: "wx", mode: OWNER_ONLY });
}

type KeyRow = Awaited<ReturnType<Installation["keys"]["list"]>>[number];

function accessView({
  id,
  name,
  tenant,
  scopes,
  createdAt,
  lastUsedAt,
  revokedAt,
}: KeyRow): object {
  const at = (instant: number | undefined): string | null =>
    instant === undefined ? null : new Date(instant).toISOString();
  return {
    id,
    name,
    tenant,
    scopes,
    createdAt: at(createdAt),
    lastUsedAt: at(lastUsedAt),
    revokedAt: at(revokedAt),
  };
}

/** What decides about security, without what may hold a password. */
function settingsOf(config: ServerConfig): object {
  const { library, tokens, audit, gateway, rateLimit, production, drainMs } = config;
  const { policy, tighten, cookie, csrf, proxies, encryptData, revokeDurability } = library;
  return {
    store: nameOfPlace(config.store),
    control: nameOfPlace(config.control),
    nearCacheMs: config.nearCacheMs ?? null,
    acceptedRisks: config.acceptRisks,
    secrets: config.secrets.length,
    production,
    rateLimit,
    drainMs,
    policy,
    tighten: tighten ?? null,
    cookie: cookie ?? null,
    csrf: csrf ?? null,
    proxies: proxies ?? [],
    encryptData: encryptData ?? false,
    revokeDurability: revokeDurability ?? "local",
    gateway,
    audit: { ...audit, spool: audit.spool !== undefined },
    tokens: tokens === undefined ? null : { issuer: tokens.issuer, audiences: tokens.audiences },
  };
}

/** How long each kind of thing is kept; null: for ever. */
export function retentionOf({ audit, library }: ServerConfig): Readonly<Record<string, unknown>> {
  const sweep = library.sweep === false ? undefined : library.sweep;
  return {
    endedSessionsHours: (sweep?.keepEndedMs ?? KEEP_ENDED_MS) / HOUR_MS,
    auditDays: audit.keepDays === 0 ? null : audit.keepDays,
    wholeAddressDays: audit.addresses === "full" ? audit.addressDays : 0,
    addressSaltHours: 24,
    repliesHours: 24,
  };
}

/** The library's own, where nothing else is set. */
const KEEP_ENDED_MS = 7 * 24 * HOUR_MS;

function readme({ from, to }: Period, files: readonly EvidenceFile[]): string {
  const day = (at: number): string => new Date(at).toISOString();
  return `# Evidence, ${day(from)} to ${day(to)}

${files.map(({ file }) => `- \`${file}\`: ${SAYS[file] ?? ""}`).join("\n")}
- \`manifest.json\`: the list of these files with their SHA-256 and length, as text in \`list\`, and an Ed25519
  signature over \`sojourn text 1\\n\` and that text.

It holds names of people: keep it as you keep the trail. The trail begins where its retention does.
`;
}

const SAYS: Readonly<Record<string, string>> = {
  "policy.json": "every limit of sessions, where it comes from, and the clause that it answers to",
  "settings.json": "what was set when this was made, without secrets",
  "keys.json": "cryptographic keys by purpose and algorithm, never the keys",
  "access.json": "service keys: scopes, when they were made, last used and revoked",
  "privacy.json": "cookies, how long each kind of thing is kept, and what is kept of addresses",
  "audit.json": "whether the trail is whole, where it stands, and what verifies its signature",
  "ends.ndjson": "sessions that were ended in the period: when, why, by whom",
  "incidents.ndjson":
    "copied, forged and unknown tokens, limits reached, outages, a trail in doubt",
  "administration.ndjson": "what was done to keys, policies and the trail itself, and by whom",
  "controls.json": "the requirements that the product answers to, and which file shows each",
};
