/* Written by npm run clients from the OpenAPI document of the service. */

import { Caller } from "./caller.ts";
import type { CallOptions, MatchOptions, OnceOptions } from "./caller.ts";
import type {
  AccessVerdict,
  Analytics,
  AuditPage,
  BrowserAnswer,
  BrowserRequest,
  Bulk,
  BulkReply,
  CancelOperationReply,
  ChangeSessionBody,
  ChangedSession,
  CreateServiceKeyBody,
  CreateServiceKeyReply,
  EndedSession,
  EraseSubjectBody,
  EraseSubjectReply,
  ExplainPolicyQuery,
  ExplainSessionQuery,
  ExportAuditQuery,
  ExportSubjectReply,
  GetAnalyticsQuery,
  GetLockReply,
  GetOperationReply,
  GetSessionReply,
  GetSubjectReply,
  IssueAccessTokenBody,
  IssueAccessTokenReply,
  IssueRefreshTokenBody,
  IssueRefreshTokenReply,
  LiftLockReply,
  ListAuditQuery,
  ListCookiesQuery,
  ListCookiesReply,
  ListLocksQuery,
  ListOperationsQuery,
  ListOperationsReply,
  ListServiceKeysReply,
  ListSessionsQuery,
  ListSigningKeysReply,
  ListSubjectSessionsQuery,
  ListTenantsQuery,
  ListWebhookDeliveriesQuery,
  LockPage,
  LockSessionBody,
  NewLock,
  NewSession,
  NewTenant,
  NewWebhook,
  NodesHealth,
  OpenedSession,
  Overview,
  PolicyExplained,
  PolicySimulated,
  RefreshDeviceBody,
  RevocationPage,
  RevocationsQuery,
  RevokeServiceKeyReply,
  RevokeSessionBody,
  RevokeSubjectBody,
  RevokeSubjectReply,
  RotateServiceKeyBody,
  RotateServiceKeyReply,
  SessionExplained,
  SessionPage,
  SessionTimelineQuery,
  SetLockReply,
  SimulatePolicyBody,
  StepUpSessionBody,
  TenantChange,
  TenantPage,
  TenantReply,
  UnlockSessionBody,
  Verify,
  VerifyAccessBody,
  VerifyReply,
  WebhookChange,
  WebhookDeleted,
  WebhookDeliveryPage,
  WebhookList,
  WebhookReplay,
  WebhookReplayed,
  WebhookReply,
  WebhookRotation,
  WebhookSecretReply,
  WebhookTest,
} from "./types.ts";

/** One method per operation; each rejects with a `SojournError`. */
export class Operations extends Caller {
  /**
   * Open a session after you authenticated somebody.
   *
   * `POST /v1/sessions`
   */
  openSession(body: NewSession, options?: OnceOptions): Promise<OpenedSession> {
    return this.call({ method: "POST", path: "/v1/sessions", body, once: true }, options);
  }

  /**
   * List sessions, newest first; live ones unless `state` says otherwise.
   *
   * `GET /v1/sessions`
   */
  listSessions(query?: ListSessionsQuery, options?: CallOptions): Promise<SessionPage> {
    return this.call({ method: "GET", path: "/v1/sessions", query }, options);
  }

  /**
   * What is a token worth now? One, or up to 500 at once.
   *
   * `POST /v1/sessions/verify`
   */
  verify(body: Verify, options?: CallOptions): Promise<VerifyReply> {
    return this.call(
      { method: "POST", path: "/v1/sessions/verify", body, repeatable: true },
      options,
    );
  }

  /**
   * An access token (JWT, RFC 9068) of an active session, for one audience.
   *
   * `POST /v1/sessions/{id}/access-token`
   */
  issueAccessToken(
    id: string,
    body: IssueAccessTokenBody,
    options?: CallOptions,
  ): Promise<IssueAccessTokenReply> {
    return this.call(
      {
        method: "POST",
        path: `/v1/sessions/${encodeURIComponent(id)}/access-token`,
        body,
        repeatable: true,
      },
      options,
    );
  }

