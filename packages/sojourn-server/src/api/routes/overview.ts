/** Backend group: a tenant at a glance. */
import { z } from "zod";
import { HOUR_MS } from "../../analytics/figures.ts";
import { periodsOf } from "../../analytics/report.ts";
import type { Period } from "../../analytics/report.ts";
import { answers, backend } from "../documents.ts";
import { callerOf } from "../guards.ts";
import { instantText } from "../schemas.ts";
import type { App, House } from "../types.ts";
import { instant } from "../views.ts";

/** The one that is under way among them. */
const DAY_HOURS = 24;
/** Pages that are open at once ask once. */
const KEPT_MS = 2_000;

const reasons = z.record(z.string(), z.number().int());
const hour = z.strictObject({
  at: instantText,
  signIns: z.number().int(),
  ended: z.number().int(),
  endsByReason: reasons,
});

export const overviewReply = z
  .strictObject({
    tenant: z.string(),
    live: z
      .strictObject({ value: z.number().int(), exact: z.boolean() })
      .optional()
      .meta({ description: "Absent where the store cannot count." }),
    last24h: z.strictObject({
      from: instantText,
      to: instantText,
      behind: z.number().int().meta({
        description: "Entries of the audit trail that are not counted yet.",
      }),
      signIns: z.number().int(),
      ended: z.number().int(),
      endsByReason: reasons,
      rotated: z.number().int(),
      forks: z.number().int(),
      forged: z.number().int().meta({ description: "Those that a flood left out, too." }),
      hours: z.array(hour),
    }),
    serverTime: instantText,
  })
  .meta({ id: "Overview" });
type Overview = z.infer<typeof overviewReply>;

export function overviewRoutes(app: App, house: House): void {
  const kept = new Map<string, { readonly at: number; readonly made: Promise<Overview> }>();
  app.get(
    "/v1/overview",
    {
      config: { scope: "sessions:read", activity: false },
      schema: {
        ...backend,
        operationId: "overview",
        summary: "Live sessions now; sign-ins and ends of the last 24 hours, by hour of UTC",
        description: "Counted from the audit trail, a second or so behind it; up to two more old.",
        response: answers(overviewReply, "Numbers of the tenant."),
      },
    },
    (request) => {
      const { tenant } = callerOf(request);
      const now = house.now();
      const known = kept.get(tenant);
      if (known !== undefined && Math.abs(now - known.at) < KEPT_MS) return known.made;
      for (const [other, { at }] of kept) if (now - at >= KEPT_MS) kept.delete(other);
      const made = overviewOf(house, tenant, now);
      kept.set(tenant, { at: now, made });
      made.catch(() => kept.delete(tenant));
      return made;
    },
  );
}

async function overviewOf(house: House, tenant: string, now: number): Promise<Overview> {
  const end = Math.floor(now / HOUR_MS) + 1;
  const hours = [end - DAY_HOURS, end] as const;
  const counts = house.store.capabilities.query === "full";
  const [live, { amounts, behind }] = await Promise.all([
    counts ? house.sessions.count({ tenant }) : undefined,
    house.analytics.read(tenant, hours),
  ]);
  return {
    tenant,
    ...(live === undefined ? {} : { live: { value: live.count, exact: live.exact } }),
    last24h: {
      from: instant(hours[0] * HOUR_MS),
      to: instant(now),
      behind,
      ...dayOf(periodsOf("hour", hours, amounts)),
    },
    serverTime: instant(now),
  };
}

type Day = Omit<Overview["last24h"], "from" | "to" | "behind">;

function dayOf(periods: readonly Period[]): Day {
  const sum = (of: (period: Period) => number): number =>
    periods.reduce((total, period) => total + of(period), 0);
  const endsByReason: Record<string, number> = {};
  for (const { ends } of periods) {
    for (const [reason, count] of Object.entries(ends.by)) {
      endsByReason[reason] = (endsByReason[reason] ?? 0) + count;
    }
  }
  return {
    signIns: sum(({ signIns }) => signIns.total),
    ended: sum(({ ends }) => ends.total),
    endsByReason,
    // An answer to the warning gives more time, and no other token.
    rotated: sum(({ renewals }) => renewals.total - (renewals.by["extended"] ?? 0)),
    forks: sum(({ incidents }) => incidents["token-fork"] ?? 0),
    forged: sum(({ incidents }) => incidents["token-forged"] ?? 0),
    hours: periods.map(({ at, signIns, ends }) => ({
      at: instant(at),
      signIns: signIns.total,
      ended: ends.total,
      endsByReason: { ...ends.by },
    })),
  };
}
