/**
 * What every operation of the service takes that may belong to another tenant, and how it is asked
 * at all. A new operation, or a new member of one, has its line here or the crossing test fails.
 */
import { randomBytes } from "node:crypto";
import type { Json } from "../integration/service-harness.ts";

export const AUDIENCE = "https://api.example";
/** The confidential client of the asking tenant; the others make their tokens for it, too. */
export const CLIENT = "crossing-client";

/** One session of a tenant with all that follows from it; made anew for every request. */
export interface Holding {
  readonly id: string;
  readonly token: string;
  readonly subject: string;
  readonly device: string;
  readonly etag: string;
  /** Of the name of a service key of the tenant. */
  readonly actor: string;
  /** Used on the way to the session. */
  readonly idempotencyKey: string;
  readonly cursor: () => Promise<string>;
  readonly auditCursor: () => Promise<string>;
  readonly subjectCursor: () => Promise<string>;
  readonly accessToken: () => Promise<string>;
  readonly refreshToken: () => Promise<string>;
  /** Of a subject that nobody is. */
  readonly lock: () => Promise<string>;
  readonly webhook: () => Promise<string>;
  readonly operation: () => Promise<string>;
  readonly serviceKey: () => Promise<string>;
  /** An access token whose session has ended. */
  readonly endedToken: () => Promise<string>;
}

/** A value of the other tenant, and one of the same form that is nobody's. */
export interface Crossed {
  readonly theirs: (other: Holding) => unknown;
  readonly nobodys: (own: Holding) => unknown;
}

function random(bytes: number): string {
  return randomBytes(bytes).toString("base64url");
}

/** Our form and our key id, and not made by us: one character of its MAC is another. */
export function forged(token: string): string {
  const place = token.length - 10;
  const other = token[place] === "A" ? "B" : "A";
  return token.slice(0, place) + other + token.slice(place + 1);
}

const handle: Crossed = { theirs: ({ id }) => id, nobodys: () => `ses_${random(18)}` };
/** Whoever is named twice in one request is named the same. */
const subject: Crossed = {
  theirs: (other) => other.subject,
  nobodys: (own) => `nobody-${own.subject}`,
};
const token: Crossed = { theirs: (other) => other.token, nobodys: (own) => forged(own.token) };
const webhook: Crossed = {
  theirs: (other) => other.webhook(),
  nobodys: () => `whk_${random(18)}`,
};
const operation: Crossed = {
  theirs: (other) => other.operation(),
  nobodys: () => `op_${random(18)}`,
};
const serviceKey: Crossed = { theirs: (other) => other.serviceKey(), nobodys: () => random(18) };
const lock: Crossed = { theirs: (other) => other.lock(), nobodys: () => `lck_${random(18)}` };
const listCursor: Crossed = { theirs: (other) => other.cursor(), nobodys: () => random(24) };
/** Headers that a back end hands on for its browser. */
const relayed: Crossed = {
  theirs: ({ id, token: cookie }) => relayedHeaders(id, cookie),
  nobodys: (own) => relayedHeaders(`ses_${random(18)}`, forged(own.token)),
};

function relayedHeaders(id: string, cookie: string): Json {
  return { "sec-secure-session-id": `"${id}"`, cookie: `session=${cookie}` };
}

/** By the name of a parameter or of a member of a body, wherever it is. */
export const CROSSED: Readonly<Record<string, Crossed>> = {
  id: handle,
  session: handle,
  except: handle,
  parent: handle,
  subject,
  confirm: subject,
  token,
  tokens: {
    theirs: (other) => [other.token],
    nobodys: (own) => [forged(own.token)],
  },
  device: { theirs: (other) => other.device, nobodys: () => `d-${random(12)}` },
  actor: { theirs: (other) => other.actor, nobodys: () => `key:k-${random(9)}` },
  cursor: listCursor,
  headers: relayed,
  authorization: {
    theirs: async (other) => `Bearer ${await other.accessToken()}`,
    nobodys: async (own) => `Bearer ${forged(await own.accessToken())}`,
  },
  refresh_token: {
    theirs: (other) => other.refreshToken(),
    nobodys: async (own) => forged(await own.refreshToken()),
  },
  tenant: { theirs: () => OTHERS, nobodys: () => `t-${random(6)}` },
};
export const OTHERS = "crossing-others";