  /**
   * A refresh token for a client of an active session: used at /oauth/token.
   *
   * `POST /v1/sessions/{id}/refresh-token`
   */
  issueRefreshToken(
    id: string,
    body: IssueRefreshTokenBody,
    options?: OnceOptions,
  ): Promise<IssueRefreshTokenReply> {
    return this.call(
      {
        method: "POST",
        path: `/v1/sessions/${encodeURIComponent(id)}/refresh-token`,
        body,
        once: true,
      },
      options,
    );
  }

  /**
   * What ended lately in this tenant: a snapshot, or what came after `since`.
   *
   * `GET /v1/revocations`
   */
  revocations(query?: RevocationsQuery, options?: CallOptions): Promise<RevocationPage> {
    return this.call({ method: "GET", path: "/v1/revocations", query }, options);
  }

  /**
   * Hand on a browser's request to PATH/register, with the token of its session.
   *
   * `POST /v1/device-bindings/register`
   */
  registerDevice(body: BrowserRequest, options?: CallOptions): Promise<BrowserAnswer> {
    return this.call({ method: "POST", path: "/v1/device-bindings/register", body }, options);
  }

  /**
   * Hand on a request of sojourn-client to PATH/webcrypto, with its session's token.
   *
   * `POST /v1/device-bindings/webcrypto`
   */
  proveDeviceKey(body: BrowserRequest, options?: CallOptions): Promise<BrowserAnswer> {
    return this.call({ method: "POST", path: "/v1/device-bindings/webcrypto", body }, options);
  }

  /**
   * Hand on a browser's request to PATH/refresh: a new bound cookie for a proof.
   *
   * `POST /v1/device-bindings/refresh`
   */
  refreshDevice(body: RefreshDeviceBody, options?: CallOptions): Promise<BrowserAnswer> {
    return this.call({ method: "POST", path: "/v1/device-bindings/refresh", body }, options);
  }

  /**
   * What is a request with an access token worth? Bearer, or DPoP with its proof.
   *
   * `POST /v1/access-tokens/verify`
   */
  verifyAccess(body: VerifyAccessBody, options?: CallOptions): Promise<AccessVerdict> {
    return this.call({ method: "POST", path: "/v1/access-tokens/verify", body }, options);
  }

  /**
   * One session, live or ended; looking never slides a deadline.
   *
   * `GET /v1/sessions/{id}`
   */
  getSession(id: string, options?: CallOptions): Promise<GetSessionReply> {
    return this.call({ method: "GET", path: `/v1/sessions/${encodeURIComponent(id)}` }, options);
  }

  /**
   * Merge data per key; replace roles.
   *
   * `PATCH /v1/sessions/{id}`
   */
  changeSession(
    id: string,
    body: ChangeSessionBody,
    options?: MatchOptions,
  ): Promise<ChangedSession> {
    return this.call(
      { method: "PATCH", path: `/v1/sessions/${encodeURIComponent(id)}`, body },
      options,
    );
  }

  /**
   * End a session now; its row is erased once nothing could replay it.
   *
   * `DELETE /v1/sessions/{id}`
   */
  deleteSession(id: string, options?: CallOptions): Promise<EndedSession> {
    return this.call({ method: "DELETE", path: `/v1/sessions/${encodeURIComponent(id)}` }, options);
  }

  /**
   * End a session now; durable when answered, and idempotent.
   *
   * `POST /v1/sessions/{id}/revoke`
   */
  revokeSession(
    id: string,
    body?: RevokeSessionBody,
    options?: CallOptions,
  ): Promise<EndedSession> {
    return this.call(
      {
        method: "POST",
        path: `/v1/sessions/${encodeURIComponent(id)}/revoke`,
        body,
        repeatable: true,
      },
      options,
    );
  }

  /**
   * The person answered the warning: the idle clock starts anew.
   *
   * `POST /v1/sessions/{id}/extend`
   */
  extendSession(id: string, options?: MatchOptions): Promise<ChangedSession> {
    return this.call(
      { method: "POST", path: `/v1/sessions/${encodeURIComponent(id)}/extend` },
      options,
    );
  }

