/**
 * A family of refresh tokens as stored: a record of its own kind below its session, so that lists,
 * ends, epochs, failovers and every store treat it as they treat sessions. What it was granted lies
 * sealed beside it, whatever `encryptData` says: whoever writes to the store cannot widen it.
 */
import { SojournError } from "../../engine/errors.ts";
import type { Policy } from "../../engine/policy/policy.ts";
import type { SessionRef, StoredSession } from "../../engine/ports.ts";
import { REFRESH_KIND } from "../../engine/record.ts";
import type { SessionRecord } from "../../engine/record.ts";
import { openSession } from "../../engine/session.ts";
import { handleOf, idOfHandle } from "../../protocol/words.ts";
import { formatGrant, readGrant } from "../../tokens/refresh/grant.ts";
import type { RefreshGrant } from "../../tokens/refresh/grant.ts";
import { isSealedData } from "../../tokens/data-cipher.ts";
import { bucketOf, newSessionId } from "../../tokens/session-id.ts";
import type { Core, Loaded } from "../core.ts";

const GRANT = "grant";

export interface FamilyInput {
  /** Live, as just read. */
  readonly parent: Loaded;
  readonly client: string;
  readonly grant: RefreshGrant;
  readonly policy: Policy;
  readonly fingerprint: string | undefined;
}

/** @throws {SojournError} `ERR_STALE_EPOCH` when all of the subject's sessions ended meanwhile. */
export async function createFamily(
  core: Core,
  input: FamilyInput & { readonly subject: string },
): Promise<{ readonly record: SessionRecord; readonly token: string }> {
  const { tenant, epoch } = input.parent.stored.record;
  const { record: fresh, token } = await mintFamily(core, input);
  const json = formatGrant(input.grant);
  const data = { [GRANT]: await (await core.keys(tenant)).cipher(fresh).seal(GRANT, json) };
  const now = fresh.createdAt;
  const result = await core.attempt("create", () =>
    core.store.create(fresh, { now, data, subjectEpoch: epoch }),
  );
  if (result.outcome === "created") {
    const { id, kind, assurance } = result.record;
    const { amr, acr } = assurance;
    const level = acr === undefined ? {} : { acr };
    const { subject } = input;
    core.emit("session-established", {
      tenant,
      subject,
      session: id,
      kind,
      amr: [...amr],
      ...level,
    });
    return { record: result.record, token };
  }
  const message = "the subject was signed out everywhere while the refresh token was made";
  if (result.outcome === "stale-epoch") throw new SojournError("ERR_STALE_EPOCH", message);
  throw new SojournError("ERR_INVARIANT", `a new refresh token met "${result.outcome}"`);
}

/** Never beyond the session: neither in time (I11) nor in what is known of the subject. */
async function mintFamily(
  core: Core,
  input: FamilyInput & { readonly subject: string },
): Promise<{ readonly record: SessionRecord; readonly token: string }> {
  const { client, policy, subject } = input;
  const parent = input.parent.stored.record;
  const { tenant, roles, actor, device } = parent;
  const keys = await core.keys(tenant);
  const bucket = await bucketOf(core.digest, await core.bucketKey(), tenant, subject);
  const id = newSessionId(core.entropy, { bucket });
  const kind = REFRESH_KIND;
  const minted = await keys.mint({ tenant, id, subject, kind, generation: 1 });
  const holder = { generation: 1, verifier: minted.verifier };
  const context = input.fingerprint;
  const fingerprint = context === undefined ? undefined : await keys.fingerprint(context, []);
  const facts = { id, tenant, subject, kind, holder, fingerprint, client, roles, actor, device };
  const opened = openSession({ ...facts, parent: handleOf(parent.id) }, policy, core.now());
  const { assurance, authenticatedAt } = parent;
  const absoluteExpiresAt = Math.min(opened.absoluteExpiresAt, parent.absoluteExpiresAt);
  const record = { ...opened, assurance, authenticatedAt, absoluteExpiresAt };
  return { record, token: minted.text };
}

/** @throws {SojournError} `ERR_DATA_UNREADABLE` for what was not written here. */
export async function grantOf(core: Core, { record, data }: StoredSession): Promise<RefreshGrant> {
  const sealed = data[GRANT] ?? "";
  const text = isSealedData(sealed)
    ? await (await core.keys(record.tenant)).cipher(record).open(GRANT, sealed)
    : "";
  const grant = readGrant(text);
  if (grant !== undefined) return grant;
  const message = "what a refresh token was granted does not open: it was changed in the store";
  throw new SojournError("ERR_DATA_UNREADABLE", message);
}

/** Where the session of a family is. */
export function parentOf({ tenant, parent = "" }: SessionRecord): SessionRef {
  return { tenant, id: idOfHandle(parent) ?? "" };
}
