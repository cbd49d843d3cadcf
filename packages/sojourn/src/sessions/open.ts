/** Opening sessions: the one way to become live, with limits, epoch and replacement. */
import type { EncodedData } from "../engine/data.ts";
import { SojournError } from "../engine/errors.ts";
import type { CreateResult, SessionRef, StoredData, StoredSession } from "../engine/ports.ts";
import type { SessionRecord, SessionSummary } from "../engine/record.ts";
import { openSession } from "../engine/session.ts";
import type { Policy } from "../engine/policy/policy.ts";
import { bucketOf, newSessionId } from "../tokens/session-id.ts";
import type { Core } from "./core.ts";
import { toStored } from "./data-codec.ts";
import { announceEnds, announceOpened } from "./events.ts";
import type { LoginOptions } from "./login-options.ts";

export interface OpenInput {
  readonly tenant: string;
  readonly subject: string | null;
  readonly options: LoginOptions;
  readonly data: EncodedData;
  readonly replaces?: { readonly ref: SessionRef; readonly dataVersion: number } | undefined;
}

export interface Opened {
  readonly stored: StoredSession;
  readonly token: string;
  readonly evicted: readonly SessionSummary[];
}

/** The subject's live sessions stand in the way; nothing was opened. */
export class LimitReachedError extends SojournError {
  readonly sessions: readonly SessionSummary[];

  constructor(max: number, sessions: readonly SessionSummary[]) {
    super(
      "ERR_LIMIT_REACHED",
      `the subject already has ${sessions.length} live session(s), at most ${max} are allowed`,
    );
    this.sessions = sessions;
  }
}

/** `created` or what a caller with `replaces` has to act on. */
export type OpenOutcome =
  | { readonly outcome: "opened"; readonly opened: Opened }
  | { readonly outcome: "conflict" | "gone" };

/**
 * Create a session. Two store round trips at most (the installation's are made once).
 *
 * @throws {LimitReachedError} where the policy rejects or asks.
 * @throws {SojournError} `ERR_STALE_EPOCH` when the subject was revoked since `subjectEpoch`.
 */
export async function openStored(core: Core, input: OpenInput): Promise<OpenOutcome> {
  const { tenant, subject, options } = input;
  const policy = core.policies.policyFor({ tenant, client: options.client, roles: options.roles });
  const fresh = await mintFirst(core, input, policy);
  const data = await toStored(core, fresh.record, input.data);
  const result = await core.attempt("create", () =>
    core.store.create(fresh.record, {
      now: fresh.record.createdAt,
      data,
      // Whoever acts for somebody takes no place of theirs.
      ...(subject === null || options.actor !== undefined || policy.concurrency.max === null
        ? {}
        : { limits: { max: policy.concurrency.max, onLimit: policy.concurrency.onLimit } }),
      ...(input.replaces === undefined ? {} : { replaces: input.replaces }),
      ...(options.subjectEpoch === undefined ? {} : { subjectEpoch: options.subjectEpoch }),
    }),
  );
  return settle(core, input, policy, { token: fresh.token, data, result });
}

interface Fresh {
  readonly record: SessionRecord;
  readonly token: string;
}

async function mintFirst(core: Core, input: OpenInput, policy: Policy): Promise<Fresh> {
  const { tenant, subject, options } = input;
  const keys = await core.keys(tenant);
  const bucket =
    subject === null
      ? undefined
      : await bucketOf(core.digest, await core.bucketKey(), tenant, subject);
  const id = newSessionId(core.entropy, bucket === undefined ? {} : { bucket });
  const { kind = "user" } = options;
  const minted = await keys.mint({ tenant, id, generation: 1, subject, kind });
  const holder = { generation: 1, verifier: minted.verifier };
  const { fingerprint: context, address: _address, cause: _cause, ...rest } = options;
  const fingerprint = context === undefined ? undefined : await keys.fingerprint(context, []);
  const record = openSession(
    { ...rest, id, tenant, subject, holder, fingerprint },
    policy,
    core.now(),
  );
  return { record, token: minted.text };
}

interface Made {
  readonly token: string;
  readonly data: StoredData;
  readonly result: CreateResult;
}

function settle(core: Core, input: OpenInput, policy: Policy, made: Made): OpenOutcome {
  const { result } = made;
  const { tenant } = input;
  const subject = input.subject ?? undefined;
  switch (result.outcome) {
    case "created": {
      const { record } = result;
      announceEnds(
        core,
        result.replaced === undefined ? result.evicted : [result.replaced, ...result.evicted],
      );
      announceOpened(core, record, input.options);
      const subjectEpoch = record.epoch;
      const dataVersion = Object.keys(made.data).length > 0 ? 1 : 0;
      const stored: StoredSession = { record, data: made.data, dataVersion, subjectEpoch };
      const evicted = result.evicted.map((ended) => ended.record);
      return { outcome: "opened", opened: { stored, token: made.token, evicted } };
    }
    case "limit": {
      const max = policy.concurrency.max ?? 0;
      core.emit("limit-reached", { tenant, subject, max, onLimit: policy.concurrency.onLimit });
      throw new LimitReachedError(max, result.sessions);
    }
    case "stale-epoch":
      throw new SojournError(
        "ERR_STALE_EPOCH",
        "the subject was signed out everywhere while this login ran; authenticate again",
        { retryable: false },
      );
    case "exists":
      // 120 random bits met an id that was seen: the entropy source is broken. Never adopt it.
      throw new SojournError(
        "ERR_INVARIANT",
        "a new session id was already taken; the entropy source repeats itself",
      );
    case "conflict":
    case "gone":
      return { outcome: result.outcome };
  }
}