/** Names that belong to nobody: spans, numbers, words of the caller's own. */
export const PLAIN: ReadonlySet<string> = new Set(
  (
    "kind amr acr remember pending data clientId roles subjectEpoch client state createdFrom " +
    "createdBefore limit count activity canSetToken require fields cause factors unproven audience " +
    "scope cnf nonce wait from to format name policy quotas method url dpop maxAge " +
    // Judged against the session of the request, and nothing is looked up by them.
    "boundCookie skipped https " +
    // A place in the log of the installation; what is told behind it is the asking tenant's alone.
    "message reason expiresAt address agent role sort confirm action filter dryRun events " +
    "description enabled overlap delivery dead step scopes overlapSeconds reveal use " +
    "since grant_type resource client_id token_type_hint"
  ).split(" "),
);

/** Whose credential an operation is asked with. */
export type As = "nobody" | "key" | "cookie" | "client";

export interface Recipe {
  readonly as: As;
  /** What it cannot be asked without; of the asking tenant. */
  readonly body?: (own: Holding) => Json;
  readonly query?: Readonly<Record<string, string>>;
  /** Members of a form, which the document does not list. */
  readonly form?: (own: Holding) => Promise<Readonly<Record<string, string>>>;
  /** Members that mean something else here than elsewhere; `null`: nothing of anybody. */
  readonly slots?: Readonly<Record<string, Crossed | null>>;
  /** It does not end by itself: asked only with credentials that it refuses. */
  readonly endless?: true;
}

const accessToken: Crossed = {
  theirs: (other) => other.accessToken(),
  nobodys: async (own) => forged(await own.accessToken()),
};

const endedToken: Crossed = {
  theirs: async (other) => `Bearer ${await other.endedToken()}`,
  nobodys: async (own) => `Bearer ${forged(await own.endedToken())}`,
};
const access: Recipe = {
  as: "key",
  body: () => ({ audience: AUDIENCE, method: "GET", url: `${AUDIENCE}/x`, authorization: "" }),
};

const nobody: Recipe = { as: "nobody" };
const key: Recipe = { as: "key" };
const cookie: Recipe = { as: "cookie" };
const factor: Recipe = { as: "key", body: () => ({ amr: ["otp"] }) };
const client = { audience: AUDIENCE, clientId: CLIENT };
const ofToken: Recipe = {
  as: "client",
  form: async (own) => ({ token: own.token }),
};

