/** Wire shapes of what explains a session and the policy it is under. */
import { z } from "zod";
import { bindingShape, instantText, sessionShape } from "./schemas.ts";
import { SESSION_STATES } from "./words.ts";

export const policyField = z
  .strictObject({
    field: z.string(),
    value: z.unknown(),
    human: z.string(),
    from: z
      .string()
      .meta({ description: "What set it: `preset saas`, `override`, `tenant acme`." }),
    means: z.string(),
    clause: z.string(),
    cap: z.string().optional(),
    capSource: z.string().optional(),
    justification: z.string().optional(),
    note: z.string().optional(),
  })
  .meta({ id: "PolicyField" });

const clock = z.strictObject({
  name: z.enum(["idle", "absolute", "elevation", "rotation"]),
  at: instantText,
  passed: z.boolean(),
  effect: z.enum(["end", "lock", "sudo-ends", "new-token"]),
  spanSeconds: z.number().optional().meta({ description: "As the session has it." }),
  limit: z.string().meta({ description: "The field of the policy." }),
  from: z.string().meta({ description: "What sets it now, or `when it was opened`." }),
  clause: z.string(),
  next: z.boolean().meta({ description: "The one that ends or locks it if nothing happens." }),
});

const rule = z.strictObject({
  name: z.enum(["ended", "subject-epoch", "factor", "lock"]),
  holds: z.boolean().meta({ description: "False is what keeps it from being active." }),
  says: z.string(),
});

const tokens = z
  .strictObject({
    confirmed: z.number().int(),
    confirmedAt: instantText,
    lastIssued: z.number().int(),
    pending: z
      .strictObject({ generation: z.number().int(), issuedAt: instantText, sentAt: instantText })
      .optional(),
    previous: z.strictObject({ generation: z.number().int(), graceUntil: instantText }).optional(),
    replaced: z
      .strictObject({ from: z.number().int(), to: z.number().int(), at: instantText })
      .optional(),
    forgiving: z.number().int().optional(),
  })
  .meta({ description: "Generations of its token, by number: nothing that can be presented." });

const data = z.strictObject({
  version: z.number().int(),
  keys: z.array(z.strictObject({ key: z.string(), bytes: z.number().int(), sealed: z.boolean() })),
  values: z.record(z.string(), z.unknown()).optional().meta({ description: "With `reveal`." }),
});

export const explainReply = z
  .strictObject({
    session: sessionShape,
    state: z.enum(SESSION_STATES),
    says: z.string(),
    fix: z.string().optional(),
    now: instantText,
    clocks: z.array(clock),
    rules: z.array(rule),
    tokens,
    binding: bindingShape.extend({ lastProofAt: instantText.optional() }).optional(),
    data,
    policy: z.strictObject({ name: z.string(), fields: z.array(policyField) }),
    serverTime: instantText,
  })
  .meta({ id: "SessionExplained" });

export const explainQuery = z.strictObject({
  reveal: z.enum(["true", "false"]).default("false").meta({
    description: "Show the values of its data: needs the scope data:read, and is audited.",
  }),
});
