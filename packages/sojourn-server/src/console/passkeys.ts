/** Ceremonies of WebAuthn: what is asked of a browser, and what its answer proves. */
import type { FastifyRequest } from "fastify";
import type * as WebAuthn from "@simplewebauthn/server";
import { problemOf, SojournError } from "sojourn";
import type { Session } from "sojourn";
import { CONSOLE_TENANT } from "../control/console-users.ts";
import type { ConsoleUser } from "../control/console-users.ts";
import type { Passkey } from "../control/console-passkeys.ts";
import { Refusal } from "../api/problems.ts";
import type { House } from "../api/types.ts";
import { instant } from "../api/views.ts";
import type { Ceremony } from "./challenges.ts";
import type { ConsoleHouse } from "./house.ts";
import { originAt } from "./origin.ts";

type Authentication = Parameters<typeof WebAuthn.verifyAuthenticationResponse>[0]["response"];
type Registration = Parameters<typeof WebAuthn.verifyRegistrationResponse>[0]["response"];
type Transports = NonNullable<Registration["response"]["transports"]>;

export interface Asked {
  readonly ceremony: Ceremony;
  /** Of `register` and `step-up`. */
  readonly session?: Session;
}

const NAME = "Sojourn console";
/** EdDSA, ES256, RS256, in this order: what every authenticator in use can do. */
const ALGORITHMS = [-8, -7, -257];
const ASK_MS = 2 * 60 * 1_000;

/** Loaded when somebody has a passkey: commands that need none start sooner. */
const webauthn = (): Promise<typeof WebAuthn> => import("@simplewebauthn/server");

export class Passkeys {
  readonly #house: House;
  readonly #console: ConsoleHouse;

  constructor(house: House, console: ConsoleHouse) {
    this.#house = house;
    this.#console = console;
  }

  /** Usernameless: the browser knows which of its passkeys are for here. */
  async askAnybody(request: FastifyRequest): Promise<object> {
    return this.#told(await this.#ask(request, "sign-in", ""));
  }

  /** @throws {Refusal} 403 for who has none. */
  async askFor(request: FastifyRequest, user: ConsoleUser, session: Session): Promise<object> {
    const own = await this.#console.passkeys.list(user.id);
    if (own.length === 0) {
      const detail = "You have no passkey yet: register one first.";
      throw new Refusal(problemOf("forbidden", { detail }));
    }
    return this.#told(await this.#ask(request, "step-up", session.id ?? "", own));
  }

  /** What a browser is asked to make. */
  async askToMake(request: FastifyRequest, user: ConsoleUser, session: Session): Promise<object> {
    const { rpID } = originAt(this.#console, request);
    const own = await this.#console.passkeys.list(user.id);
    const about = session.id ?? "";
    const { generateRegistrationOptions } = await webauthn();
    const options = await generateRegistrationOptions({
      rpName: NAME,
      rpID,
      userName: user.name,
      userDisplayName: user.name,
      userID: Buffer.from(user.id),
      challenge: this.#console.challenges.make("register", about, this.#house.now()),
      timeout: ASK_MS,
      attestationType: "none",
      supportedAlgorithmIDs: ALGORITHMS,
      excludeCredentials: own.map(descriptorOf),
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
    });
    return this.#told(options);
  }

  /** @returns whose passkey answered; `undefined` for an answer that proves nothing. */
  async prove(
    request: FastifyRequest,
    response: object,
    asked: Asked,
  ): Promise<ConsoleUser | undefined> {
    const { passkeys, users } = this.#console;
    const answer = response as Authentication;
    const passkey = await passkeys.find(answer.id);
    const user = passkey === undefined ? undefined : await users.find(passkey.userId);
    if (passkey === undefined || user === undefined || user.disabledAt !== undefined) {
      return undefined;
    }
    const { rpID, origin } = originAt(this.#console, request);
    const { id, publicKey, counter } = passkey;
    const { verifyAuthenticationResponse: verify } = await webauthn();
    const verified = await quietly(() =>
      verify({
        response: answer,
        expectedChallenge: (challenge) => this.#take(challenge, asked),
        expectedOrigin: origin,
        expectedRPID: rpID,
        credential: { id, publicKey, counter, transports: [...passkey.transports] as Transports },
        requireUserVerification: true,
      }),
    );
    if (verified?.verified !== true) return undefined;
    const { newCounter } = verified.authenticationInfo;
    if (await passkeys.noteUse(id, newCounter, this.#house.now())) return user;
    const about = { subject: user.id, detail: { passkey: id } };
    this.#house.audit.log.note("console-passkey-copied", "system", about, CONSOLE_TENANT);
    return undefined;
  }

  /** @returns the passkey that was made; `undefined` for an answer that proves nothing. */
  async made(
    request: FastifyRequest,
    { user, session, label }: { user: ConsoleUser; session: Session; label: string },
    response: object,
  ): Promise<Passkey | undefined> {
    const { rpID, origin } = originAt(this.#console, request);
    const { verifyRegistrationResponse: verify } = await webauthn();
    const verified = await quietly(() =>
      verify({
        response: response as Registration,
        expectedChallenge: (challenge) => this.#take(challenge, { ceremony: "register", session }),
        expectedOrigin: origin,
        expectedRPID: rpID,
        requireUserVerification: true,
        supportedAlgorithmIDs: ALGORITHMS,
      }),
    );
    if (verified?.verified !== true) return undefined;
    const { credential, credentialBackedUp } = verified.registrationInfo;
    return {
      id: credential.id,
      userId: user.id,
      label,
      publicKey: credential.publicKey,
      counter: credential.counter,
      transports: (credential.transports ?? []).filter((one) => /^[a-z-]{1,32}$/.test(one)),
      synced: credentialBackedUp,
      createdAt: this.#house.now(),
    };
  }

  async #ask(
    request: FastifyRequest,
    ceremony: Ceremony,
    about: string,
    own: readonly Passkey[] = [],
  ): Promise<object> {
    const { rpID } = originAt(this.#console, request);
    const { generateAuthenticationOptions } = await webauthn();
    return generateAuthenticationOptions({
      rpID,
      challenge: this.#console.challenges.make(ceremony, about, this.#house.now()),
      timeout: ASK_MS,
      userVerification: "required",
      allowCredentials: own.map(descriptorOf),
    });
  }

  #told(options: object): object {
    return { options, serverTime: instant(this.#house.now()) };
  }

  /** Trouble of the store goes its own way: it is 503 and no refusal. */
  #take(challenge: string, { ceremony, session }: Asked): Promise<boolean> {
    const about = session?.id ?? "";
    return this.#console.challenges.take(challenge, ceremony, about, this.#house.now());
  }
}

function descriptorOf({ id, transports }: Passkey): { id: string; transports?: Transports } {
  return { id, transports: [...transports] as Transports };
}

/** What is no proof throws in many words; what they quote is repeated nowhere. */
async function quietly<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SojournError) throw error;
    return undefined;
  }
}
