/** Wire shapes of tenants. */
import { z } from "zod";
import { TENANT_ID_ACCEPTED, TENANT_STATES } from "../tenants/tenant.ts";
import { instantText, pageQuery } from "./schemas.ts";

const id = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, TENANT_ID_ACCEPTED)
  .meta({ description: `${TENANT_ID_ACCEPTED}; never used again.` });
const name = z.string().min(1).max(200).meta({ description: "For people." });
const policy = z
  .union([z.string().min(1).max(64), z.record(z.string().max(64), z.unknown())])
  .meta({ description: "A preset, or fields of a policy; it may only tighten. Spans like `15m`." });

const QUOTA_MAX = 1_000_000_000;
const quota = z.number().int().min(1).max(QUOTA_MAX).nullable();
const quotas = {
  sessions: quota.meta({ description: "Live sessions." }),
  sessionsPerSubject: quota.meta({ description: "Live sessions of one subject." }),
  requestsPerSecond: quota.meta({ description: "Of all its service keys, at each process." }),
  serviceKeys: quota.meta({ description: "Live service keys." }),
};
const quotaWish = z.strictObject(quotas).partial().meta({ id: "TenantQuotaWish" });

export const tenantParams = z.strictObject({ tenant: z.string().min(1).max(512) });
export const tenantQuery = z.strictObject({
  ...pageQuery,
  use: z.literal("true").optional().meta({
    description: "With what each of them uses now; counting takes its time.",
  }),
});

export const tenantCreateBody = z
  .strictObject({
    id,
    name: name.optional(),
    policy: policy.optional(),
    quotas: quotaWish.optional(),
  })
  .meta({ id: "NewTenant" });

export const tenantPatchBody = z
  .strictObject({
    name: name.optional(),
    policy: policy.nullable().optional().meta({ description: "null takes it back." }),
    quotas: quotaWish.optional(),
  })
  .meta({ id: "TenantChange" });

const tenant = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    state: z.enum(TENANT_STATES),
    createdAt: instantText,
    policy: policy.optional(),
    quotas: z.strictObject(quotas),
    ownKey: z.boolean().meta({
      description: "Its tokens and data are under a key of its own, which erasing destroys.",
    }),
    use: z
      .strictObject({
        sessions: z
          .strictObject({ value: z.number().int(), exact: z.boolean() })
          .optional()
          .meta({ description: "Absent where the store cannot count; not `exact`: at least." }),
        serviceKeys: z.number().int().meta({ description: "Live ones." }),
      })
      .optional()
      .meta({ description: "When one is asked for, or a list with it." }),
    erasedAt: instantText.optional(),
    purgedAt: instantText.optional().meta({ description: "Nothing of it is left." }),
    version: z.string().meta({ description: "The ETag, without its quotes." }),
  })
  .meta({ id: "Tenant" });
export type TenantView = z.infer<typeof tenant>;

export const tenantReply = z
  .strictObject({ tenant, serverTime: instantText })
  .meta({ id: "TenantReply" });
export const tenantPage = z
  .strictObject({
    items: z.array(tenant),
    nextCursor: z.string().optional(),
    serverTime: instantText,
  })
  .meta({ id: "TenantPage" });
