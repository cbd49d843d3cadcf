/**
 * Wire shapes. The same schemas validate requests, type the handlers and make the OpenAPI document.
 * Objects are strict: a field that does not exist is named and refused.
 */
import { PROBLEM_CODES } from "sojourn";
import { z } from "zod";
import { field, offerHeaders, token, unproven } from "./binding-schemas.ts";
import { clientFacts } from "./client-facts.ts";
import { countView, indexView, listFields } from "./search-schemas.ts";
import { DURABILITIES, END_REASONS, SESSION_STATES } from "./words.ts";

export const instantText = z.iso
  .datetime({ offset: true })
  .meta({ description: "RFC 3339 instant." });
/** What every store can hold. */
const EPOCH_MAX = 2 ** 31 - 1;
const word = z.string().min(1).max(64);
const words = z.string().max(256);
const subject = z
  .string()
  .min(1)
  .max(512)
  .meta({ description: "Whom the session is about: your own string." });
const data = z
  .record(z.string().min(1).max(256), z.unknown())
  .meta({ description: "JSON values by key; in a change, null removes the key." });

const device = z
  .strictObject({
    id: z.string().min(1).max(128).optional(),
    label: z.string().max(256).optional(),
    address: z.string().max(64).optional(),
  })
  .meta({ id: "Device", description: "As you want it shown in device lists; never trusted." });

const factor = z.strictObject({ method: z.string(), at: instantText });

const assurance = z
  .strictObject({
    acr: z.string().optional(),
    amr: z.array(z.string()),
    authTime: instantText,
    factors: z.array(factor),
    elevatedUntil: instantText.optional(),
  })
  .meta({ id: "Assurance" });
export type AssuranceView = z.infer<typeof assurance>;

const state = z.enum(SESSION_STATES);
export type StateView = z.infer<typeof state>;

const end = z.strictObject({
  reason: z.enum(END_REASONS),
  at: instantText,
  cause: z.string().optional(),
  actor: z.string().optional(),
});
export type EndView = z.infer<typeof end>;

const required = z.strictObject({ factors: z.number().int() });

const binding = z
  .strictObject({
    tier: z.string(),
    key: z.string(),
    thumbprint: z.string(),
    boundAt: instantText,
    proofs: z.number().int(),
  })
  .meta({ description: "The public key of the device that the session is bound to." });

export const session = z
  .strictObject({
    id: z.string().meta({ description: "Public handle `ses_…`; never a secret." }),
    tenant: z.string(),
    subject: z.string().nullable(),
    kind: z.string(),
    state,
    createdAt: instantText,
    authenticatedAt: instantText,
    seenAt: instantText,
    idleExpiresAt: instantText,
    absoluteExpiresAt: instantText,
    idleSeconds: z.number().meta({ description: "The span after `seenAt` that counts as idle." }),
    idleFactors: z
      .number()
      .int()
      .optional()
      .meta({ description: "What leaves the lock that idleness makes. Absent: idleness ends it." }),
    subjectEpoch: z.number().int().meta({
      description: "The subject's when it was opened; below its present one it has ended.",
    }),
    warnAt: instantText.optional(),
    assurance,
    device: device.optional(),
    roles: z.array(z.string()).optional(),
    clientId: z.string().optional(),
    parent: z.string().optional(),
    actor: z.string().optional(),
    remember: z.boolean().optional(),
    data: z.record(z.string(), z.unknown()).optional(),
    required: required.optional().meta({ description: "What leaves `locked`." }),
    binding: binding.optional(),
    end: end.optional(),
    version: z.string().optional().meta({ description: "The ETag, without its quotes." }),
  })
  .meta({ id: "Session" });
export type SessionView = z.infer<typeof session>;
export { session as sessionShape, binding as bindingShape };
export type SessionField = keyof SessionView;
const sessionFields = Object.keys(session.shape) as [SessionField, ...SessionField[]];

const fieldProblem = z.strictObject({ path: z.string(), message: z.string() });

