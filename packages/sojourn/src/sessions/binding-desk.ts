/**
 * The endpoints of device-bound sessions: one takes a key, the other renews the bound cookie for a
 * proof. Whatever is wrong with a proof, refresh answers 403 with a challenge; trouble is 503. A
 * browser takes any other answer for the end of the session.
 */
import { BIND_WITHIN_MS } from "../engine/binding.ts";
import { CrossSiteError, SessionEndedError, SojournError } from "../engine/errors.ts";
import type { SessionRecord, SessionSummary } from "../engine/record.ts";
import { handleOf, idOfHandle } from "../protocol/words.ts";
import {
  configurationOf,
  terminationOf,
  WELL_KNOWN_PATH,
  wellKnownOf,
} from "../tokens/dbsc/configuration.ts";
import {
  CHALLENGE_HEADER,
  readText,
  REGISTRATION_HEADER,
  RESPONSE_HEADER,
  SESSION_ID_HEADER,
} from "../tokens/dbsc/headers.ts";
import { isSignedBy, proofKey, readProof } from "../tokens/dbsc/proof.ts";
import type { UnprovedProof } from "../tokens/dbsc/proof.ts";
import type { ProofFlaw } from "../tokens/dbsc/words.ts";
import { isFromHere, originOf, refusal, told, troubled } from "./binding-answers.ts";
import type { BindingAnswer } from "./binding-answers.ts";
import type { DbscRules } from "./binding-rules.ts";
import { boundCookie, refuseProof, takeKey, useChallenge } from "./binding-steps.ts";
import { offerBinding, refreshChallenge } from "./bound-requests.ts";
import type { Core } from "./core.ts";
import type { RequestView } from "./request-view.ts";
import { WebcryptoDesk } from "./webcrypto-desk.ts";

export type BindingStage = "register" | "refresh" | "webcrypto";

/** Finds the session of a request by its cookie, as any request does. Rejects for trouble. */
export type SessionFinder = (view: RequestView) => Promise<SessionSummary | undefined>;

interface DeskParts {
  readonly core: Core;
  readonly tenant: string;
  readonly rules: DbscRules;
  readonly find: SessionFinder;
}

export class BindingDesk {
  readonly #core: Core;
  readonly #tenant: string;
  readonly #rules: DbscRules;
  readonly #find: SessionFinder;
  readonly #webcrypto: WebcryptoDesk;

  constructor({ core, tenant, rules, find }: DeskParts) {
    this.#core = core;
    this.#tenant = tenant;
    this.#rules = rules;
    this.#find = find;
    this.#webcrypto = new WebcryptoDesk({ core, rules, find });
  }

  get rules(): DbscRules {
    return this.#rules;
  }

