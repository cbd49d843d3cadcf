/** Backend group: how stores and processes are. */
import { StoreUnavailableError } from "sojourn";
import { z } from "zod";
import { AUDIT_STATES } from "../../audit/audit-log.ts";
import { present } from "../../config/present.ts";
import { quantileBounds } from "../quantiles.ts";
import { answers, backend } from "../documents.ts";
import { instantText } from "../schemas.ts";
import type { App, House } from "../types.ts";
import { VERIFY_PATH } from "../verdicts.ts";
import { instant } from "../views.ts";

const SECOND_MS = 1_000;
const FRONTIER_MS = 1_000;
/** Asking every process is a write to each. */
const KEPT_MS = 5_000;

const ms = z.number().meta({ description: "Milliseconds." });
const storeHealth = z.strictObject({
  kind: z.string(),
  ok: z.boolean(),
  role: z.enum(["primary", "replica"]).optional(),
  writable: z.boolean().optional(),
  incarnation: z.string().optional().meta({ description: "Another after a failover or restore." }),
  incarnationSince: instantText.optional(),
  lagSeconds: z.number().optional(),
  clockSkewSeconds: z.number().optional().meta({ description: "The store's clock less ours." }),
  tookMs: ms,
  search: z.enum(["subject", "full"]),
});
const near = z.strictObject({
  hits: z.number(),
  misses: z.number(),
  sessions: z.number(),
  bytes: z.number(),
  gaps: z.number(),
  frontierAgeSeconds: z.number().optional(),
  invalidationLagSeconds: z.number().optional(),
});
const verify = z.strictObject({
  count: z.number().int().meta({ description: "Verifications since this process started." }),
  p50Ms: ms.optional().meta({ description: "Half took no longer; absent: beyond all measures." }),
  p99Ms: ms.optional().meta({ description: "99 of 100 took no longer." }),
});
const frontier = z.strictObject({
  nodes: z.number().int().meta({ description: "Processes that may answer from memory." }),
  confirmed: z.number().int(),
  missing: z.array(z.string()),
  tookMs: ms,
});

export const healthReply = z
  .strictObject({
    store: storeHealth,
    control: z.strictObject({ kind: z.string(), ok: z.boolean(), tookMs: ms }),
    audit: z.strictObject({
      state: z.enum(AUDIT_STATES),
      head: z.number().int().optional(),
      headAt: instantText.optional(),
    }),
    node: z.strictObject({
      startedAt: instantText,
      phase: z.enum(["serving", "draining", "stopping"]),
      streams: z.number().int(),
      verify: verify.optional().meta({ description: "Absent: none was answered yet." }),
      near: near.optional(),
    }),
    frontier: frontier.optional(),
    serverTime: instantText,
  })
  .meta({ id: "NodesHealth" });
type Health = z.infer<typeof healthReply>;

export function healthRoutes(app: App, house: House): void {
  const startedAt = house.now();
  const roll = rollCall(house);
  app.get(
    "/v1/health/nodes",
    {
      config: { scope: "health:read", activity: false },
      schema: {
        ...backend,
        operationId: "nodesHealth",
        summary: "Stores, this process, and whether every process knows what was acknowledged",
        description: "The roll call is up to five seconds old.",
        response: answers(healthReply, "Also while a store does not answer."),
      },
    },
    async () => {
      const [store, control, audit, called] = await Promise.all([
        storeOf(house),
        controlOf(house),
        auditOf(house),
        roll().catch(() => undefined),
      ]);
      return {
        store,
        control,
        audit,
        node: { ...nodeOf(house, startedAt), ...(await verifyOf(house)) },
        ...(called === undefined ? {} : { frontier: called }),
        serverTime: instant(house.now()),
      };
    },
  );
}

async function storeOf(house: House): Promise<Health["store"]> {
  const { query: search } = house.store.capabilities;
  const { kind } = house.config.store;
  const began = performance.now();
  try {
    const health = await house.sessions.health("any");
    const { role, writable, incarnation, incarnationSince, lagMs, nowAt } = health;
    return {
      kind,
      ok: true,
      role,
      writable,
      incarnation,
      ...(incarnationSince === 0 ? {} : { incarnationSince: instant(incarnationSince) }),
      lagSeconds: lagMs / SECOND_MS,
      ...(nowAt === undefined ? {} : { clockSkewSeconds: (nowAt - Date.now()) / SECOND_MS }),
      tookMs: since(began),
      search,
    };
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    return { kind, ok: false, tookMs: since(began), search };
  }
}

async function controlOf({ config, control }: House): Promise<Health["control"]> {
  const { kind } = config.control;
  const began = performance.now();
  const ok = await control.keys.find("").then(
    () => true,
    () => false,
  );
  return { kind, ok, tookMs: since(began) };
}

async function auditOf({ audit, trail }: House): Promise<Health["audit"]> {
  const { state } = audit.log;
  const head = await trail.head().catch(() => undefined);
  return head === undefined ? { state } : { state, head: head.seq, headAt: instant(head.at) };
}

function nodeOf(house: House, startedAt: number): Health["node"] {
  const node = {
    startedAt: instant(startedAt),
    phase: house.phase(),
    streams: house.streams.size,
  };
  const stats = house.near?.stats();
  if (stats === undefined) return node;
  const { hits, misses, sessions, bytes, gaps, frontierAgeMs, invalidationLagMs } = stats;
  const seconds = (name: string, value: number | undefined): object =>
    value === undefined ? {} : { [name]: value / SECOND_MS };
  return {
    ...node,
    near: {
      hits,
      misses,
      sessions,
      bytes,
      gaps,
      ...seconds("frontierAgeSeconds", frontierAgeMs),
      ...seconds("invalidationLagSeconds", invalidationLagMs),
    },
  };
}

const VERIFY = { method: "POST", route: VERIFY_PATH } as const;

/** The same numbers that Prometheus is given, of this process alone. */
async function verifyOf({ metrics }: House): Promise<Pick<Health["node"], "verify">> {
  const { count, bounds } = await quantileBounds(metrics.httpSeconds, VERIFY, [0.5, 0.99]);
  if (count === 0) return {};
  const [p50Ms, p99Ms] = bounds.map((bound) =>
    bound === undefined ? undefined : bound * SECOND_MS,
  );
  return { verify: present({ count, p50Ms, p99Ms }) as Health["node"]["verify"] };
}

/** Whoever asks while one is under way, or shortly after, shares it. */
function rollCall(house: House): () => Promise<NonNullable<Health["frontier"]>> {
  let at = -Infinity;
  let made: Promise<NonNullable<Health["frontier"]>> | undefined;
  const call = async (): Promise<NonNullable<Health["frontier"]>> => {
    const began = performance.now();
    const { nodes, confirmed, missing } = await house.sessions.awaitFrontier({
      timeoutMs: FRONTIER_MS,
    });
    return { nodes, confirmed, missing: [...missing], tookMs: since(began) };
  };
  return () => {
    const now = performance.now();
    if (made !== undefined && now - at < KEPT_MS) return made;
    at = now;
    made = call();
    return made;
  };
}

function since(began: number): number {
  return Math.round((performance.now() - began) * 100) / 100;
}
