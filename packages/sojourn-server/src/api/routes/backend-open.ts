/** Backend group: open a session, verify tokens. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { OpenOptions, Requirement, Session, Standing } from "sojourn";
import { problemOf } from "sojourn";
import type { z } from "zod";
import { etagOf, setEtag } from "../conditional.ts";
import { answers, backend, creates } from "../documents.ts";
import { callerOf, requireScope } from "../guards.ts";
import { once } from "../idempotency.ts";
import { Refusal } from "../problems.ts";
import { createBody, createReply, verifyBody, verifyReply } from "../schemas.ts";
import type { VerdictView } from "../schemas.ts";
import type { App, House } from "../types.ts";
import { instant, pick, sessionOf, sessionView, summaryView, unmetView } from "../views.ts";

type CreateBody = z.infer<typeof createBody>;
type VerifyBody = z.infer<typeof verifyBody>;

/** Tokens of one batch that are looked at together. */
const AT_ONCE = 16;
const SECOND_MS = 1_000;

export function openRoutes(app: App, house: House): void {
  app.post(
    "/v1/sessions",
    {
      config: { scope: "sessions:write" },
      schema: {
        ...backend,
        operationId: "openSession",
        summary: "Open a session after you authenticated somebody",
        description: "With `Idempotency-Key` a retry gets the same reply for 24 hours.",
        body: createBody,
        response: creates(createReply, "The session and, this once, its token."),
      },
    },
    (request, reply) => once(house.replies, request, reply, () => open(house, request, reply)),
  );
  app.post(
    "/v1/sessions/verify",
    {
      config: { scope: "sessions:read" },
      schema: {
        ...backend,
        operationId: "verify",
        summary: "What is a token worth now? One, or up to 500 at once",
        description: "Unknown, forged and foreign tokens are answers, not errors.",
        body: verifyBody,
        response: answers(verifyReply, "A verdict, or `results` for `tokens`."),
      },
    },
    (request) => verify(house, request),
  );
}

async function open(
  house: House,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<z.infer<typeof createReply>> {
  const { tenant } = callerOf(request);
  const opened = await house.sessions.open(openOptions(request.body as CreateBody, tenant));
  const now = house.now();
  const session = sessionView(opened.session, now);
  if (session === undefined) throw new Refusal(problemOf("internal"));
  void reply.code(201).header("location", `/v1/sessions/${session.id}`);
  setEtag(reply, opened.session.version);
  const evicted = opened.evicted.map((summary) => summaryView(summary, now));
  return { session, token: opened.token, evicted, serverTime: instant(now) };
}

function openOptions(body: CreateBody, tenant: string): OpenOptions<Record<string, unknown>> {
  const { client: facts, clientId, ...rest } = body;
  const given = {
    ...rest,
    tenant,
    client: clientId,
    fingerprint: facts?.userAgent,
  };
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as unknown as OpenOptions<Record<string, unknown>>;
}

async function verify(house: House, request: FastifyRequest): Promise<object> {
  const caller = callerOf(request);
  const body = request.body as VerifyBody;
  // A successor is a credential that did not exist before.
  if (body.canSetToken) requireScope(caller, "sessions:write");
  const judge = (token: string): Promise<VerdictView> =>
    verifyOne(house, { token, body, tenant: caller.tenant });
  const serverTime = instant(house.now());
  if (body.token !== undefined) return { ...(await judge(body.token)), serverTime };
  const results: VerdictView[] = [];
  const tokens = body.tokens ?? [];
  for (let from = 0; from < tokens.length; from += AT_ONCE) {
    results.push(...(await Promise.all(tokens.slice(from, from + AT_ONCE).map(judge))));
  }
  return { results, serverTime };
}

interface Asked {
  readonly token: string;
  readonly body: VerifyBody;
  readonly tenant: string;
}

async function verifyOne(house: House, asked: Asked): Promise<VerdictView> {
  const { body, tenant } = asked;
  const { activity, canSetToken, client } = body;
  const standing = await house.sessions.authenticate(asked.token, {
    tenant,
    activity,
    canSetToken,
    ...(client?.userAgent === undefined ? {} : { fingerprint: client.userAgent }),
  });
  house.metrics.verifies.inc({ state: standing.state });
  return verdictOf(house, standing, body);
}

function verdictOf(house: House, standing: Standing, body: VerifyBody): VerdictView {
  const session = sessionOf(standing);
  if (session === undefined) {
    const reason = standing.state === "ended" ? { reason: standing.reason } : {};
    return { state: standing.state, ...reason, cacheSeconds: 0 };
  }
  const unmet = body.require === undefined ? undefined : unmetOf(session, body.require);
  const view = pick(sessionView(session, house.now()), body.fields);
  const successor = standing.state === "active" ? standing.successor : undefined;
  return {
    state: standing.state,
    ...(view === undefined ? {} : { session: view }),
    ...(successor === undefined ? {} : { successor }),
    ...(unmet === undefined ? {} : { unmet }),
    etag: etagOf(session.version),
    cacheSeconds: 0,
  };
}

function unmetOf(
  session: Session,
  required: NonNullable<VerifyBody["require"]>,
): VerdictView["unmet"] {
  const { acr, maxAge, factors, elevated } = required;
  const wanted: Requirement = {
    ...(acr === undefined ? {} : { acr }),
    ...(maxAge === undefined ? {} : { maxAgeMs: maxAge * SECOND_MS }),
    ...(factors === undefined ? {} : { factors }),
    ...(elevated === undefined ? {} : { elevated }),
  };
  return unmetView(session.unmet(wanted));
}
