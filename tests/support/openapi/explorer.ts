/** A running service that is called by its own document, and what was learnt of it so far. */
import fc from "fast-check";
import { keyFileAt } from "../key-file.ts";
import { folder, SECRET, startTestService } from "../../integration/service-harness.ts";
import type { TestService } from "../../integration/service-harness.ts";
import { validCall } from "./calls.ts";
import type { Call } from "./calls.ts";
import { nameOf, routesOf } from "./document.ts";
import type { OpenApi, Route } from "./document.ts";
import { Judge } from "./judge.ts";
import type { Heard } from "./judge.ts";
import { Pool, producersOf } from "./pool.ts";
import type { Place } from "./values.ts";
import { pathOf, perform } from "./wire.ts";
import type { Keys } from "./wire.ts";

type Env = Readonly<Record<string, string>>;

/** What turns on everything that is off unless it is turned on. */
export const EVERYTHING: Env = {
  SOJOURN_DBSC: "true",
  SOJOURN_DBSC_SITE: "https://example.com",
  SOJOURN_DBSC_ORIGINS: "https://login.example.com",
  SOJOURN_TOKEN_ISSUER: "https://auth.example",
  SOJOURN_TOKEN_AUDIENCES: "https://api.example",
  SOJOURN_TOKEN_CLIENTS: "app",
};

/** Tries for what no valid call has reached yet. */
const TRIES_MAX = 150;

export interface Counts {
  good: number;
  refused: number;
  calls: number;
}

/** A call that came to a good answer. */
export interface Reached {
  readonly call: Call;
  readonly answer: Heard;
}

export interface ExplorerOptions {
  readonly env: Env;
  readonly seed: number;
}

export class Explorer {
  readonly service: TestService;
  readonly document: OpenApi;
  readonly routes: readonly Route[];
  readonly pool = new Pool();
  readonly counts = new Map<string, Counts>();
  keys: Keys;
  readonly #judge: Judge;
  readonly #seed: number;
  readonly #tidy: () => void;
  #drawn = 0;

  private constructor(service: TestService, keys: Keys, made: Made) {
    this.service = service;
    this.keys = keys;
    this.document = made.document;
    this.routes = routesOf(made.document);
    this.#seed = made.seed;
    this.#tidy = made.tidy;
    this.#judge = new Judge(made.document, [SECRET, keys.right, keys.foreign, keys.poor]);
  }

  static async start({ env, seed }: ExplorerOptions): Promise<Explorer> {
    const place = folder();
    const tokens = env["SOJOURN_TOKEN_ISSUER"] !== undefined;
    const file = tokens ? { SOJOURN_TOKEN_KEYS: await keyFileAt(`${place.path}/keys.jwks`) } : {};
    const limit = { SOJOURN_RATE_LIMIT: "1000000" };
    const service = await startTestService({ env: { ...limit, ...env, ...file } });
    const document = (await service.bare("GET", "/openapi.json")).json as unknown as OpenApi;
    const keys = {
      right: await service.key("default"),
      foreign: await service.key("elsewhere"),
      poor: await service.key("default", []),
      session: "",
    };
    const made = { document, seed, tidy: () => place.remove() };
    const explorer = new Explorer(service, keys, made);
    for (const { id, name } of await service.service.keys.list()) {
      explorer.pool.spared.add(id).add(name);
    }
    await explorer.#prime();
    return explorer;
  }

