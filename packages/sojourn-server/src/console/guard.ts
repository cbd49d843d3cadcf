/** Who sits at the console, and whether they may: before any route below /console/api runs. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { problemOf } from "sojourn";
import type { Session } from "sojourn";
import { CONSOLE_TENANT } from "../control/console-users.ts";
import type { ConsoleUser } from "../control/console-users.ts";
import type { Caller } from "../control/key-desk.ts";
import type { Scope } from "../control/key-table.ts";
import { commitExchanges, limited, requireScope, viewOf } from "../api/guards.ts";
import { notFound, Refusal } from "../api/problems.ts";
import { RateLimit } from "../api/rate-limit.ts";
import type { App, House } from "../api/types.ts";
import { errands } from "./house.ts";
import type { ConsoleHouse, SignedIn } from "./house.ts";
import { isGuarded, scopesOf } from "./roles.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** At the console it needs a passkey given within five minutes. */
    stepUp?: boolean;
    /** At the console, where two are asked for, a second administrator has to approve. */
    fourEyes?: boolean;
    /** Both of them only where this says so of the body: a dry run is nothing to be afraid of. */
    grave?: (body: unknown) => boolean;
    /** Makes, takes or changes a token that a client would have to be given: not at the console. */
    carriesToken?: boolean;
    /** Where no header can be sent the tenant may come in the query. */
    tenantInQuery?: boolean;
  }
}

/** The factor of a passkey, by RFC 8176: a key that proved itself after its owner did. */
export const PASSKEY_AMR = ["hwk", "user"] as const;
export const FRESH_MS = 5 * 60 * 1_000;

/** What a browser waits for in the background is no act of a person. */
const BACKGROUND = "x-sojourn-background";
const TENANT_HEADER = "x-sojourn-tenant";
const TENANT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** Routes of this group want somebody who has signed in to the console. */
export function requireConsoleUser(app: App, house: House, console: ConsoleHouse): void {
  const limit = new RateLimit(house.config.rateLimit);
  app.addHook("onRequest", async (request, reply) => {
    request.caller = errandOf(request);
    if (request.caller !== null) return;
    const who = await signedIn(console, request, reply, limit);
    const { config } = request.routeOptions;
    const caller = callerAt(house, request, who.user);
    const { scope } = config;
    if (scope === undefined || config.carriesToken === true) throw notFound();
    requireScope(caller, scope);
    const { grave } = config;
    const wanted = needsStepUp(config, request.method);
    if (wanted && grave === undefined) requirePasskey(who.session, house.now());
    request.caller = caller;
  });
  commitExchanges(app);
}

/** Good for the very request that was approved, and for one. */
function errandOf({ method, url }: FastifyRequest): Caller | null {
  const errand = errands.getStore();
  if (errand === undefined || errand.taken) return null;
  if (errand.method !== method || errand.url !== url) return null;
  errand.taken = true;
  return errand.caller;
}

/** Once the body was judged: the passkey that only some bodies want. */
export function requirePasskeyForGrave(app: App, house: House): void {
  app.addHook("preHandler", async (request) => {
    const { signedIn: who, routeOptions, method, body } = request;
    const { config } = routeOptions;
    if (who === null || config.grave?.(body) !== true || !needsStepUp(config, method)) return;
    requirePasskey(who.session, house.now());
  });
}

interface Marks {
  readonly scope?: Scope;
  readonly stepUp?: boolean;
}

export function needsStepUp({ scope, stepUp }: Marks, method: string): boolean {
  return stepUp ?? (scope !== undefined && isGuarded(scope, method));
}

/**
 * The person of a request.
 *
 * @throws {Refusal} 401; 403 for another site's request; 503 when a store cannot say.
 */
