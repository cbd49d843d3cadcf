/**
 * A browser of our own that binds sessions to a key (DBSC), over the fetch adapter: what Chromium
 * sends, and everything it would never send.
 */
import { generateKeyPairSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { createSessions } from "sojourn";
import type { Session, Sessions, SessionsOptions } from "sojourn";
import { dbscHandler } from "sojourn/dbsc";
import { sessions as fetchAdapter } from "sojourn/fetch";
import type { FetchConnection } from "sojourn/fetch";
import { ManualClock } from "sojourn/testing";

export const ORIGIN = "https://app.example";
export const BOUND = "__Host-session-bound";
export const SESSION = "__Host-session";
/** A browser that has DBSC goes first for this long. */
export const DBSC_FIRST_MS = 5_000;
const SECRET = "c2VjcmV0LW9mLXRoZS1kYnNjLXRlc3RzLTMyLWJ5dGVz";

export interface Data {
  readonly note?: string;
}

type Act = (session: Session<Data>) => Promise<unknown>;

/** `dbsc` is `{}` unless it is said to be `undefined`. */
export type PlaceOptions = Omit<Partial<SessionsOptions>, "dbsc"> & {
  readonly dbsc?: SessionsOptions["dbsc"] | undefined;
};

export interface BoundPlace {
  readonly sessions: Sessions<Data>;
  readonly clock: ManualClock;
  readonly events: { readonly name: string }[];
  handle(request: Request, connection?: FetchConnection): Promise<Response>;
  /** What the next request does. */
  act: Act | undefined;
}

/** An application whose every path runs `act` of the request and tells who is there. */
export function boundPlace(given: PlaceOptions = {}): BoundPlace {
  const { dbsc, ...options } = { dbsc: {}, ...given };
  const clock = new ManualClock();
  const sessions = createSessions<Data>({
    secrets: [SECRET],
    production: true,
    csrf: { origins: [ORIGIN] },
    warn: () => undefined,
    clock,
    sweep: false,
    ...(dbsc === undefined ? {} : { dbsc }),
    ...options,
  });
  const endpoints = sessions.binding === undefined ? undefined : dbscHandler(sessions);
  const events: { name: string }[] = [];
  sessions.events.on("*", (event) => void events.push(event));
  const application = fetchAdapter(sessions, async (_request, { session }) => {
    const { act } = place;
    place.act = undefined;
    await act?.(session);
    const { subject, state, data, claimant, assurance } = session;
    return Response.json({ subject, state, data, claimant, amr: assurance?.amr ?? [] });
  });
  const place = {
    sessions,
    clock,
    events,
    act: undefined as Act | undefined,
    handle: async (request: Request, connection?: FetchConnection) =>
      (await endpoints?.(request, connection)) ?? (await application(request, connection)),
  };
  return place;
}

export interface ProofParts {
  readonly header?: object;
  readonly payload?: object;
  readonly key?: KeyObject;
}

/** What a browser comes to. */
export type Front = Pick<BoundPlace, "handle" | "act">;

export class BoundBrowser<Place extends Front = BoundPlace> {
  readonly place: Place;
  readonly jar: Map<string, string> = new Map<string, string>();
  readonly pair: ReturnType<typeof generateKeyPairSync> = generateKeyPairSync("ec", {
    namedCurve: "P-256",
  });
  /** What the last answer to a login offered. */
  offer: { readonly challenge: string; readonly authorization: string } | undefined;
  challenge = "";
  id = "";
  /** What the endpoint for browsers without DBSC asked last. */
  nonce = "";

  constructor(place: Place) {
    this.place = place;
  }

  /** @param headers In place of what a browser sends on a same-origin POST. */
  async send(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const usual = { origin: ORIGIN, "sec-fetch-site": "same-origin", "user-agent": "Chromium" };
    const all = { ...usual, ...(cookie === "" ? {} : { cookie }), ...headers };
    const request = new Request(ORIGIN + path, { method: "POST", headers: all });
    const answer = await this.place.handle(request);
    for (const line of answer.headers.getSetCookie()) this.#keep(line);
    this.#learn(answer);
    return answer;
  }

  #keep(line: string): void {
    const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (value === "") this.jar.delete(name);
    else this.jar.set(name, value);
  }

  #learn({ headers }: Response): void {
    const offered = headers.get("secure-session-registration");
    const [, challenge = "", authorization = ""] =
      /challenge="([^"]+)";authorization="([^"]+)"$/.exec(offered ?? "") ?? [];
    this.offer = offered === null ? undefined : { challenge, authorization };
    this.nonce = headers.get("dpop-nonce") ?? this.nonce;
    const next = /^"([^"]+)";id="([^"]+)"$/.exec(headers.get("secure-session-challenge") ?? "");
    if (next !== null) [, this.challenge = "", this.id = ""] = next;
  }

  /** One request of the application. */
  async visit(act?: Act, headers: Readonly<Record<string, string>> = {}): Promise<unknown> {
    this.place.act = act;
    return (await this.send("/", headers)).json();
  }

  async login(subject = "alice"): Promise<void> {
    await this.visit((session) => session.login(subject, { amr: ["pwd"] }));
  }

  proof({ header = {}, payload = {}, key = this.pair.privateKey }: ProofParts): string {
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const text = `${encode({ typ: "dbsc+jwt", alg: "ES256", ...header })}.${encode(payload)}`;
    const signature = sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" });
    return `${text}.${signature.toString("base64url")}`;
  }

  registration({ header = {}, payload = {}, ...rest }: ProofParts = {}): string {
    const { challenge: jti = "", authorization = "" } = this.offer ?? {};
    const jwk = this.pair.publicKey.export({ format: "jwk" });
    const given = { jti, authorization, ...payload };
    return this.proof({ header: { jwk, ...header }, payload: given, ...rest });
  }

  register(proof: string = this.registration()): Promise<Response> {
    return this.send("/dbsc/register", { "secure-session-response": proof });
  }

  refresh(proof: string | undefined = this.answer()): Promise<Response> {
    return this.send("/dbsc/refresh", {
      "sec-secure-session-id": this.id,
      ...(proof === "" ? {} : { "secure-session-response": proof }),
    });
  }

  /** To the challenge at hand. */
  answer({ payload = {}, ...rest }: ProofParts = {}): string {
    return this.proof({ payload: { jti: this.challenge, ...payload }, ...rest });
  }

  /** As `sojourn-client` proves its key. */
  dpop({ header = {}, payload = {}, ...rest }: ProofParts = {}): string {
    const jwk = this.pair.publicKey.export({ format: "jwk" });
    const claims = { htm: "POST", htu: `${ORIGIN}/dbsc/webcrypto`, iat: 1, jti: "j" };
    const given = { ...claims, nonce: this.nonce, ...payload };
    return this.proof({ header: { typ: "dpop+jwt", jwk, ...header }, payload: given, ...rest });
  }

  /** At the endpoint for browsers without DBSC. */
  ask(dpop?: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return this.send("/dbsc/webcrypto", { ...(dpop === undefined ? {} : { dpop }), ...headers });
  }

  loseBoundCookie(): void {
    this.jar.delete(BOUND);
  }
}

/** Signed in, bound, and past the moments in which requests have no cookie to bring. */
export async function boundBrowser(options: PlaceOptions = {}): Promise<BoundBrowser> {
  const browser = new BoundBrowser(boundPlace(options));
  await browser.login();
  await browser.register();
  await browser.place.clock.advanceAsync(10_000);
  return browser;
}

/** Signed in with a key of a page, and past the moments in which requests have no cookie. */
export async function webcryptoBrowser(options: PlaceOptions = {}): Promise<BoundBrowser> {
  const { dbsc, ...others } = options;
  const browser = new BoundBrowser(boundPlace({ dbsc: { webcrypto: true, ...dbsc }, ...others }));
  await browser.login();
  await browser.place.clock.advanceAsync(DBSC_FIRST_MS);
  await browser.ask();
  await browser.ask(browser.dpop());
  await browser.place.clock.advanceAsync(10_000);
  return browser;
}
