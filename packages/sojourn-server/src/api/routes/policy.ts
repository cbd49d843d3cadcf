/** Backend group: the policy that holds, and what another one would have done. */
import { explainPolicy, PRESET_NAMES, resolvePolicy } from "sojourn";
import type { Explanation } from "sojourn";
import { z } from "zod";
import { present } from "../../config/present.ts";
import { bookUnder } from "../../policy/trial-book.ts";
import { historiesOf } from "../../policy/histories.ts";
import { replay } from "../../policy/replay.ts";
import type { Outcome } from "../../policy/replay.ts";
import { answers, backend } from "../documents.ts";
import { policyField } from "../explain-schemas.ts";
import { callerOf, requireScope } from "../guards.ts";
import { invalid } from "../problems.ts";
import { instantText } from "../schemas.ts";
import type { App, House } from "../types.ts";
import { instant } from "../views.ts";

const DAY_MS = 86_400_000;
const WINDOW_MS = 7 * DAY_MS;
const WINDOW_MS_MAX = 90 * DAY_MS;
const ITEMS_MAX = 200;
const ROLES_MAX = 16;

const name = z.string().min(1).max(64);
const policyQuery = z.strictObject({
  client: name.optional(),
  role: z.union([name, z.array(name).max(ROLES_MAX)]).optional(),
});
const presetView = z.strictObject({
  name: z.string(),
  source: z.string(),
  fields: z.record(z.string(), z.unknown()),
});
export const policyReply = z
  .strictObject({
    policy: z.strictObject({
      name: z.string(),
      justification: z.string().nullable(),
      fields: z.array(policyField),
      sources: z.array(z.strictObject({ preset: z.string(), source: z.string() })),
    }),
    presets: z.array(presetView),
    serverTime: instantText,
  })
  .meta({ id: "PolicyExplained" });

const simulateBody = z.strictObject({
  policy: z.union([z.string().max(64), z.record(z.string(), z.unknown())]).meta({
    description: "A preset's name, or `{ extends, …changes }`; spans as numbers or like `30m`.",
  }),
  from: instantText.optional().meta({ description: "Default: a week before `to`." }),
  to: instantText.optional().meta({ description: "Default: now." }),
});
const ending = z.strictObject({
  state: z.enum(["live", "ended"]),
  at: instantText.optional(),
  reason: z.string().optional(),
});
const simulated = z.strictObject({
  session: z.string(),
  subject: z.string(),
  openedAt: instantText,
  happened: ending,
  would: z.strictObject({
    state: z.enum(["live", "ended"]),
    at: instantText.optional(),
    reason: z.string().optional(),
    certain: z.boolean(),
    between: z.tuple([instantText, instantText]).optional(),
  }),
  why: z.string(),
});
export const simulateReply = z
  .strictObject({
    from: instantText,
    to: instantText,
    policy: z.strictObject({
      name: z.string(),
      fields: z.array(policyField.extend({ before: z.unknown(), humanBefore: z.string() })),
    }),
    sessions: z.strictObject({
      considered: z.number().int(),
      unchanged: z.number().int(),
      earlier: z.number().int(),
      later: z.number().int(),
      undecided: z.number().int(),
      complete: z.boolean(),
    }),
    items: z.array(simulated),
    bounds: z.array(z.string()),
    serverTime: instantText,
  })
  .meta({ id: "PolicySimulated" });
type Simulated = z.infer<typeof simulated>;

export function policyRoutes(app: App, house: House): void {
  const presets = PRESET_NAMES.map((preset) => {
    const { fields, sources } = explainPolicy(resolvePolicy(preset));
    const values = fields.map(({ field, value }) => [field, value] as const);
    return { name: preset, source: sources[0]?.source ?? "", fields: Object.fromEntries(values) };
  });
  app.get(
    "/v1/policy",
    {
      config: { scope: "policy:read" },
      schema: {
        ...backend,
        operationId: "explainPolicy",
        summary: "Every limit that holds for the tenant, where it comes from, and the presets",
        querystring: policyQuery,
        response: answers(policyReply, "As tightened for the tenant, client and roles."),
      },
    },
    (request) => {
      const { client, role } = request.query;
      const roles = role === undefined ? undefined : [role].flat();
      const who = { tenant: callerOf(request).tenant, ...present({ client, roles }) };
      const { name: named, justification, fields, sources } = house.sessions.explainPolicy(who);
      const policy = { name: named, justification, fields: [...fields], sources: [...sources] };
      return { policy, presets, serverTime: instant(house.now()) };
    },
  );
  app.post(
    "/v1/policy/simulate",
    {
      config: { scope: "policy:read" },
      schema: {
        ...backend,
        operationId: "simulatePolicy",
        summary: "Replay recorded history against another policy: who would have been signed out",
        description: "Changes nothing. `bounds` says what recorded history can tell.",
        body: simulateBody,
        response: answers(simulateReply, "The first 200 that differ, earliest first."),
      },
    },
    (request) => {
      const caller = callerOf(request);
      requireScope(caller, "audit:read");
      return simulate(house, caller.tenant, request.body);
    },
  );
}

