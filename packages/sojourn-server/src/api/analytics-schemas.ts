/** Wire shapes of analytics. */
import { z } from "zod";
import { STEPS } from "../analytics/report.ts";
import { instantText } from "./schemas.ts";

export const analyticsQuery = z.strictObject({
  from: instantText.optional().meta({ description: "Default: a day, or 30 days, before `to`." }),
  to: instantText.optional().meta({ description: "Exclusive; default: now." }),
  step: z.enum(STEPS).default("hour"),
});

const count = z.number().int();
const by = z.record(z.string(), count);
const counted = z.strictObject({ total: count, by });
const bucket = z.strictObject({ upTo: count.optional(), count });

const period = z
  .strictObject({
    at: instantText.meta({ description: "Where it begins; hours and days of UTC." }),
    signIns: counted.meta({ description: "By the kind of the session." }),
    agents: by.meta({ description: "Sign-ins by the family of the browser or program." }),
    renewals: counted.meta({
      description: "Rotations that the client took (`confirmed`) or had to (`hard`); `extended`.",
    }),
    ends: counted.meta({ description: "By the reason." }),
    durations: z.strictObject({ count, seconds: count, buckets: z.array(bucket) }).meta({
      description: "How long sessions that ended had lasted; not cumulated.",
    }),
    incidents: by.meta({ description: "By the name of the event." }),
    active: z.strictObject({ last: count, peak: count, exact: z.boolean() }).optional().meta({
      description: "Live sessions, as sampled; not `exact`: at least so many.",
    }),
  })
  .meta({ id: "AnalyticsPeriod" });

export const analyticsReply = z
  .strictObject({
    step: z.enum(STEPS),
    items: z.array(period),
    behind: count.meta({ description: "Entries of the audit trail that are not counted yet." }),
    serverTime: instantText,
  })
  .meta({ id: "Analytics" });