export async function signedIn(
  console: ConsoleHouse,
  request: FastifyRequest,
  reply: FastifyReply,
  limit: RateLimit,
): Promise<SignedIn> {
  const { config } = request.routeOptions;
  const activity = config.activity !== false && request.headers[BACKGROUND] === undefined;
  const exchange = await exchangeAt(console, request, activity);
  const { session } = exchange;
  limited(limit, session.id ?? `from ${request.ip}`, reply);
  const reason = session.endedReason;
  if (reason !== undefined) throw new Refusal(problemOf("session_ended", { reason }));
  const { subject } = session;
  const user = subject === null ? undefined : await console.users.find(subject);
  if (user === undefined || user.disabledAt !== undefined) {
    const detail = "Sign in to the console.";
    throw new Refusal(problemOf("unauthenticated", { detail }));
  }
  const who = { user, session, exchange };
  request.signedIn = who;
  return who;
}

/** The cookie alone counts: a token in a header is no browser's. */
export async function exchangeAt(
  console: ConsoleHouse,
  request: FastifyRequest,
  activity: boolean,
): Promise<SignedIn["exchange"]> {
  const view = viewOf(request);
  const header = (name: string): string | undefined =>
    name === "authorization" ? undefined : view.header(name);
  const exchange = await console.sessions.exchange({ ...view, header, activity });
  if (exchange.refusal !== undefined) throw new Refusal(exchange.refusal);
  request.exchange = exchange;
  return exchange;
}

/** When the passkey was given last; absent: never on this session. */
export function steppedUpUntil(session: Session): number | undefined {
  const [method] = PASSKEY_AMR;
  const given = session.assurance?.factors.find((factor) => factor.method === method);
  return given === undefined ? undefined : given.at + FRESH_MS;
}

/** @throws {Refusal} 403 with the RFC 9470 challenge. */
export function requirePasskey(session: Session, now: number): void {
  const until = steppedUpUntil(session);
  if (until !== undefined && now < until) return;
  const detail = "Confirm with your passkey, then send the request again.";
  const required = { maxAge: FRESH_MS / 1_000 };
  throw new Refusal(problemOf("step_up_required", { required, detail }));
}

/** Most that are offered by name; whoever may see all of them may name others. */
const OFFERED_MAX = 200;

/** Tenants that a user may choose from: those made since the start, too, and no erased one. */
export async function offeredTenants(house: House, user: ConsoleUser): Promise<readonly string[]> {
  const known = tenantsOf(house, user);
  if (!user.tenants.includes("*")) return known;
  const made = await house.tenants.office.list("", OFFERED_MAX);
  const erased = new Set(made.filter(({ state }) => state === "erased").map(({ id }) => id));
  const ids = [...known, ...made.map(({ id }) => id)].filter((id) => !erased.has(id));
  const own = ids.includes(CONSOLE_TENANT) && user.role === "admin" ? [CONSOLE_TENANT] : [];
  return [...new Set([...ids.filter((id) => id !== CONSOLE_TENANT), ...own])];
}

/** Tenants that a user may choose by configuration, the console's own last. */
function tenantsOf(house: House, user: ConsoleUser): readonly string[] {
  if (!user.tenants.includes("*")) return user.tenants;
  const configured = Object.keys(house.config.library.tighten?.tenants ?? {}).toSorted();
  const own = user.role === "admin" ? [CONSOLE_TENANT] : [];
  return [...new Set(["default", ...configured, ...own])];
}

function callerAt(house: House, request: FastifyRequest, user: ConsoleUser): Caller {
  const tenant = tenantOf(request) ?? firstOf(tenantsOf(house, user));
  if (!maySee(house, user, tenant)) throw notFound();
  return { keyId: user.id, name: `console:${user.name}`, tenant, scopes: scopesOf(user) };
}

/** Whoever may see all tenants may name those made since, too. */
export function maySee(house: House, user: ConsoleUser, tenant: string): boolean {
  if (tenantsOf(house, user).includes(tenant)) return true;
  return user.tenants.includes("*") && tenant !== CONSOLE_TENANT && TENANT.test(tenant);
}

function firstOf([first = "default"]: readonly string[]): string {
  return first;
}

function tenantOf(request: FastifyRequest): string | undefined {
  const header = request.headers[TENANT_HEADER];
  if (typeof header === "string") return header;
  if (request.routeOptions.config.tenantInQuery !== true) return undefined;
  const { tenant } = request.query as { readonly tenant?: unknown };
  return typeof tenant === "string" ? tenant : undefined;
}