  /**
   * A new token at once, after a change of rights or credentials.
   *
   * `POST /v1/sessions/{id}/rotate`
   */
  rotateSession(id: string, options?: MatchOptions): Promise<ChangedSession> {
    return this.call(
      { method: "POST", path: `/v1/sessions/${encodeURIComponent(id)}/rotate` },
      options,
    );
  }

  /**
   * Suspend until factors are given again.
   *
   * `POST /v1/sessions/{id}/lock`
   */
  lockSession(id: string, body?: LockSessionBody, options?: MatchOptions): Promise<ChangedSession> {
    return this.call(
      { method: "POST", path: `/v1/sessions/${encodeURIComponent(id)}/lock`, body },
      options,
    );
  }

  /**
   * Lift a lock with the factors you have just checked; a new token.
   *
   * `POST /v1/sessions/{id}/unlock`
   */
  unlockSession(
    id: string,
    body: UnlockSessionBody,
    options?: MatchOptions,
  ): Promise<ChangedSession> {
    return this.call(
      { method: "POST", path: `/v1/sessions/${encodeURIComponent(id)}/unlock`, body },
      options,
    );
  }

  /**
   * Record a factor you have just checked; completes `pending`; a new token.
   *
   * `POST /v1/sessions/{id}/step-up`
   */
  stepUpSession(
    id: string,
    body: StepUpSessionBody,
    options?: MatchOptions,
  ): Promise<ChangedSession> {
    return this.call(
      { method: "POST", path: `/v1/sessions/${encodeURIComponent(id)}/step-up`, body },
      options,
    );
  }

  /**
   * Epoch and number of live sessions.
   *
   * `GET /v1/subjects/{subject}`
   */
  getSubject(subject: string, options?: CallOptions): Promise<GetSubjectReply> {
    return this.call(
      { method: "GET", path: `/v1/subjects/${encodeURIComponent(subject)}` },
      options,
    );
  }

  /**
   * Live sessions of one subject, newest first; none is missing.
   *
   * `GET /v1/subjects/{subject}/sessions`
   */
  listSubjectSessions(
    subject: string,
    query?: ListSubjectSessionsQuery,
    options?: CallOptions,
  ): Promise<SessionPage> {
    return this.call(
      { method: "GET", path: `/v1/subjects/${encodeURIComponent(subject)}/sessions`, query },
      options,
    );
  }

  /**
   * End all sessions of a subject at once; with `except` one stays.
   *
   * `POST /v1/subjects/{subject}/revoke`
   */
  revokeSubject(
    subject: string,
    body?: RevokeSubjectBody,
    options?: CallOptions,
  ): Promise<RevokeSubjectReply> {
    return this.call(
      { method: "POST", path: `/v1/subjects/${encodeURIComponent(subject)}/revoke`, body },
      options,
    );
  }

  /**
   * Audit entries of the tenant, newest first.
   *
   * `GET /v1/audit`
   */
  listAudit(query?: ListAuditQuery, options?: CallOptions): Promise<AuditPage> {
    return this.call({ method: "GET", path: "/v1/audit", query }, options);
  }

  /**
   * All audit entries of the tenant that match, oldest first, one on a line.
   *
   * `GET /v1/audit/export`
   */
  exportAudit(query?: ExportAuditQuery, options?: CallOptions): Promise<string> {
    return this.call({ method: "GET", path: "/v1/audit/export", query, text: true }, options);
  }

  /**
   * Every clock and rule of a session: why it is active, or why it ended.
   *
   * `GET /v1/sessions/{id}/explain`
   */
  explainSession(
    id: string,
    query?: ExplainSessionQuery,
    options?: CallOptions,
  ): Promise<SessionExplained> {
    return this.call(
      { method: "GET", path: `/v1/sessions/${encodeURIComponent(id)}/explain`, query },
      options,
    );
  }

  /**
   * Audit entries of one session, newest first.
   *
   * `GET /v1/sessions/{id}/timeline`
   */
  sessionTimeline(
    id: string,
    query?: SessionTimelineQuery,
    options?: CallOptions,
  ): Promise<AuditPage> {
    return this.call(
      { method: "GET", path: `/v1/sessions/${encodeURIComponent(id)}/timeline`, query },
      options,
    );
  }

