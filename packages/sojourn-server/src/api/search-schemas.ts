/** Wire shapes of search, bulk and operations. */
import { z } from "zod";
import { ACTIONS, OPERATION_STATES } from "../operations/spec.ts";
import { END_REASONS } from "./words.ts";

const instant = z.iso.datetime({ offset: true }).meta({ description: "RFC 3339 instant." });
const text = (most: number): z.ZodString => z.string().min(1).max(most);

/** What sessions are searched by, besides subject, device, state and creation. */
const facetFields = {
  address: text(64).optional().meta({
    description: "The network of the device's address: IPv4 by 24 bits, IPv6 by 48.",
  }),
  agent: text(64).optional().meta({ description: "Family, as in the device's label: `Firefox`." }),
  client: text(64).optional().meta({ description: "`clientId`." }),
  acr: text(64).optional(),
  role: text(64).optional(),
  kind: text(64).optional(),
};

/** What lists take besides; what has ended is not acted on. */
export const listFields = {
  ...facetFields,
  createdFrom: instant.optional(),
  createdBefore: instant.optional(),
  count: z.enum(["none", "estimate", "exact"]).default("none"),
  reason: z
    .enum(END_REASONS)
    .optional()
    .meta({ description: "Why it ended; `state` is then `ended` unless it says `any`." }),
  sort: z
    .enum(["-createdAt", "createdAt"])
    .default("-createdAt")
    .meta({ description: "Newest first, or oldest first." }),
};

export const indexView = z
  .strictObject({
    asOf: instant,
    lagSeconds: z.number(),
    complete: z.boolean().meta({ description: "False while it is built: some may be missing." }),
  })
  .meta({
    id: "SearchIndex",
    description: "How old the index is that found these. What is shown of each is of now.",
  });

const bulkFilter = z
  .strictObject({
    subject: text(512).optional(),
    device: text(128).optional(),
    ...facetFields,
    state: z.enum(["live", "active", "pending", "locked"]).default("live"),
    createdFrom: instant.optional(),
    createdBefore: instant.optional(),
  })
  .meta({
    id: "BulkFilter",
    description: "All that is given must hold. `{}`: every live session.",
  });

const EXCEPT_MAX = 100;

export const bulkBody = z
  .strictObject({
    action: z.enum(ACTIONS),
    filter: bulkFilter,
    except: z
      .array(z.string().max(64))
      .max(EXCEPT_MAX)
      .optional()
      .meta({ description: "Handles that are left alone, like that of one's own session." }),
    cause: text(256).optional().meta({ description: "Kept with every end; default `bulk`." }),
    factors: z.number().int().min(1).max(3).optional().meta({
      description: "With `lock`: what unlocks; default as the policy says.",
    }),
    dryRun: z.boolean().default(false).meta({ description: "Count, and change nothing." }),
    token: text(512).optional().meta({ description: "From the dry run of the same request." }),
    confirm: z.number().int().min(0).optional().meta({
      description: "The dry run's count, where it said `everything`.",
    }),
  })
  .meta({ id: "Bulk" });

export const countView = z.strictObject({ value: z.number().int(), exact: z.boolean() });

export const operationParams = z.strictObject({ id: z.string().max(64) });

export const operationView = z
  .strictObject({
    id: z.string(),
    state: z.enum(OPERATION_STATES),
    action: z.enum(ACTIONS),
    filter: z.record(z.string(), z.string()),
    except: z.array(z.string()).optional(),
    cause: z.string().optional(),
    startedBy: z.string(),
    startedAt: instant,
    finishedAt: instant.optional(),
    total: z.number().int().meta({ description: "As counted at the beginning." }),
    done: z.number().int(),
    failed: z.number().int(),
    failures: z.array(z.strictObject({ session: z.string(), why: z.string() })),
    trouble: z.string().optional().meta({ description: "What holds it up just now." }),
  })
  .meta({ id: "Operation" });
export type OperationView = z.infer<typeof operationView>;

export const operationReply = z.strictObject({ operation: operationView, serverTime: instant });

export const operationPage = z.strictObject({
  items: z.array(operationView),
  nextCursor: z.string().optional(),
  serverTime: instant,
});