  /** Fields that offer to bind a session just authenticated; none where that is not due. No I/O. */
  async offer(session: SessionSummary | undefined): Promise<Readonly<Record<string, string>>> {
    const offered = session && (await offerBinding(this.#core, this.#rules, session));
    return offered === undefined ? {} : { [REGISTRATION_HEADER]: offered };
  }

  /** @returns `undefined` for a request to any other path. */
  async answer(view: RequestView): Promise<BindingAnswer | undefined> {
    const [path] = view.path.split("?");
    if (path === WELL_KNOWN_PATH) return this.#wellKnown(view);
    const stage = stageOf(this.#rules, path);
    if (stage === undefined) return undefined;
    if (view.method !== "POST") return refusal(405, { allow: "POST" });
    return this.serve(stage, view);
  }

  /** The answer of one of the endpoints, wherever the request came in. */
  async serve(stage: BindingStage, view: RequestView): Promise<BindingAnswer> {
    try {
      switch (stage) {
        case "register":
          return await this.#register(view);
        case "refresh":
          return await this.#refresh(view);
        case "webcrypto":
          if (this.#rules.webcryptoPath === undefined) return refusal(404);
          return await this.#webcrypto.answer(view);
      }
    } catch (error) {
      // A logout that landed while a key was registered; another site's request, which may be
      // found out only here. Neither goes by, as trouble does.
      if (error instanceof SessionEndedError || error instanceof CrossSiteError)
        return refusal(403);
      if (!(error instanceof SojournError)) this.#core.reportError(error);
      return troubled();
    }
  }

  /** Asked at the site's own origin, before a browser lets a subdomain bind the whole site. */
  #wellKnown({ method }: RequestView): BindingAnswer | undefined {
    const { site, registeringOrigins } = this.#rules;
    if (site === undefined || (method !== "GET" && method !== "HEAD")) return undefined;
    return told(200, method === "HEAD" ? "" : wellKnownOf(registeringOrigins));
  }

  async #register(view: RequestView): Promise<BindingAnswer> {
    // Not a browser's own registration: those come from the page that signed in.
    if (!isFromHere(view)) return refusal(403);
    const session = await this.#find(view);
    const text = readText(view.header(RESPONSE_HEADER));
    if (session === undefined || text === undefined) return refusal(403);
    const proof = readProof(text, "register");
    const flaw = typeof proof === "string" ? proof : await this.#bringsFlaw(proof, session, view);
    if (typeof proof === "string" || typeof flaw === "string" || proof.key === undefined) {
      return this.#refused(session, flaw ?? "key", "register");
    }
    const key = { tier: "dbsc" as const, ...(await proofKey(proof.key)) };
    const bound = await takeKey(this.#core, session, key);
    return bound === undefined
      ? this.#refused(session, "key", "register")
      : this.#granted(bound, view);
  }

  /** What is wrong with a proof of this session's login, its signature last. */
  async #bringsFlaw(
    proof: UnprovedProof,
    session: SessionSummary,
    view: RequestView,
  ): Promise<ProofFlaw | undefined> {
    // The browser would not bind: the session would be bound to a key that nobody uses.
    if (!mayRegisterAt(this.#rules, originOf(view))) return "origin";
    const { marks } = await this.#core.keys(session.tenant);
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
    const answered =
      typeof proof === "string" ? proof : await useChallenge(this.#core, record, proof);
    if (typeof answered === "string") return this.#refused(record, answered, "refresh");
    return this.#granted(answered, view);
  }

  async #granted(record: SessionRecord, view: RequestView): Promise<BindingAnswer> {
    const { cookie, refreshPath, site } = this.#rules;
    const { line } = await boundCookie(this.#core, this.#rules, record);
    const configuration = configurationOf({
      sessionIdentifier: handleOf(record.id),
      refreshPath,
      origin: site ?? originOf(view),
      wholeSite: site !== undefined,
      cookie: { name: cookie.name, attributes: cookie.attributes.replace(/^; /, "") },
    });
    const challenge = await refreshChallenge(this.#core, record);
    return told(200, configuration, { "set-cookie": line, [CHALLENGE_HEADER]: challenge });
  }

  async #challenged(record: SessionRecord): Promise<BindingAnswer> {
    return refusal(403, { [CHALLENGE_HEADER]: await refreshChallenge(this.#core, record) });
  }

  /** One answer for every flaw; which one it was is for listeners alone. */
  async #refused(
    session: SessionSummary,
    why: ProofFlaw,
    stage: "register" | "refresh",
  ): Promise<BindingAnswer> {
    refuseProof(this.#core, session, why, stage);
    if (stage === "register") return refusal(403);
    const loaded = await this.#core.inspectLive(session);
    return this.#challenged(loaded.stored.record);
  }
}

function terminated(sessionIdentifier: string): BindingAnswer {
  return told(200, terminationOf(sessionIdentifier));
}

function stageOf(rules: DbscRules, path: string | undefined): BindingStage | undefined {
  if (path === rules.registerPath) return "register";
  if (path === rules.refreshPath) return "refresh";
  return path !== undefined && path === rules.webcryptoPath ? "webcrypto" : undefined;
}

function mayRegisterAt({ site, registeringOrigins }: DbscRules, origin: string): boolean {
  return site === undefined || origin === site || registeringOrigins.includes(origin);
}
