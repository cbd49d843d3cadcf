/** Backend group: figures of the key's own tenant. */
import { HOUR_MS } from "../../analytics/figures.ts";
import { hoursOf, periodsOf } from "../../analytics/report.ts";
import type { Step } from "../../analytics/report.ts";
import { analyticsQuery, analyticsReply } from "../analytics-schemas.ts";
import { answers, backend } from "../documents.ts";
import { callerOf } from "../guards.ts";
import { invalid } from "../problems.ts";
import type { App, House } from "../types.ts";
import { instant } from "../views.ts";

const DAY_MS = 24 * HOUR_MS;
const STANDARD_MS: Readonly<Record<Step, number>> = { hour: DAY_MS, day: 30 * DAY_MS };
/** Most steps of one answer: a month of hours, two years of days. */
const STEPS_MAX: Readonly<Record<Step, number>> = { hour: 31 * 24, day: 732 };
const STEP_HOURS: Readonly<Record<Step, number>> = { hour: 1, day: 24 };

export function analyticsRoutes(app: App, house: House): void {
  app.get(
    "/v1/analytics",
    {
      config: { scope: "analytics:read" },
      schema: {
        ...backend,
        operationId: "getAnalytics",
        summary: "Sign-ins, renewals, ends, durations and live sessions by hour or day",
        description: "Counted from the audit trail, a second or so behind it.",
        querystring: analyticsQuery,
        response: answers(analyticsReply, "One item for each step, oldest first."),
      },
    },
    async (request) => {
      const { step, from, to } = request.query;
      const now = house.now();
      const until = to === undefined ? now : Date.parse(to);
      const since = from === undefined ? until - STANDARD_MS[step] : Date.parse(from);
      if (since >= until) throw invalid("from", "lies before `to`");
      const hours = hoursOf(step, since, until);
      if ((hours[1] - hours[0]) / STEP_HOURS[step] > STEPS_MAX[step]) {
        throw invalid("from", `at most ${STEPS_MAX[step]} steps of one ${step}`);
      }
      const { amounts, behind } = await house.analytics.read(callerOf(request).tenant, hours);
      const items = periodsOf(step, hours, amounts).map((one) => ({ ...one, at: instant(one.at) }));
      return { step, items, behind, serverTime: instant(now) };
    },
  );
}