/** RFC 9457. Members beyond the common ones depend on `code`. */
export const problem = z
  .looseObject({
    type: z.string().meta({ description: "`urn:sojourn:problem:<code>`" }),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    instance: z.string().optional(),
    code: z.enum(PROBLEM_CODES),
    retryable: z.boolean(),
    errors: z.array(fieldProblem).optional(),
  })
  .meta({ id: "Problem" });

const amr = z.array(word).max(16).meta({ description: "RFC 8176 methods, like `pwd`, `otp`." });

const authentication = {
  amr: amr.optional(),
  acr: word.optional(),
};

export const createBody = z
  .strictObject({
    subject,
    kind: word.optional(),
    ...authentication,
    device: device.optional(),
    remember: z.boolean().optional(),
    pending: z.boolean().optional().meta({ description: "A factor is still missing." }),
    data: data.optional(),
    parent: z.string().max(64).optional(),
    actor: words.optional().meta({
      description: "Who acts as the subject; wants `cause` and the scope `sessions:impersonate`.",
    }),
    cause: words
      .optional()
      .meta({ description: "With `actor` alone: why it acts as the subject." }),
    clientId: word.optional(),
    roles: z.array(word).max(64).optional(),
    subjectEpoch: z.number().int().min(0).max(EPOCH_MAX).optional().meta({
      description: "From `GET /v1/subjects/{subject}`, read before the password was checked.",
    }),
    client: clientFacts.optional().meta({ description: "The person's client, kept as a hash." }),
  })
  .meta({ id: "NewSession" });

export const createReply = z
  .strictObject({
    session,
    token: z.string().meta({ description: "The session token. The only time it is shown." }),
    headers: offerHeaders,
    evicted: z.array(session),
    serverTime: instantText,
  })
  .meta({ id: "OpenedSession" });

const requirement = z.strictObject({
  acr: word.optional(),
  maxAge: z.number().int().min(0).max(34_560_000).optional().meta({ description: "Seconds." }),
  factors: z.number().int().min(1).max(3).optional(),
  elevated: z.boolean().optional(),
});

export const TOKENS_MAX = 500;

export const verifyBody = z
  .strictObject({
    token: token.optional(),
    tokens: z.array(token).min(1).max(TOKENS_MAX).optional(),
    boundCookie: field.optional().meta({
      description: "Value of the bound cookie that came with `token`, if one did (DBSC).",
    }),
    skipped: field.optional().meta({ description: "The request's `Secure-Session-Skipped`." }),
    activity: z.boolean().default(false).meta({ description: "This is a person's act." }),
    canSetToken: z.boolean().default(false).meta({
      description: "You will hand `successor` to the client. Needs the scope sessions:write.",
    }),
    require: requirement.optional(),
    fields: z.array(z.enum(sessionFields)).max(64).optional(),
    client: clientFacts.optional(),
  })
  .superRefine(({ token: one, tokens, boundCookie, skipped }, context) => {
    const tell = (path: string, message: string): void =>
      context.addIssue({ code: "custom", path: [path], message });
    if ((one === undefined) === (tokens === undefined))
      tell("token", "give either token or tokens");
    if (one !== undefined) return;
    if (boundCookie !== undefined) tell("boundCookie", "belongs to one `token`, not to `tokens`");
    if (skipped !== undefined) tell("skipped", "belongs to one `token`, not to `tokens`");
  })
  .meta({ id: "Verify", description: "Exactly one of `token` and `tokens`." });

const unmet = z.strictObject({
  acr: z.string().optional(),
  maxAge: z.number().int().optional(),
  factors: z.number().int().optional(),
  elevated: z.boolean().optional(),
});
export type UnmetView = z.infer<typeof unmet>;

const verdict = z
  .strictObject({
    state: z.enum([...SESSION_STATES, "unknown"]),
    session: session.partial().optional(),
    reason: z.enum(END_REASONS).optional(),
    message: z.string().optional().meta({
      description: "For the person: of the lock that keeps it out, while that holds.",
    }),
    successor: z.string().optional().meta({ description: "Give this token to the client." }),
    settled: z.boolean().optional().meta({
      description: "False while a newer token is under way: do not set this one again.",
    }),
    unmet: unmet.optional().meta({ description: "What is missing for `require`." }),
    unproven: unproven.optional(),
    etag: z.string().optional(),
    cacheSeconds: z.number().int(),
  })
  .meta({ id: "Verdict" });