  /**
   * Live sessions now; sign-ins and ends of the last 24 hours, by hour of UTC.
   *
   * `GET /v1/overview`
   */
  overview(options?: CallOptions): Promise<Overview> {
    return this.call({ method: "GET", path: "/v1/overview" }, options);
  }

  /**
   * Stores, this process, and whether every process knows what was acknowledged.
   *
   * `GET /v1/health/nodes`
   */
  nodesHealth(options?: CallOptions): Promise<NodesHealth> {
    return this.call({ method: "GET", path: "/v1/health/nodes" }, options);
  }

  /**
   * Service keys of the tenant, newest first; at most 1000.
   *
   * `GET /v1/keys`
   */
  listServiceKeys(options?: CallOptions): Promise<ListServiceKeysReply> {
    return this.call({ method: "GET", path: "/v1/keys" }, options);
  }

  /**
   * Make a service key of the tenant; it may do no more than whoever makes it.
   *
   * `POST /v1/keys`
   */
  createServiceKey(
    body: CreateServiceKeyBody,
    options?: OnceOptions,
  ): Promise<CreateServiceKeyReply> {
    return this.call({ method: "POST", path: "/v1/keys", body, once: true }, options);
  }

  /**
   * Which cryptographic keys the installation has, and what for.
   *
   * `GET /v1/signing-keys`
   */
  listSigningKeys(options?: CallOptions): Promise<ListSigningKeysReply> {
    return this.call({ method: "GET", path: "/v1/signing-keys" }, options);
  }

  /**
   * A new key under the same name, tenant and scopes.
   *
   * `POST /v1/keys/{id}/rotate`
   */
  rotateServiceKey(
    id: string,
    body?: RotateServiceKeyBody,
    options?: OnceOptions,
  ): Promise<RotateServiceKeyReply> {
    return this.call(
      { method: "POST", path: `/v1/keys/${encodeURIComponent(id)}/rotate`, body, once: true },
      options,
    );
  }

  /**
   * End a service key; idempotent, and counts everywhere within a second.
   *
   * `POST /v1/keys/{id}/revoke`
   */
  revokeServiceKey(id: string, options?: CallOptions): Promise<RevokeServiceKeyReply> {
    return this.call(
      { method: "POST", path: `/v1/keys/${encodeURIComponent(id)}/revoke` },
      options,
    );
  }

  /**
   * Every limit that holds for the tenant, where it comes from, and the presets.
   *
   * `GET /v1/policy`
   */
  explainPolicy(query?: ExplainPolicyQuery, options?: CallOptions): Promise<PolicyExplained> {
    return this.call({ method: "GET", path: "/v1/policy", query }, options);
  }

  /**
   * Replay recorded history against another policy: who would have been signed out.
   *
   * `POST /v1/policy/simulate`
   */
  simulatePolicy(body: SimulatePolicyBody, options?: CallOptions): Promise<PolicySimulated> {
    return this.call({ method: "POST", path: "/v1/policy/simulate", body }, options);
  }

  /**
   * Everything that is kept of a subject, as one JSON document.
   *
   * `GET /v1/subjects/{subject}/export`
   */
  exportSubject(subject: string, options?: CallOptions): Promise<ExportSubjectReply> {
    return this.call(
      { method: "GET", path: `/v1/subjects/${encodeURIComponent(subject)}/export` },
      options,
    );
  }

  /**
   * End all sessions of a subject and forget it, in every store and in the trail.
   *
   * `POST /v1/subjects/{subject}/erase`
   */
  eraseSubject(
    subject: string,
    body: EraseSubjectBody,
    options?: CallOptions,
  ): Promise<EraseSubjectReply> {
    return this.call(
      { method: "POST", path: `/v1/subjects/${encodeURIComponent(subject)}/erase`, body },
      options,
    );
  }

  /**
   * Which cookies there are, what for and for how long.
   *
   * `GET /v1/cookies`
   */
  listCookies(query?: ListCookiesQuery, options?: CallOptions): Promise<ListCookiesReply> {
    return this.call({ method: "GET", path: "/v1/cookies", query }, options);
  }

