/**
 * Login from whatever was there before. With the same subject it is one atomic step; otherwise the
 * old session ends first, which freezes its data, and only then is the new one made.
 */
import type { EncodedData } from "../engine/data.ts";
import { ContentionError, InvariantError } from "../engine/errors.ts";
import type { StoredSession } from "../engine/ports.ts";
import { REFRESH_KIND } from "../engine/record.ts";
import type { Core } from "./core.ts";
import { decodeStored } from "./data-codec.ts";
import { revokeSession } from "./lifecycle.ts";
import { refuseLockedOut } from "./locked-out.ts";
import { LimitReachedError, openStored } from "./open.ts";
import type { LoginOptions } from "./login-options.ts";
import type { Opened, OpenInput } from "./open.ts";

const REPLACE_ATTEMPTS_MAX = 100;
const LIST_MAX = 200;

export interface LoginInput {
  readonly tenant: string;
  readonly subject: string | null;
  readonly options: LoginOptions;
  /** What the request came with, if anything. */
  readonly from: StoredSession | undefined;
  /** Initial data of a session that replaces nothing. */
  readonly data?: EncodedData;
}

const NONE: EncodedData = new Map();

/** @throws as `openStored`. */
export async function loginFrom(core: Core, input: LoginInput): Promise<Opened> {
  const { tenant, subject, from } = input;
  const { client, device, address } = input.options;
  // Before anything ends for the sake of a login that will be refused.
  refuseLockedOut(core, { tenant, subject, client, device }, address);
  // Read before anything else, so that a revoke-all from here on refuses this login.
  const options = await withEpoch(core, input);
  const base = { tenant, subject, options };
  if (from === undefined) return openFresh(core, { ...base, data: input.data ?? NONE });
  if (from.record.subject === subject) return replaceSame(core, base, from);
  if (subject !== null) await assertRoom(core, { tenant, subject, options });
  return openFresh(core, { ...base, data: await endOther(core, from) });
}

/** The options with the subject's epoch: the caller's, or else as the store has it now. */
async function withEpoch(core: Core, input: LoginInput): Promise<LoginOptions> {
  const { tenant, subject, options } = input;
  if (subject === null || options.subjectEpoch !== undefined) return options;
  const read = () => core.store.subjectEpoch(tenant, subject);
  return { ...options, subjectEpoch: await core.attempt("epoch", read) };
}

/** End another subject's session, or an anonymous one. @returns the data that is carried on. */
async function endOther(core: Core, from: StoredSession): Promise<EncodedData> {
  const { outcome, end } = await revokeSession(core, from.record, "replaced");
  // What a login ended, this one or one tried before it, is carried on; what somebody ended by
  // signing out in another tab is not.
  const replaced = outcome === "ended" || end?.reason === "replaced";
  if (!replaced || from.record.subject !== null) return NONE;
  const frozen = await core.load(from.record);
  return frozen === undefined ? NONE : decodeStored(core, frozen);
}

/**
 * Refuse before the old session ends where the policy would refuse after. The count that binds is
 * taken inside `create`; this one only spares people the loss of what they came with.
 */
async function assertRoom(
  core: Core,
  who: { readonly tenant: string; readonly subject: string; readonly options: LoginOptions },
): Promise<void> {
  const { tenant, subject, options } = who;
  const { client, roles, actor } = options;
  if (actor !== undefined) return;
  const { max, onLimit } = core.policies.policyFor({ tenant, client, roles }).concurrency;
  if (max === null || onLimit === "evict-oldest" || onLimit === "evict-idle") return;
  const now = core.now();
  const page = { now, limit: LIST_MAX };
  const live = await core.attempt("list", () => core.store.listBySubject(tenant, subject, page));
  const counted = live.items.filter(({ kind }) => kind !== REFRESH_KIND);
  if (counted.length < max) return;
  core.emit("limit-reached", { tenant, subject, max, onLimit });
  throw new LimitReachedError(max, counted);
}

async function openFresh(core: Core, input: OpenInput): Promise<Opened> {
  const result = await openStored(core, input);
  if (result.outcome === "opened") return result.opened;
  throw new InvariantError(`a session that replaces nothing met "${result.outcome}"`);
}

/** The old session's data as it is at the very step that ends it: read, try, read again. */
async function replaceSame(
  core: Core,
  base: Omit<OpenInput, "data">,
  from: StoredSession,
): Promise<Opened> {
  const { tenant, id } = from.record;
  let stored: StoredSession | undefined = from;
  for (let attempt = 0; attempt < REPLACE_ATTEMPTS_MAX; attempt += 1) {
    stored = attempt === 0 ? from : await core.load({ tenant, id });
    const gone = stored === undefined || core.judge(stored).judgement.state === "ended";
    if (gone || stored === undefined) return openFresh(core, { ...base, data: NONE });
    const data = await decodeStored(core, stored);
    const replaces = { ref: { tenant, id }, dataVersion: stored.dataVersion };
    const result = await openStored(core, { ...base, data, replaces });
    if (result.outcome === "opened") {
      core.memo.forget(id);
      return result.opened;
    }
    if (result.outcome === "gone") return openFresh(core, { ...base, data: NONE });
  }
  throw new ContentionError("login");
}
