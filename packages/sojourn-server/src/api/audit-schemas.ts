/** Wire shapes of the audit trail. */
import { z } from "zod";
import { instantText } from "./schemas.ts";

const person = z.string().min(1).max(512);

export const auditFilter = {
  subject: person.optional(),
  session: z.string().min(1).max(512).optional(),
  name: z.string().min(1).max(64).optional(),
  actor: person.optional(),
  from: instantText.optional().meta({ description: "Inclusive." }),
  to: instantText.optional().meta({ description: "Exclusive." }),
};

const entry = z
  .strictObject({
    seq: z.number().int().meta({ description: "Its place in the chain." }),
    id: z.string(),
    at: instantText,
    tenant: z.string(),
    name: z.string(),
    actor: z.string().optional(),
    subject: z.string().optional(),
    session: z.string().optional(),
    reason: z.string().optional(),
    cause: z.string().optional(),
    request: z.string().optional().meta({ description: "The X-Request-Id." }),
    key: z.string().optional().meta({ description: "Id of the service key that was proved." }),
    from: z
      .strictObject({
        address: z.string().optional().meta({ description: "A network: /24 or /48." }),
        ref: z.string().optional().meta({ description: "The same address on one day." }),
        full: z.string().optional().meta({ description: "While a whole address is kept." }),
        agent: z.string().optional(),
      })
      .optional()
      .meta({ description: "Who called the service, as much as is kept of it." }),
    client: z
      .strictObject({ agent: z.string().optional() })
      .optional()
      .meta({ description: "Of the person, as the back end told it." }),
    detail: z.record(z.string(), z.unknown()).optional(),
    erased: z.literal(true).optional().meta({ description: "What it told has been erased." }),
    tampered: z.literal(true).optional().meta({ description: "Not what was written." }),
  })
  .meta({ id: "AuditEntry" });

export const auditPage = z
  .strictObject({
    items: z.array(entry),
    nextCursor: z.string().optional(),
    serverTime: instantText,
  })
  .meta({ id: "AuditPage" });
