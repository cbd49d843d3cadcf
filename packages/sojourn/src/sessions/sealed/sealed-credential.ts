/**
 * The cookies of one request where sessions are sealed and the store is at hand: the session token
 * is taken out of them, and the copy is made anew with each change, and every few minutes.
 */
import type { MaybePromise } from "../../engine/ports.ts";
import type { SessionRecord } from "../../engine/record.ts";
import type { CookieReading } from "../../http/cookie.ts";
import { chain } from "../../tokens/maybe-promise.ts";
import { SEALED_PREFIX } from "../../tokens/sealed/chunks.ts";
import { describeSessionToken } from "../../tokens/sealed/payload.ts";
import type { Core } from "../core.ts";
import type { Session } from "../session.ts";
import { renewEveryMs } from "./sealed-jar.ts";
import type { FoundSealed, SealedJar } from "./sealed-jar.ts";

/** The session that was authenticated by the cookie's token. */
interface Presented {
  /** When it was judged. */
  readonly at: number;
  readonly record: SessionRecord;
}

export class SealedCredential {
  readonly #jar: SealedJar;
  readonly #header: string | undefined;
  #found: FoundSealed | undefined;
  #presented: Presented | undefined;
  #changed = false;

  private constructor(jar: SealedJar, header: string | undefined) {
    this.#jar = jar;
    this.#header = header;
  }

  /** Keys are ready after this: what follows is synchronous on Node. */
  static begin(jar: SealedJar, header: string | undefined): MaybePromise<SealedCredential> {
    const credential = new SealedCredential(jar, header);
    return chain(jar.ready(), () =>
      chain(jar.open(header), (found) => {
        if (typeof found !== "string") credential.#found = found;
        return credential;
      }),
    );
  }

  /** What the cookie says in the words of sessions that are not sealed. */
  unsealed(reading: CookieReading): CookieReading {
    if (reading.kind !== "value" || !reading.value.startsWith(SEALED_PREFIX)) return reading;
    return this.#found === undefined ? reading : { kind: "value", value: this.#found.token };
  }

  /** The cookie's token was worth this. */
  present(presented: Presented): void {
    this.#presented = presented;
  }

  /** Something of the session may be another from here on. */
  changed(): void {
    this.#changed = true;
  }

  /** `Set-Cookie` lines with a token that the client is to have. */
  issue(token: string, session: Session<object>, at: number): MaybePromise<readonly string[]> {
    const facts = session.describe();
    if (facts === undefined) return [];
    // Nothing of it is shown to a request whose device is not proved, its data included.
    if (session.isUnproven) return this.#jar.alone({ session: facts, token }, at, this.#header);
    return this.#jar.seal({ session: facts, data: { ...session.data }, token }, at, this.#header);
  }

  /** The same with the token that it has, where the copy is not what it was or is old by now. */
  renew(session: Session<object>, core: Core): MaybePromise<readonly string[]> {
    const now = core.lastNow();
    const [found, presented] = [this.#found, this.#presented];
    if (found === undefined || presented === undefined) return [];
    const { at, record } = presented;
    const { sealedAt } = found;
    const fresh = sealedAt !== undefined && now - sealedAt < renewEveryMs(record.idleMs);
    // A late one could overwrite a newer cookie, and is worth that only for what has changed.
    if (!this.#changed && (fresh || now - at > core.policies.base.transitMs)) return [];
    if (session.endedReason !== undefined || session.isUnproven) return [];
    if (!isSettled(found.token, record)) return [];
    return chain(this.issue(found.token, session, at), (lines) => {
      // A token that stands there alone already, since the data outgrew it.
      const alone = lines[0]?.startsWith(`${this.#jar.cookies.name}=${found.token};`) === true;
      return alone && sealedAt === undefined ? [] : lines;
    });
  }

  /** For the answer to a logout. */
  clear(): readonly string[] {
    return this.#jar.cookies.clear(this.#header);
  }
}

/** A straggler, or one with a newer token under way, must not turn the cookie back. */
function isSettled(token: string, { rotation }: SessionRecord): boolean {
  const { pending, generation } = rotation;
  return pending === undefined && describeSessionToken(token)?.generation === generation;
}
