/** Sojourn as a subject under test, through its public face. */
import { ContentionError, SessionEndedError, SessionLockedError, SojournError } from "sojourn";
import type { Session, Sessions, Standing } from "sojourn";
import { NotDone } from "./subject.ts";
import type { Answer, SubjectUnderTest } from "./subject.ts";

type Data = Record<string, unknown>;

const PAGE = 200;

export class SojournSubject implements SubjectUnderTest {
  readonly #sessions: Sessions<Data>;

  constructor(sessions: Sessions<Data>) {
    this.#sessions = sessions;
  }

  async open(subject: string, data: Data): Promise<{ session: string; token: string }> {
    try {
      const { session, token } = await this.#sessions.open({ subject, data });
      return { session: String(session.id), token };
    } catch (error) {
      // A revoke-all overtook it.
      if (error instanceof SojournError && error.code === "ERR_STALE_EPOCH") {
        throw new NotDone(error.code);
      }
      throw error;
    }
  }

  async verify(token: string, activity: boolean): Promise<Answer> {
    return answerOf(await this.#sessions.authenticate(token, { activity }));
  }

  patch(token: string, changes: Data): Promise<Answer> {
    return this.#write(token, async (session) => {
      const entries = Object.entries(changes);
      for (const [key, value] of entries) await session.set(key, value);
    });
  }

  count(token: string, key: string): Promise<Answer> {
    return this.#write(token, (session) =>
      session.update((draft) => {
        draft[key] = Number(draft[key] ?? 0) + 1;
      }),
    );
  }

  async rotate(token: string): Promise<Answer & { token?: string }> {
    let given: { token?: string } = {};
    const answer = await this.#write(token, async (session) => {
      given = await session.rotate();
    });
    return { ...answer, ...given };
  }

  async revoke(session: string): Promise<void> {
    const end = await this.#sessions.revoke(session);
    // An absent session may have been lost, and what is remembered of it ends it all the same.
    if (end === undefined) throw Object.assign(new Error("absent"), { code: "absent" });
  }

  async revokeSubject(subject: string): Promise<void> {
    await this.#sessions.subject(subject).revokeAll();
  }

  /** End all of a subject but one. */
  async revokeOthers(subject: string, session: string): Promise<void> {
    await this.#sessions.subject(subject).revokeAll({ except: session });
  }

  async list(subject: string): Promise<readonly string[]> {
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const more = cursor === undefined ? {} : { cursor };
      const page = await this.#sessions.subject(subject).list({ limit: PAGE, ...more });
      found.push(...page.items.map(({ id }) => id));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return found.map((id) => (id.startsWith("ses_") ? id : `ses_${id}`));
  }

  close(): Promise<void> {
    return this.#sessions.close();
  }

  async #write(token: string, change: (session: Session<Data>) => Promise<void>): Promise<Answer> {
    const standing = await this.#sessions.authenticate(token, { activity: false });
    if (standing.state !== "active") return answerOf(standing);
    try {
      await change(standing.session);
    } catch (error) {
      if (error instanceof ContentionError) throw new NotDone(error.code);
      if (error instanceof SessionLockedError) return { state: "locked" };
      if (!(error instanceof SessionEndedError)) throw error;
      return error.reason === undefined
        ? { state: "unknown" }
        : { state: "ended", reason: error.reason };
    }
    return { state: "active", session: String(standing.session.id) };
  }
}

function answerOf(standing: Standing<Data>): Answer {
  if (standing.state === "ended") return { state: "ended", reason: standing.reason };
  if (standing.state === "unknown") return { state: "unknown" };
  const { session, state } = standing;
  const answer = { state: state === "active" ? state : ("locked" as const) };
  return { ...answer, session: String(session.id), data: { ...session.data } };
}
