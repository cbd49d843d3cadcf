/**
 * Both endpoints of device-bound sessions: one takes a key, the other renews the bound cookie for a
 * proof. Whatever is wrong with a proof, refresh answers 403 with a challenge; trouble is 503. A
 * browser takes any other answer for the end of the session.
 */
import { answerChallenge, BIND_WITHIN_MS, bindKey } from "../engine/binding.ts";
import { SessionEndedError, SojournError } from "../engine/errors.ts";
import type { SessionRecord, SessionSummary } from "../engine/record.ts";
import { serializeCookie } from "../http/cookie.ts";
import { NO_STORE } from "../http/headers.ts";
import { handleOf, idOfHandle } from "../protocol/words.ts";
import { configurationOf, terminationOf } from "../tokens/dbsc/configuration.ts";
import {
  CHALLENGE_HEADER,
  challengeHeader,
  readText,
  RESPONSE_HEADER,
  SESSION_ID_HEADER,
} from "../tokens/dbsc/headers.ts";
import { isSignedBy, proofKey, readProof } from "../tokens/dbsc/proof.ts";
import type { UnprovedProof } from "../tokens/dbsc/proof.ts";
import type { ProofFlaw } from "../tokens/dbsc/words.ts";
import type { DbscRules } from "./binding-rules.ts";
import { nonce } from "./bound-requests.ts";
import type { Core } from "./core.ts";
import { subjectOf } from "./lifecycle.ts";
import type { RequestView } from "./request-view.ts";

/** To be sent as it is. */
export interface BindingAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Finds the session of a request by its cookie, as any request does. */
export type SessionFinder = (view: RequestView) => Promise<SessionSummary | undefined>;

interface DeskParts {
  readonly core: Core;
  readonly tenant: string;
  readonly rules: DbscRules;
  readonly find: SessionFinder;
}

/** Nobody frames it, embeds it or reads it from elsewhere, and no cache keeps it. */
const GUARDS = {
  "cache-control": NO_STORE,
  "cross-origin-resource-policy": "same-origin",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
};
const RETRY_AFTER_SECONDS = "1";
const ORIGIN = /^https:\/\/[A-Za-z0-9.[\]:-]+$/;

export class BindingDesk {
  readonly #core: Core;
  readonly #tenant: string;
  readonly #rules: DbscRules;
  readonly #find: SessionFinder;

  constructor({ core, tenant, rules, find }: DeskParts) {
    this.#core = core;
    this.#tenant = tenant;
    this.#rules = rules;
    this.#find = find;
  }