  /**
   * All tenants of the installation, by id; erased ones too.
   *
   * `GET /v1/tenants`
   */
  listTenants(query?: ListTenantsQuery, options?: CallOptions): Promise<TenantPage> {
    return this.call({ method: "GET", path: "/v1/tenants", query }, options);
  }

  /**
   * Make a tenant, with a key of its own.
   *
   * `POST /v1/tenants`
   */
  createTenant(body: NewTenant, options?: OnceOptions): Promise<TenantReply> {
    return this.call({ method: "POST", path: "/v1/tenants", body, once: true }, options);
  }

  /**
   * One tenant: state, policy, quotas and what it uses of them.
   *
   * `GET /v1/tenants/{tenant}`
   */
  getTenant(tenant: string, options?: CallOptions): Promise<TenantReply> {
    return this.call({ method: "GET", path: `/v1/tenants/${encodeURIComponent(tenant)}` }, options);
  }

  /**
   * Change name, policy or quotas.
   *
   * `PATCH /v1/tenants/{tenant}`
   */
  changeTenant(tenant: string, body: TenantChange, options?: MatchOptions): Promise<TenantReply> {
    return this.call(
      { method: "PATCH", path: `/v1/tenants/${encodeURIComponent(tenant)}`, body },
      options,
    );
  }

  /**
   * Refuse all of its requests within a second; nothing ends.
   *
   * `POST /v1/tenants/{tenant}/suspend`
   */
  suspendTenant(tenant: string, options?: MatchOptions): Promise<TenantReply> {
    return this.call(
      { method: "POST", path: `/v1/tenants/${encodeURIComponent(tenant)}/suspend` },
      options,
    );
  }

  /**
   * Serve it again; all is as it was.
   *
   * `POST /v1/tenants/{tenant}/resume`
   */
  resumeTenant(tenant: string, options?: MatchOptions): Promise<TenantReply> {
    return this.call(
      { method: "POST", path: `/v1/tenants/${encodeURIComponent(tenant)}/resume` },
      options,
    );
  }

  /**
   * Destroy its key, end its service keys, purge all of it; for good, and idempotent.
   *
   * `POST /v1/tenants/{tenant}/erase`
   */
  eraseTenant(tenant: string, options?: MatchOptions): Promise<TenantReply> {
    return this.call(
      { method: "POST", path: `/v1/tenants/${encodeURIComponent(tenant)}/erase` },
      options,
    );
  }

  /**
   * Locks that hold, newest first.
   *
   * `GET /v1/locks`
   */
  listLocks(query?: ListLocksQuery, options?: CallOptions): Promise<LockPage> {
    return this.call({ method: "GET", path: "/v1/locks", query }, options);
  }

  /**
   * Keep a subject, device, client, network, session or the tenant out.
   *
   * `POST /v1/locks`
   */
  setLock(body: NewLock, options?: OnceOptions): Promise<SetLockReply> {
    return this.call({ method: "POST", path: "/v1/locks", body, once: true }, options);
  }

  /**
   * One lock that holds.
   *
   * `GET /v1/locks/{id}`
   */
  getLock(id: string, options?: CallOptions): Promise<GetLockReply> {
    return this.call({ method: "GET", path: `/v1/locks/${encodeURIComponent(id)}` }, options);
  }

  /**
   * Lift a lock: new sessions open again, ended ones stay ended.
   *
   * `DELETE /v1/locks/{id}`
   */
  liftLock(id: string, options?: CallOptions): Promise<LiftLockReply> {
    return this.call({ method: "DELETE", path: `/v1/locks/${encodeURIComponent(id)}` }, options);
  }

  /**
   * Act on every session that a filter matches: first a dry run, then an operation.
   *
   * `POST /v1/bulk`
   */
  bulk(body: Bulk, options?: OnceOptions): Promise<BulkReply> {
    return this.call({ method: "POST", path: "/v1/bulk", body, once: true }, options);
  }

  /**
   * Operations of the tenant, newest first; kept for 30 days.
   *
   * `GET /v1/operations`
   */
  listOperations(query?: ListOperationsQuery, options?: CallOptions): Promise<ListOperationsReply> {
    return this.call({ method: "GET", path: "/v1/operations", query }, options);
  }