  /** What no single call comes to: bulk work wants the token of a dry run of the very same. */
  async #prime(): Promise<void> {
    const wish = { action: "revoke", filter: { subject: "nobody" } };
    const tried = await this.service.api("POST", "/v1/bulk", { body: { ...wish, dryRun: true } });
    const body = { ...wish, dryRun: false, token: tried.json["token"] };
    await this.service.api("POST", "/v1/bulk", { body });
    const { json } = await this.service.api("GET", "/v1/operations");
    this.pool.hear("/v1/operations", "/v1/operations", { json, etag: undefined });
  }

  async stop(): Promise<void> {
    await this.service.service.stop();
    this.#tidy();
  }

  placeOf(route: Route): Place {
    return { document: this.document, pool: this.pool, path: route.path };
  }

  send(call: Call, keys: Keys = this.keys): Promise<Heard> {
    return perform(this.service.service.url, call, keys);
  }

  /** Send it, remember what the answer tells, and count it. */
  async call(call: Call): Promise<Heard> {
    const answer = await this.send(call);
    const json = parsed(answer.text);
    const { etag, location: address = call.address } = answer.headers;
    const isGood = answer.status < 300;
    if (isGood) this.pool.hear(call.route.path, address, { json, etag });
    const name = nameOf(call.route);
    const { good, refused, calls } = this.counts.get(name) ?? { good: 0, refused: 0, calls: 0 };
    const isRefused = !isGood && answer.status < 500;
    this.counts.set(name, {
      good: good + Number(isGood),
      refused: refused + Number(isRefused),
      calls: calls + 1,
    });
    return answer;
  }

  /** @throws with all that was sent and answered, when the answer is not sound. */
  async judged(call: Call): Promise<Heard> {
    const answer = await this.call(call);
    const faults = this.#judge.faultsOf(call.route, answer);
    const isJson = call.raw === undefined && call.type === "application/json";
    if (isJson && answer.status < 300) {
      const sent: unknown = JSON.parse(JSON.stringify(call.body ?? null));
      if (!this.#judge.allows(call.route, sent)) faults.push("it took what the document refuses");
    }
    if (faults.length > 0) throw new Error(`${faults.join("; ")}\n${told(call, answer)}`);
    return answer;
  }

  /** A session that the Self group may end, and that others may speak of. */
  async fresh(): Promise<void> {
    const body = { subject: "alice", amr: ["pwd", "otp"], acr: "aal2", data: { cart: [] } };
    const { json: reply, headers } = await this.service.api("POST", "/v1/sessions", { body });
    this.keys = { ...this.keys, session: String(reply["token"]) };
    // Without those that had to make room, which have ended.
    const json = { ...reply, evicted: [] };
    this.pool.hear("/v1/sessions", headers.location ?? "", { json, etag: headers.etag });
  }

  /** A call of it as the document has it. */
  draw(route: Route): Call {
    this.#drawn += 1;
    const draws = { seed: this.#seed + this.#drawn, numRuns: 1 };
    const [call] = fc.sample(validCall(route, this.placeOf(route)), draws);
    if (call === undefined) throw new Error(`nothing was drawn for ${nameOf(route)}`);
    return call;
  }

  /**
   * Call it, after others that change what it is about, until it comes to a good answer.
   *
   * @param changed What is sent in place of a valid call.
   */
  async reach(
    route: Route,
    changed: (call: Call) => Call = (call) => call,
  ): Promise<Reached | undefined> {
    const before = producersOf(route, this.routes);
    this.pool.newestOnly = true;
    try {
      for (let tries = 0; tries < TRIES_MAX; tries += 1) {
        await this.fresh();
        const other = before[tries % before.length];
        if (other !== undefined) await this.judged(this.draw(other));
        for (let times = 0; times < 3; times += 1) {
          const call = changed(this.draw(route));
          const answer = await this.judged(call);
          if (answer.status < 300) return { call, answer };
        }
      }
      return undefined;
    } finally {
      this.pool.newestOnly = false;
    }
  }
}

interface Made {
  readonly document: OpenApi;
  readonly seed: number;
  readonly tidy: () => void;
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const LINE_MAX = 600;
const SENT_MAX = 2_000;

function told(call: Call, answer: Heard): string {
  const { route, type, body, raw, headers, as, spoilt } = call;
  const sent = { as, spoilt, type, headers, body, raw: raw?.toString().slice(0, LINE_MAX) };
  const line = `${route.method} ${pathOf(call).slice(0, LINE_MAX)}`;
  const answered = `${answer.status} ${answer.text.slice(0, LINE_MAX)}`;
  return [line, JSON.stringify(sent).slice(0, SENT_MAX), answered].join("\n");
}