  /** @returns `undefined` for a request to any other path. */
  async answer(view: RequestView): Promise<BindingAnswer | undefined> {
    const [path] = view.path.split("?");
    const { registerPath, refreshPath } = this.#rules;
    if (path !== registerPath && path !== refreshPath) return undefined;
    if (view.method !== "POST") return refusal(405, { allow: "POST" });
    try {
      return await (path === registerPath ? this.#register(view) : this.#refresh(view));
    } catch (error) {
      if (!(error instanceof SojournError)) this.#core.reportError(error);
      return refusal(503, { "retry-after": RETRY_AFTER_SECONDS });
    }
  }

  async #register(view: RequestView): Promise<BindingAnswer> {
    // Not a browser's own registration: those come from the page that signed in.
    const site = view.header("sec-fetch-site");
    if (site !== undefined && site !== "same-origin") return refusal(403);
    const session = await this.#find(view);
    const text = readText(view.header(RESPONSE_HEADER));
    if (session === undefined || text === undefined) return refusal(403);
    const proof = readProof(text, "register");
    const flaw = typeof proof === "string" ? proof : await this.#bringsFlaw(proof, session, view);
    if (typeof proof === "string" || typeof flaw === "string" || proof.key === undefined) {
      return this.#refused(session, flaw ?? "key", "register");
    }
    const key = { tier: "dbsc" as const, ...(await proofKey(proof.key)) };
    let bound = false;
    const stored = await this.#core.decide(session, "bind", ({ stored: { record }, ...loaded }) => {
      const next =
        loaded.judgement.state === "locked" ? undefined : bindKey(record, key, loaded.now);
      bound = next !== undefined;
      return next === record ? undefined : next;
    });
    if (!bound) return this.#refused(session, "key", "register");
    const { tier, thumbprint } = key;
    this.#core.emit("session-bound", { ...subjectOf(stored.record), tier, thumbprint });
    return this.#granted(stored.record, view);
  }

  /** What is wrong with a proof of this session's login, its signature last. */
  async #bringsFlaw(
    proof: UnprovedProof,
    session: SessionSummary,
    view: RequestView,
  ): Promise<ProofFlaw | undefined> {
    const { marks } = await this.#core.keys();
    const challenge = await marks.read("register", session, proof.challenge);
    const late = challenge !== undefined && this.#core.now() - challenge.at > BIND_WITHIN_MS;
    if (challenge === undefined || late) return "challenge";
    const login = await marks.read("authorization", session, proof.authorization ?? "");
    if (login?.at !== session.assurance.authTime) return "authorization";
    const here = originOf(view) + this.#rules.registerPath;
    if (proof.audience !== undefined && proof.audience !== here) return "audience";
    if (proof.key === undefined) return "key";
    return (await isSignedBy(proof, proof.key)) ? undefined : "signature";
  }

  async #refresh(view: RequestView): Promise<BindingAnswer> {
    const handle = readText(view.header(SESSION_ID_HEADER));
    const id = handle === undefined ? undefined : idOfHandle(handle);
    if (handle === undefined || id === undefined) return refusal(400);
    const loaded = await this.#core.inspect({ tenant: this.#tenant, id });
    const binding = loaded?.stored.record.binding;
    const over = loaded === undefined || loaded.judgement.state === "ended";
    // Ended, unknown, or bound no more: the browser forgets it, and no cookie leaves.
    if (over || binding?.tier !== "dbsc") return terminated(handle);
    try {
      return await this.#renew(loaded.stored.record, view);
    } catch (error) {
      // A logout that landed meanwhile.
      if (error instanceof SessionEndedError) return terminated(handle);
      throw error;
    }
  }

  async #renew(record: SessionRecord, view: RequestView): Promise<BindingAnswer> {
    const header = view.header(RESPONSE_HEADER);
    if (header === undefined) return this.#challenged(record);
    const proof = readProof(readText(header) ?? "", "refresh");
    const answered = typeof proof === "string" ? proof : await this.#answered(record, proof);
    if (typeof answered === "string") return this.#refused(record, answered, "refresh");
    return this.#granted(answered, view);
  }

  /** Use the challenge up, once the stored key has signed for it. */
  async #answered(record: SessionRecord, proof: UnprovedProof): Promise<SessionRecord | ProofFlaw> {
    const { marks } = await this.#core.keys();
    const { tenant, id, binding } = record;
    const place = { tenant, id, thumbprint: binding?.thumbprint };
    const challenge = await marks.read("refresh", place, proof.challenge);
    if (challenge === undefined) return "challenge";
    if (binding === undefined || !(await isSignedBy(proof, binding.key))) return "signature";
    let open = false;
    const stored = await this.#core.decide(record, "prove", ({ stored: now, ...loaded }) => {
      const same = now.record.binding?.thumbprint === binding.thumbprint;
      const next = same ? answerChallenge(now.record, challenge, loaded.now) : undefined;
      open = next !== undefined;
      return next;
    });
    return open ? stored.record : "challenge_used";
  }

  async #granted(record: SessionRecord, view: RequestView): Promise<BindingAnswer> {
    const { binding } = record;
    const { marks } = await this.#core.keys();
    const now = this.#core.now();
    const ttlMs = this.#core.policyOf(record).boundTokenTtlMs;
    const at = Math.min(now + ttlMs, record.absoluteExpiresAt);
    const { tenant, id } = record;
    const place = { tenant, id, thumbprint: binding?.thumbprint };
    const mark = { at, count: binding?.proofs ?? 0, nonce: nonce(this.#core) };
    const { cookie, refreshPath } = this.#rules;
    const value = await marks.make("cookie", place, mark);
    const sessionIdentifier = handleOf(id);
    const attributes = cookie.attributes.replace(/^; /, "");
    return {
      status: 200,
      headers: {
        ...GUARDS,
        "content-type": "application/json",
        "set-cookie": serializeCookie(cookie, value, { maxAgeMs: at - now }),
        [CHALLENGE_HEADER]: await this.#challenge(record),
      },
      body: configurationOf({
        sessionIdentifier,
        refreshPath,
        origin: originOf(view),
        cookie: { name: cookie.name, attributes },
      }),
    };
  }

  async #challenge(record: SessionRecord): Promise<string> {
    const { marks } = await this.#core.keys();
    const { tenant, id, binding } = record;
    const place = { tenant, id, thumbprint: binding?.thumbprint };
    const mark = { at: this.#core.now(), count: binding?.proofs ?? 0, nonce: nonce(this.#core) };
    return challengeHeader(await marks.make("refresh", place, mark), handleOf(id));
  }

  async #challenged(record: SessionRecord): Promise<BindingAnswer> {
    return refusal(403, { [CHALLENGE_HEADER]: await this.#challenge(record) });
  }

  /** One answer for every flaw; which one it was is for listeners alone. */
  async #refused(
    session: SessionSummary,
    why: ProofFlaw,
    stage: "register" | "refresh",
  ): Promise<BindingAnswer> {
    const { tenant, id, subject } = session;
    const who = { tenant, session: id, ...(subject === null ? {} : { subject }) };
    this.#core.emit("proof-refused", { ...who, why, stage });
    if (stage === "register") return refusal(403);
    const loaded = await this.#core.inspectLive(session);
    return this.#challenged(loaded.stored.record);
  }
}

function refusal(status: number, headers: Readonly<Record<string, string>> = {}): BindingAnswer {
  return { status, headers: { ...GUARDS, ...headers }, body: "" };
}

function terminated(sessionIdentifier: string): BindingAnswer {
  const headers = { ...GUARDS, "content-type": "application/json" };
  return { status: 200, headers, body: terminationOf(sessionIdentifier) };
}

/** As the browser says it; what is behind a proxy may know another host. */
function originOf(view: RequestView): string {
  const origin = view.header("origin");
  return origin !== undefined && ORIGIN.test(origin) ? origin : `https://${view.header("host")}`;
}
