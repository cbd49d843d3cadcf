/**
 * Keeps a session bound to this browser where the browser does not do so itself (DBSC): the server
 * gives a short bound cookie for a proof by a key that no script can read, and this renews it.
 */
import { forget, keep, readKept } from "./kept-key.ts";
import { makeKey, makeProof } from "./proof.ts";

/** What binds a session. `none`: nothing, or nobody is signed in. */
export type Tier = "none" | "webcrypto" | "dpop" | "dbsc";

export interface ClientOptions {
  /** `dbsc.path` of `createSessions`. Default `/dbsc`. */
  readonly path?: string;
}

/** What the endpoint says. `askIn`: seconds; absent where nothing will be due. */
interface Said {
  readonly tier: Tier;
  readonly askIn?: number;
}

/** After trouble, so that a server that is down is not asked with every request; and at least. */
const AGAIN_MS = 10_000;
/** The longest wait of a timer. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** Asked, proved, and once more: secrets may have been rolled over in between. */
const POSTS_MAX = 3;
/** Waits that the server asks for. After a login it is one. */
const WAITS_MAX = 2;
/** Of answers that begin or end a session. */
const TURNING = ["secure-session-registration", "clear-site-data"];

export class Client {
  readonly #path: string;
  readonly #url: string;
  /** When a proof is due, as far as this page knows. Kept with the key for all of them. */
  #askAt: number = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Use {@link createClient}. */
  constructor({ path = "/dbsc" }: ClientOptions) {
    this.#path = path;
    this.#url = `${location.origin}${path}/webcrypto`;
  }

  /**
   * Bind the session of somebody who has just signed in, or find out what binds it, and renew in
   * time from then on. For pages of people who are signed in: one request, two where a proof is
   * due. After a login it takes some seconds: a browser that has DBSC goes first.
   *
   * @throws (rejects) when the server cannot be asked, or there is no place to keep a key.
   */
  async bind(): Promise<Tier> {
    for (let waits = 0; ; waits += 1) {
      const { tier, askIn } = await this.#alone(() => this.#ask());
      if (tier !== "none" || askIn === undefined || waits >= WAITS_MAX) return tier;
      await new Promise((resolve) => setTimeout(resolve, askIn * 1_000));
    }
  }

  /**
   * `fetch`, but the bound cookie is renewed first where it is about to end. The answer to a login
   * binds by itself. What could not be renewed goes out all the same: the server judges it.
   */
  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const { url } = input instanceof Request ? input : new Request(input);
    if (new URL(url).origin !== location.origin) return fetch(input, init);
    await this.#renew().catch(ignore);
    const response = await fetch(input, init);
    if (TURNING.some((name) => response.headers.has(name))) void this.bind().catch(ignore);
    return response;
  };

  /** Whoever comes while a proof is due waits for the one that is made. */
  async #renew(): Promise<void> {
    // Where there was no key before, another tab may have made one since.
    if (this.#askAt === Infinity) this.#askAt = await this.#keptAskAt();
    if (Date.now() < this.#askAt) return;
    await this.#alone(async () => {
      // Done meanwhile, by this page or by another one.
      if (Date.now() < this.#askAt) return;
      const askAt = await this.#keptAskAt();
      if (Date.now() < askAt) this.#askAgain(askAt);
      else await this.#ask();
    });
  }

  async #keptAskAt(): Promise<number> {
    return (await readKept(this.#path))?.askAt ?? Infinity;
  }

  /** One tab or worker of the origin at a time. */
  #alone<Result>(run: () => Promise<Result>): Promise<Result> {
    return navigator.locks.request(`sojourn-client ${this.#path}`, run);
  }

  async #ask(): Promise<Said> {
    const startedAt = Date.now();
    try {
      const { said, pair } = await this.#prove();
      if (said.tier === "webcrypto" && pair !== undefined) {
        const askAt = startedAt + Math.max(AGAIN_MS, (said.askIn ?? 0) * 1_000);
        await keep(this.#path, { pair, askAt });
        this.#askAgain(askAt);
        return said;
      }
      await forget(this.#path);
      this.#askAgain(Infinity);
      // Bound to a key that is not here: nothing of this browser's.
      return said.tier === "webcrypto" ? { tier: "none" } : said;
    } catch (error) {
      this.#askAgain(startedAt + AGAIN_MS);
      throw error;
    }
  }

  /** Ask, and prove the key if that is what the answer wants. */
  async #prove(): Promise<{ readonly said: Said; readonly pair: CryptoKeyPair | undefined }> {
    let pair = (await readKept(this.#path))?.pair;
    let headers = {};
    for (let posts = 0; posts < POSTS_MAX; posts += 1) {
      const answer = await fetch(this.#url, { method: "POST", headers });
      if (answer.ok) return { said: (await answer.json()) as Said, pair };
      if (answer.status !== 403) throw new Error(`${this.#url} answered ${answer.status}: ${HELP}`);
      const nonce = answer.headers.get("dpop-nonce");
      if (nonce === null) break;
      const { tier } = (await answer.json()) as Said;
      if (tier === "none") {
        pair = await makeKey();
        // Before it is sent: an answer that gets lost would leave a session without its key.
        await keep(this.#path, { pair, askAt: 0 });
      }
      if (pair === undefined) break;
      headers = { dpop: await makeProof(pair, { method: "POST", url: this.#url, nonce }) };
    }
    return { said: { tier: "none" }, pair: undefined };
  }

  #askAgain(at: number): void {
    this.#askAt = at;
    clearTimeout(this.#timer);
    if (at < Infinity) {
      const waitMs = Math.min(Math.max(0, at - Date.now()), TIMER_MS_MAX);
      this.#timer = setTimeout(() => void this.#renew().catch(ignore), waitMs);
    }
  }
}

const HELP =
  "createSessions({ dbsc: { webcrypto: true } }) answers there, with sojourn/dbsc in front";

/** No server, or no storage: it is tried again. */
function ignore(): void {}

/** One for each origin and page; they share the key and take turns. Starts nothing by itself. */
export function createClient(options: ClientOptions = {}): Client {
  return new Client(options);
}
