/** What the console stands on: sessions of its own, made with the library like anybody's. */
import { AsyncLocalStorage } from "node:async_hooks";
import { createSessions } from "sojourn";
import type { Exchange, Session, Sessions } from "sojourn";
import type { Circumstances } from "../audit/entry.ts";
import { present } from "../config/present.ts";
import type { ServerConfig } from "../config/config.ts";
import type { ConsoleSettings } from "../config/console-settings.ts";
import { CONSOLE_TENANT } from "../control/console-users.ts";
import type { ConsoleUser, ConsoleUsers } from "../control/console-users.ts";
import type { ConsoleApprovals } from "../control/console-approvals.ts";
import type { ConsolePasskeys } from "../control/console-passkeys.ts";
import type { Caller } from "../control/key-desk.ts";
import { RateLimit } from "../api/rate-limit.ts";
import type { Installation } from "../main/installation.ts";
import { Challenges } from "./challenges.ts";

export interface ConsoleHouse {
  readonly settings: ConsoleSettings;
  readonly sessions: Sessions;
  readonly users: ConsoleUsers;
  readonly passkeys: ConsolePasskeys;
  readonly approvals: ConsoleApprovals;
  readonly challenges: Challenges;
  /** Of whoever has not signed in yet, by address. */
  readonly arrivals: RateLimit;
}

/** A person at the console, on one request. */
export interface SignedIn {
  readonly user: ConsoleUser;
  readonly session: Session;
  readonly exchange: Exchange;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Set below /console, for whoever has signed in. */
    signedIn: SignedIn | null;
  }
}

/** One request that was approved: nobody's cookie is asked for, once. */
export interface Errand {
  readonly caller: Caller;
  readonly method: string;
  readonly url: string;
  taken: boolean;
}

/** Set around the request that is made inside this process. */
export const errands: AsyncLocalStorage<Errand> = new AsyncLocalStorage();

const ARRIVALS_PER_SECOND = 5;

/**
 * ASVS 5.0 level 3 limits. Pages and API are one origin and send JSON alone, so that what browsers
 * say of a request is proof enough; a fourth browser ends the oldest session.
 */
const POLICY = {
  extends: "owasp-asvs-l3",
  csrf: "fetch-metadata",
  concurrency: { max: 3, onLimit: "evict-oldest" },
  cookie: { prefix: "__Host-", sameSite: "Strict", persistent: "never" },
} as const;

export interface ConsoleReports {
  readonly onError: (error: unknown) => void;
  readonly warn: (message: string) => void;
  readonly circumstances: () => Circumstances;
}

/** @returns `undefined` where there is no console. */
export function openConsole(
  config: ServerConfig,
  { base, control, audit }: Installation,
  { onError, warn, circumstances }: ConsoleReports,
): ConsoleHouse | undefined {
  const { console: settings, library, secrets, rateLimit } = config;
  if (settings === undefined) return undefined;
  const { production, proxies, forwardedHeader, clock, storeTimeoutMs } = library;
  const { origin } = settings;
  const sessions = createSessions({
    store: base,
    secrets,
    policy: POLICY,
    tenant: CONSOLE_TENANT,
    cookie: { name: "sojourn-console" },
    // The sessions of the service sweep these, too.
    sweep: false,
    ...(origin === undefined ? {} : { csrf: { origins: [origin] } }),
    ...present({ production, proxies, forwardedHeader, clock, storeTimeoutMs }),
    onError,
    warn,
  });
  sessions.events.on("*", (event) => audit.log.event(event, circumstances()));
  return {
    settings,
    sessions,
    users: control.users,
    passkeys: control.passkeys,
    approvals: control.approvals,
    challenges: new Challenges(secrets, control.proofs),
    arrivals: new RateLimit(rateLimit === 0 ? 0 : ARRIVALS_PER_SECOND),
  };
}