export type VerdictView = z.infer<typeof verdict>;

export const verifyReply = z
  .strictObject({
    ...verdict.partial().shape,
    results: z.array(verdict).optional().meta({ description: "In the order of `tokens`." }),
    serverTime: instantText,
  })
  .meta({ id: "VerifyReply" });

export const pageQuery = {
  cursor: z.string().min(1).max(1_024).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
};

export const timelineQuery = z.strictObject(pageQuery);

export const listQuery = z.strictObject({
  subject: subject.optional(),
  state: z.enum([...SESSION_STATES, "live", "any"]).optional(),
  device: z.string().min(1).max(128).optional(),
  ...listFields,
  ...pageQuery,
});

export const sessionPage = z
  .strictObject({
    items: z.array(session),
    nextCursor: z.string().optional(),
    count: countView.optional(),
    index: indexView.optional(),
    serverTime: instantText,
  })
  .meta({ id: "SessionPage" });

export const idParams = z.strictObject({ id: z.string().max(512) });
export const subjectParams = z.strictObject({ subject });

export const sessionReply = z.strictObject({ session, serverTime: instantText });
/** One's own session: its data has a resource of its own. */
export const ownReply = z.strictObject({
  session,
  csrfToken: z
    .string()
    .optional()
    .meta({ description: "For `X-CSRF-Token`, where the policy asks." }),
  serverTime: instantText,
});
export const ownPage = z.strictObject({
  items: z.array(z.strictObject({ ...session.shape, current: z.boolean() })),
  nextCursor: z.string().optional(),
  serverTime: instantText,
});
export const tokenReply = z
  .strictObject({
    session,
    token: z.string().optional().meta({ description: "The new one, where you carry it." }),
    headers: offerHeaders,
    serverTime: instantText,
  })
  .meta({ id: "ChangedSession" });

export const patchBody = z.strictObject({
  data: data.optional().meta({ description: "Merged per key; null removes the key." }),
  roles: z.array(word).max(64).optional().meta({
    description: "Replaces the whole list and rotates the token; needs If-Match.",
  }),
});
export const dataBody = data;
export const dataReply = z.strictObject({
  data: z.record(z.string(), z.unknown()),
  version: z.string(),
  serverTime: instantText,
});

/** An action without a body: nothing, or an empty object. */
export const emptyBody = z.strictObject({}).nullish();
export const revokeBody = z
  .strictObject({ cause: words.optional(), actor: words.optional() })
  .nullish();
const durability = z
  .enum(DURABILITIES)
  .meta({ description: "Where the end was kept when this was answered; never claims more." });
export const revokeReply = z
  .strictObject({
    id: z.string(),
    endedAt: instantText,
    reason: z.enum(END_REASONS),
    durability,
    serverTime: instantText,
  })
  .meta({ id: "EndedSession" });
export const lockBody = z
  .strictObject({ factors: z.number().int().min(1).max(3).optional() })
  .nullish();
export const factorBody = z.strictObject({
  amr,
  acr: word.optional(),
  unproven: z.boolean().optional().meta({
    description:
      "Verify said `unproven`: where the policy lets it, the factors replace the device.",
  }),
});

export const subjectRevokeBody = z
  .strictObject({
    except: z.string().max(64).optional().meta({ description: "Handle that stays." }),
    cause: words.optional(),
    actor: words.optional(),
  })
  .nullish();
export const subjectRevokeReply = z.strictObject({
  ended: z.number().int(),
  epoch: z.number().int(),
  durability,
  serverTime: instantText,
});
export const subjectReply = z.strictObject({
  subject: z.string(),
  epoch: z.number().int(),
  sessions: z.number().int(),
  serverTime: instantText,
});