async function simulate(
  house: House,
  tenant: string,
  body: z.infer<typeof simulateBody>,
): Promise<z.infer<typeof simulateReply>> {
  const now = house.now();
  const to = Math.min(body.to === undefined ? now : Date.parse(body.to), now);
  const from = body.from === undefined ? to - WINDOW_MS : Date.parse(body.from);
  if (from >= to) throw invalid("from", "lies before `to`, and before now");
  if (to - from > WINDOW_MS_MAX) throw invalid("from", "at most 90 days before `to`");
  const before = house.sessions.explainPolicy({ tenant });
  const book = bookUnder(body.policy, tenant, house.config.library.tighten);
  const after = book.explainFor({ tenant });
  const held = Number(before.fields.find(({ field }) => field === "idleMs")?.value);
  const window = { tenant, from, to, idleMs: held };
  const { histories, complete } = await historiesOf(house.trail, house.store, window);
  const outcomes = replay(histories, book.policyFor({ tenant }), to);
  const differ = outcomes.filter(({ change }) => change !== "unchanged");
  const first = differ.toSorted((one, other) => momentOf(one) - momentOf(other));
  const of = (change: Outcome["change"]): number =>
    outcomes.filter((outcome) => outcome.change === change).length;
  return {
    from: instant(from),
    to: instant(to),
    policy: { name: after.name, fields: changesOf(before, after) },
    sessions: {
      considered: outcomes.length,
      unchanged: of("unchanged"),
      earlier: of("earlier"),
      later: of("later"),
      undecided: differ.filter(({ would }) => would.between !== undefined).length,
      complete,
    },
    items: first.slice(0, ITEMS_MAX).map((outcome) => viewOf(outcome, after)),
    bounds: boundsOf(before),
    serverTime: instant(house.now()),
  };
}

function changesOf(
  before: Explanation,
  after: Explanation,
): z.infer<typeof simulateReply>["policy"]["fields"] {
  const old = new Map(before.fields.map((field) => [field.field, field]));
  return after.fields.flatMap((field) => {
    const was = old.get(field.field);
    if (was === undefined || was.value === field.value) return [];
    return [{ ...field, before: was.value, humanBefore: was.human }];
  });
}

function momentOf({ history, would }: Outcome): number {
  return would.at ?? history.end?.at ?? Infinity;
}

function viewOf({ history, would, change }: Outcome, policy: Explanation): Simulated {
  const { session, subject, openedAt, end } = history;
  const { at, reason, between } = would;
  const certain = between === undefined;
  return {
    session,
    subject,
    openedAt: instant(openedAt),
    happened:
      end === undefined
        ? { state: "live" }
        : { state: "ended", at: instant(end.at), reason: end.reason },
    would: {
      state: at === undefined ? "live" : "ended",
      ...(at === undefined ? {} : { at: instant(at) }),
      ...present({ reason }),
      certain,
      ...(between === undefined ? {} : { between: [instant(between[0]), instant(between[1])] }),
    },
    why: whyOf(reason, certain, policy, change),
  };
}

function whyOf(
  reason: Outcome["would"]["reason"],
  certain: boolean,
  { fields }: Explanation,
  change: Outcome["change"],
): string {
  const limit = (field: string): string =>
    fields.find((one) => one.field === field)?.human ?? "the limit";
  const idle = limit("idleMs");
  switch (reason) {
    case "idle_timeout":
      return certain
        ? `${idle} had passed since its last activity.`
        : `Nothing is recorded of it for more than ${idle}; activity is not recorded by itself.`;
    case "absolute_timeout":
      return `${limit("absoluteMs")} had passed since the sign-in.`;
    case "evicted":
      return `A later sign-in was one more than ${limit("concurrency.max")}.`;
    case "refused":
      return `There were ${limit("concurrency.max")} already: it would not have been opened.`;
    default:
      return change === "later" ? "The limits are wider: it would live on." : "As it happened.";
  }
}

/** What the answer is worth, in sentences. */
function boundsOf({ fields }: Explanation): string[] {
  const every = fields.find(({ field }) => field === "touchEveryMs")?.human ?? "some time";
  return [
    "Activity is not in the audit trail. Known are sign-ins, extensions, unlocks, step-ups, " +
      "rotations, and the last activity of sessions whose row is still there or that idleness ended.",
    `Recorded activity lags by up to ${every} (touchEveryMs): ends are early by that much at most.`,
    "Where activity that is not recorded could have kept a session, the end is a span: not certain.",
    "A session that ended earlier would have made its person sign in again: that new session is " +
      "not in the answer.",
    "The client and the roles of erased sessions are not recorded: tightening by them is left out.",
    "A session opened before the window, whose row is erased, is left out.",
  ];
}
