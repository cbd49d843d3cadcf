/**
 * The endpoint for browsers without DBSC, where `sojourn-client` proves a key of Web Crypto. One
 * POST does both: without a proof it is told what is due, with one the session is bound or the
 * bound cookie renewed.
 */
import { BIND_WITHIN_MS, mayBind } from "../engine/binding.ts";
import { SessionEndedError } from "../engine/errors.ts";
import type { SessionRecord } from "../engine/record.ts";
import { readCookie } from "../http/cookie.ts";
import { isSignedBy, proofKey } from "../tokens/dbsc/proof.ts";
import { readWebcryptoProof } from "../tokens/dbsc/webcrypto-proof.ts";
import type { WebcryptoProof } from "../tokens/dbsc/webcrypto-proof.ts";
import type { ProofFlaw } from "../tokens/dbsc/words.ts";
import { isFromHere, pageOrigin, refusal, told } from "./binding-answers.ts";
import type { BindingAnswer } from "./binding-answers.ts";
import type { DbscRules } from "./binding-rules.ts";
import {
  boundCookie,
  freshMark,
  readBoundCookie,
  refuseProof,
  takeKey,
  useChallenge,
} from "./binding-steps.ts";
import type { Core, Loaded } from "./core.ts";
import type { RequestView } from "./request-view.ts";
import type { SessionFinder } from "./binding-desk.ts";

/** A browser that has DBSC registers within moments: this long it goes first. */
const DBSC_FIRST_MS = 5_000;
/** A bound cookie is renewed when it has this long to live, as browsers do with DBSC. */
const RENEW_BEFORE_MS = 120_000;

export class WebcryptoDesk {
  readonly #core: Core;
  readonly #rules: DbscRules;
  readonly #find: SessionFinder;

  constructor({ core, rules, find }: WebcryptoParts) {
    this.#core = core;
    this.#rules = rules;
    this.#find = find;
  }

  async answer(view: RequestView): Promise<BindingAnswer> {
    // The bound cookie is for https alone: elsewhere a binding would lock its owner out.
    if (!isFromHere(view) || pageOrigin(view) === undefined) return refusal(403);
    const session = await this.#find(view);
    if (session === undefined) return said("none");
    try {
      return await this.#judge(await this.#core.inspectLive(session), view);
    } catch (error) {
      // A logout that landed meanwhile: nothing leaves.
      if (error instanceof SessionEndedError) return said("none");
      throw error;
    }
  }

  #judge(loaded: Loaded, view: RequestView): BindingAnswer | Promise<BindingAnswer> {
    const { record } = loaded.stored;
    const tier = record.binding?.tier;
    if (tier === undefined) return this.#register(loaded, view);
    return tier === "webcrypto" ? this.#renew(loaded, view) : said(tier);
  }

  async #register(
    { stored: { record }, now, policy }: Loaded,
    view: RequestView,
  ): Promise<BindingAnswer> {
    if (policy.binding === "off" || !mayBind(record, "webcrypto", now)) return said("none");
    const waitMs = record.assurance.authTime + DBSC_FIRST_MS - now;
    if (waitMs > 0) return said("none", waitMs);
    const proof = this.#proofOf(view);
    const flaw = typeof proof === "string" ? proof : await this.#bringsFlaw(proof, record, now);
    if (typeof proof === "string" || flaw !== undefined) {
      return this.#challenged(record, flaw ?? "form");
    }
    const key = { tier: "webcrypto" as const, ...(await proofKey(proof.key)) };
    const bound = await takeKey(this.#core, record, key);
    // Somebody else was faster: DBSC, or another key. Asked again, it is told.
    return bound === undefined ? this.#challenged(record, "key") : this.#granted(bound);
  }

  async #bringsFlaw(
    proof: WebcryptoProof,
    record: SessionRecord,
    now: number,
  ): Promise<ProofFlaw | undefined> {
    const { marks } = await this.#core.keys(record.tenant);
    const challenge = await marks.read("register", record, proof.challenge);
    const late = challenge !== undefined && now - challenge.at > BIND_WITHIN_MS;
    if (challenge === undefined || late) return "challenge";
    return (await isSignedBy(proof, proof.key)) ? undefined : "signature";
  }

  async #renew({ stored: { record }, now }: Loaded, view: RequestView): Promise<BindingAnswer> {
    const proof = this.#proofOf(view);
    if (proof === "absent") {
      const cookie = readCookie(view.header("cookie"), this.#rules.cookie.name);
      const mark = await readBoundCookie(this.#core, { record, now }, cookie);
      const restMs = typeof mark === "string" ? 0 : dueInMs(record, mark.at, now);
      if (restMs > 0) return said("webcrypto", restMs);
    }
    // The key that the proof brings is not looked at: the stored one judges it.
    const proved =
      typeof proof === "string" ? proof : await useChallenge(this.#core, record, proof);
    return typeof proved === "string" ? this.#challenged(record, proved) : this.#granted(proved);
  }

  #proofOf(view: RequestView): WebcryptoProof | ProofFlaw {
    const text = view.header("dpop");
    if (text === undefined) return "absent";
    const target = `${pageOrigin(view)}${this.#rules.webcryptoPath}`;
    return readWebcryptoProof(text, { method: "POST", target });
  }

  async #granted(record: SessionRecord): Promise<BindingAnswer> {
    const { line, at, now } = await boundCookie(this.#core, this.#rules, record);
    return said("webcrypto", dueInMs(record, at, now), { "set-cookie": line });
  }

  /** One answer for every flaw: what the next proof has to answer. */
  async #challenged(stale: SessionRecord, why: ProofFlaw): Promise<BindingAnswer> {
    const { record } = (await this.#core.inspectLive(stale)).stored;
    const { binding } = record;
    const stage = binding === undefined ? "register" : "refresh";
    if (why !== "absent") refuseProof(this.#core, record, why, stage);
    if (binding !== undefined && binding.tier !== "webcrypto") return said(binding.tier);
    const body = JSON.stringify({ tier: binding?.tier ?? "none" });
    return told(403, body, { "dpop-nonce": await freshMark(this.#core, stage, record) });
  }
}

/** A cookie that lives as long as its session can is not renewed. */
function dueInMs(record: SessionRecord, at: number, now: number): number {
  return at < record.absoluteExpiresAt ? at - now - RENEW_BEFORE_MS : at - now;
}

/** @param askInMs When it is worth coming back; never where nothing will be due. */
function said(
  tier: string,
  askInMs?: number,
  headers: Readonly<Record<string, string>> = {},
): BindingAnswer {
  const askIn = askInMs === undefined ? {} : { askIn: Math.ceil(askInMs / 1_000) };
  return told(200, JSON.stringify({ tier, ...askIn }), headers);
}

interface WebcryptoParts {
  readonly core: Core;
  readonly rules: DbscRules;
  readonly find: SessionFinder;
}
