/** Wire shapes of device-bound sessions: what browsers sent, and what they are answered. */
import { z } from "zod";

const HEADERS_MAX = 100;

export const TOKEN_CHARS_MAX = 4_096;
export const token = z.string().min(1).max(TOKEN_CHARS_MAX);
/** One header field or cookie. */
export const field = z.string().max(8_192);
const headers = z.record(z.string(), z.string());

export const offerHeaders = headers.optional().meta({
  description: "Send them with the answer that sets the token: the browser may bind the device.",
});

export const unproven = z
  .strictObject({
    why: z.enum(["missing", "conflict", "foreign", "expired"]),
    enforcement: z.enum(["observe", "step-up", "require", "degraded"]),
    headers: headers.meta({
      description: "Send them with your answer: the browser's next proof needs one round less.",
    }),
  })
  .meta({ id: "UnprovenDevice", description: "The device it is bound to did not prove itself." });

const sentHeaders = z
  .record(z.string().max(256), field)
  .refine((fields) => Object.keys(fields).length <= HEADERS_MAX, `at most ${HEADERS_MAX} fields`)
  .meta({ description: "The header fields as the browser sent them; few of them are looked at." });

export const registerBody = z
  .strictObject({ token, headers: sentHeaders })
  .meta({ id: "BrowserRequest" });
export const refreshBody = z.strictObject({ headers: sentHeaders });

export const browserAnswer = z
  .strictObject({ status: z.number().int(), headers, body: z.string() })
  .meta({ id: "BrowserAnswer", description: "Answer the browser with exactly this." });

export const wellKnownReply = z.strictObject({ registering_origins: z.array(z.string()) });
