/** Wire shapes of what is kept of people. */
import { z } from "zod";
import { instantText } from "./schemas.ts";

export const eraseBody = z.strictObject({
  confirm: z.string().max(512).meta({ description: "The subject again: it cannot be undone." }),
  cause: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .meta({ description: "Why, for the record, like gdpr_17; names nobody." }),
});

export const eraseReply = z.strictObject({
  erased: z
    .record(z.string(), z.number().int())
    .meta({ description: "How much went, by place: rows of sessions; 1 for a trail." }),
  serverTime: instantText,
});

const cookie = z
  .strictObject({
    name: z.string(),
    purpose: z.string(),
    category: z.literal("strictly-necessary"),
    domain: z.string().optional().meta({ description: "Absent: the host alone." }),
    path: z.literal("/"),
    secure: z.boolean(),
    httpOnly: z.literal(true),
    sameSite: z.enum(["Strict", "Lax", "None"]),
    partitioned: z.boolean(),
    kept: z.enum(["browser", "remember", "bound"]).meta({
      description: "`remember`: past the browser's end only when the person chose so.",
    }),
    maxSeconds: z.number().int().optional(),
  })
  .meta({ id: "CookieFacts" });

export const cookieReply = z.strictObject({ cookies: z.array(cookie), serverTime: instantText });