/** By operationId. */
export const RECIPES: Readonly<Record<string, Recipe | readonly Recipe[]>> = {
  page: nobody,
  openApi: nobody,
  healthz: nobody,
  readyz: nobody,
  jwks: nobody,
  registeringOrigins: nobody,
  oauthMetadata: nobody,
  oauthToken: {
    as: "client",
    form: async (own) => ({
      grant_type: "refresh_token",
      refresh_token: await own.refreshToken(),
    }),
  },
  oauthRevoke: {
    ...ofToken,
    slots: { token: CROSSED["refresh_token"] ?? null },
  },
  oauthIntrospect: [
    ofToken,
    { ...ofToken, slots: { token: CROSSED["refresh_token"] ?? null } },
    { ...ofToken, slots: { token: accessToken } },
  ],
  openSession: {
    as: "key",
    body: (own) => ({ subject: `${own.subject}-new`, amr: ["pwd"] }),
    // How it is shown, and who opens it: words of the caller.
    slots: { device: null, actor: null },
  },
  verify: { as: "key", body: (own) => ({ token: own.token }) },
  listSessions: key,
  getSession: key,
  changeSession: { as: "key", body: () => ({ data: { seen: true } }) },
  deleteSession: key,
  revokeSession: { as: "key", slots: { actor: null } },
  extendSession: key,
  rotateSession: key,
  lockSession: key,
  unlockSession: factor,
  stepUpSession: factor,
  getSubject: key,
  listSubjectSessions: {
    as: "key",
    slots: { cursor: { ...listCursor, theirs: (other) => other.subjectCursor() } },
  },
  exportSubject: key,
  eraseSubject: { as: "key", body: (own) => ({ confirm: own.subject }) },
  listCookies: key,
  revokeSubject: { as: "key", slots: { actor: null } },
  issueAccessToken: { as: "key", body: () => client },
  issueRefreshToken: { as: "key", body: () => client },
  revocations: key,
  registerDevice: { as: "key", body: (own) => ({ token: own.token, headers: {} }) },
  proveDeviceKey: { as: "key", body: (own) => ({ token: own.token, headers: {} }) },
  refreshDevice: { as: "key", body: () => ({ headers: {} }) },
  verifyAccess: [access, { ...access, slots: { authorization: endedToken } }],
  listAudit: {
    as: "key",
    slots: { cursor: { ...listCursor, theirs: (other) => other.auditCursor() } },
  },
  exportAudit: key,
  // With a key that lacks the scope; one that has it may name others, and that is what it is for.
  listLocks: { as: "key", slots: { value: subject } },
  setLock: [
    {
      as: "key",
      body: (own) => ({ kind: "subject", value: `${own.subject}-out`, message: "kept out" }),
      slots: { value: subject },
    },
    {
      as: "key",
      body: (own) => ({ kind: "session", value: own.id, message: "kept out" }),
      slots: { value: handle },
    },
  ],
  getLock: { as: "key", slots: { id: lock } },
  liftLock: { as: "key", slots: { id: lock } },
  bulk: {
    as: "key",
    body: (own) => ({ action: "revoke", filter: { subject: own.subject }, dryRun: true }),
    // A list of those that stay.
    slots: { except: null, token: null },
  },
  listOperations: key,
  getOperation: { as: "key", slots: { id: operation } },
  cancelOperation: { as: "key", slots: { id: operation } },
  createWebhook: { as: "key", body: () => ({ url: "https://example.com/hook" }) },
  listWebhooks: key,
  getWebhook: { as: "key", slots: { id: webhook } },
  changeWebhook: { as: "key", body: () => ({ events: [] }), slots: { id: webhook } },
  deleteWebhook: { as: "key", slots: { id: webhook } },
  listWebhookDeliveries: { as: "key", slots: { id: webhook } },
  rotateWebhookSecret: { as: "key", body: () => ({}), slots: { id: webhook } },
  testWebhook: { as: "key", body: () => ({}), slots: { id: webhook } },
  replayWebhook: { as: "key", body: () => ({ dead: true }), slots: { id: webhook } },
  getAnalytics: key,
  listServiceKeys: key,
  listSigningKeys: key,
  createServiceKey: {
    as: "key",
    body: () => ({ name: `k-${random(9)}`, scopes: ["sessions:read"] }),
  },
  rotateServiceKey: { as: "key", body: () => ({}), slots: { id: serviceKey } },
  revokeServiceKey: { as: "key", slots: { id: serviceKey } },
  explainSession: key,
  sessionTimeline: key,
  overview: key,
  nodesHealth: key,
  explainPolicy: key,
  simulatePolicy: { as: "key", body: () => ({ policy: "banking" }) },
  listTenants: key,
  createTenant: {
    as: "key",
    body: () => ({ id: "new" }),
    slots: { id: CROSSED["tenant"] ?? null },
  },
  getTenant: key,
  changeTenant: key,
  suspendTenant: key,
  resumeTenant: key,
  eraseTenant: key,
  registerOwnDevice: cookie,
  refreshOwnDevice: cookie,
  forwardAuth: cookie,
  peek: cookie,
  logout: cookie,
  readOwnData: cookie,
  changeOwnData: { as: "cookie", body: () => ({ seen: true }) },
  touch: cookie,
  extend: cookie,
  refresh: cookie,
  listOwnSessions: cookie,
  endOwnSession: cookie,
  stream: { as: "cookie", endless: true },
};