  /**
   * How far an operation is.
   *
   * `GET /v1/operations/{id}`
   */
  getOperation(id: string, options?: CallOptions): Promise<GetOperationReply> {
    return this.call({ method: "GET", path: `/v1/operations/${encodeURIComponent(id)}` }, options);
  }

  /**
   * Stop an operation; what it has done stays done.
   *
   * `POST /v1/operations/{id}/cancel`
   */
  cancelOperation(id: string, options?: CallOptions): Promise<CancelOperationReply> {
    return this.call(
      { method: "POST", path: `/v1/operations/${encodeURIComponent(id)}/cancel`, repeatable: true },
      options,
    );
  }

  /**
   * Webhooks of the tenant; never their secrets.
   *
   * `GET /v1/webhooks`
   */
  listWebhooks(options?: CallOptions): Promise<WebhookList> {
    return this.call({ method: "GET", path: "/v1/webhooks" }, options);
  }

  /**
   * Send the tenant's events to a URL.
   *
   * `POST /v1/webhooks`
   */
  createWebhook(body: NewWebhook, options?: OnceOptions): Promise<WebhookSecretReply> {
    return this.call({ method: "POST", path: "/v1/webhooks", body, once: true }, options);
  }

  /**
   * One webhook.
   *
   * `GET /v1/webhooks/{id}`
   */
  getWebhook(id: string, options?: CallOptions): Promise<WebhookReply> {
    return this.call({ method: "GET", path: `/v1/webhooks/${encodeURIComponent(id)}` }, options);
  }

  /**
   * Change where, what, or whether.
   *
   * `PATCH /v1/webhooks/{id}`
   */
  changeWebhook(id: string, body: WebhookChange, options?: MatchOptions): Promise<WebhookReply> {
    return this.call(
      { method: "PATCH", path: `/v1/webhooks/${encodeURIComponent(id)}`, body },
      options,
    );
  }

  /**
   * Remove it, and all of its deliveries.
   *
   * `DELETE /v1/webhooks/{id}`
   */
  deleteWebhook(id: string, options?: MatchOptions): Promise<WebhookDeleted> {
    return this.call({ method: "DELETE", path: `/v1/webhooks/${encodeURIComponent(id)}` }, options);
  }

  /**
   * What is sent, was sent, and could not be; newest first.
   *
   * `GET /v1/webhooks/{id}/deliveries`
   */
  listWebhookDeliveries(
    id: string,
    query?: ListWebhookDeliveriesQuery,
    options?: CallOptions,
  ): Promise<WebhookDeliveryPage> {
    return this.call(
      { method: "GET", path: `/v1/webhooks/${encodeURIComponent(id)}/deliveries`, query },
      options,
    );
  }

  /**
   * A new secret; for a while both sign.
   *
   * `POST /v1/webhooks/{id}/rotate-secret`
   */
  rotateWebhookSecret(
    id: string,
    body: WebhookRotation,
    options?: MatchOptions,
  ): Promise<WebhookSecretReply> {
    return this.call(
      { method: "POST", path: `/v1/webhooks/${encodeURIComponent(id)}/rotate-secret`, body },
      options,
    );
  }

  /**
   * Send one message `webhook-test` now, and say what came of it.
   *
   * `POST /v1/webhooks/{id}/test`
   */
  testWebhook(id: string, options?: CallOptions): Promise<WebhookTest> {
    return this.call(
      { method: "POST", path: `/v1/webhooks/${encodeURIComponent(id)}/test` },
      options,
    );
  }

  /**
   * Send again: one delivery, all that are dead, or all of a time.
   *
   * `POST /v1/webhooks/{id}/replay`
   */
  replayWebhook(id: string, body: WebhookReplay, options?: CallOptions): Promise<WebhookReplayed> {
    return this.call(
      { method: "POST", path: `/v1/webhooks/${encodeURIComponent(id)}/replay`, body },
      options,
    );
  }

  /**
   * Sign-ins, renewals, ends, durations and live sessions by hour or day.
   *
   * `GET /v1/analytics`
   */
  getAnalytics(query?: GetAnalyticsQuery, options?: CallOptions): Promise<Analytics> {
    return this.call({ method: "GET", path: "/v1/analytics", query }, options);
  }
}
