/** Pages of the revocation feed as signed tokens (`revocations+jwt`), fit for travelling. */
import { ArgumentError } from "../../engine/errors.ts";
import type { SigningKeys } from "../keys/signing-keys.ts";
import type { CompactRules } from "./compact.ts";
import { proveCompact } from "./prove.ts";
import { formatPage, readPage } from "./revocations.ts";
import type { RevocationPage } from "./revocations.ts";
import type { VerifyKeys } from "./verify-keys.ts";
import { SIGNING_ALGORITHMS } from "../keys/algorithms.ts";

/** Pages are larger than tokens: they hold every revocation of a token's life. */
const PAGE_BYTES_MAX = 64 * 1_048_576;
const PAGE_RULES: CompactRules = {
  kind: "revocations+jwt",
  algorithms: SIGNING_ALGORITHMS,
  bytesMax: PAGE_BYTES_MAX,
};

export interface PageClaims {
  readonly issuer: string;
  /** What the asker sent: a page that was kept by anybody between has another. */
  readonly nonce?: string | undefined;
}

/** @param keys Of purpose `"revocation-feed"`. */
export async function signPage(
  keys: SigningKeys,
  page: RevocationPage,
  { issuer, nonce }: PageClaims,
): Promise<string> {
  if (keys.purpose !== "revocation-feed") {
    throw new ArgumentError("keys", "sign pages with keys of the purpose revocation-feed");
  }
  const header = { typ: "revocations+jwt" };
  const claims = { iss: issuer, ...(nonce === undefined ? {} : { nonce }), ...formatPage(page) };
  return (await keys.sign(header, claims, page.at + page.keepMs)).token;
}

/**
 * @returns The page. @throws for anything but a page of this issuer, made for this nonce.
 */
export async function openPage(
  text: string,
  keys: VerifyKeys,
  { issuer, nonce }: PageClaims,
): Promise<RevocationPage> {
  const read = await proveCompact(text, { rules: PAGE_RULES, keys }, (page) => page);
  if (typeof read === "string") throw refused(read);
  if (read.payload["iss"] !== issuer) throw refused("issuer");
  if (nonce !== undefined && read.payload["nonce"] !== nonce) throw refused("nonce");
  const page = readPage(read.payload);
  if (page === undefined) throw refused("content");
  return page;
}

function refused(why: string): Error {
  return new TypeError(`the revocation feed gave no page that can be believed (${why})`);
}
