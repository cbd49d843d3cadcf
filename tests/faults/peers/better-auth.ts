/**
 * better-auth with Redis as its secondary storage as a subject under test, asked through the
 * handler that an application mounts. Accounts are in memory, the same in every process: sessions
 * alone are tried. Session data are `additionalFields`, written by `/update-session`.
 */
import { createHash } from "node:crypto";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import type { StoreSpec } from "../messages.ts";
import { NotDone } from "../subject.ts";
import type { Answer, SubjectUnderTest } from "../subject.ts";
import { openRedis } from "./redis.ts";
import type { RedisLike } from "./redis.ts";

type Data = Record<string, unknown>;
type Handler = (request: Request) => Promise<Response>;

const URL_BASE = "http://localhost:3000";
const PASSWORD = "correct horse battery staple";
const ACCOUNTS = 64;
const COUNTER = "n";
const TEXTS = ["k1", "k2", "k3", "k4", "k5"];

export async function makeSubject(spec: StoreSpec): Promise<SubjectUnderTest> {
  const redis = await openRedis(spec);
  const auth = betterAuth({
    baseURL: URL_BASE,
    secret: spec.secret,
    database: memoryAdapter(accounts()),
    secondaryStorage: storageOf(redis.client),
    emailAndPassword: {
      enabled: true,
      // scrypt would take the processor from what is measured.
      password: {
        hash: (password) => Promise.resolve(digest(password)),
        verify: ({ hash, password }) => Promise.resolve(hash === digest(password)),
      },
    },
    session: {
      additionalFields: {
        ...Object.fromEntries(
          TEXTS.map((name) => [name, { type: "string", required: false } as const]),
        ),
        [COUNTER]: { type: "number", required: false },
      },
    },
    logger: { disabled: true },
    telemetry: { enabled: false },
  });
  return new BetterAuth(auth.handler, () => redis.close());
}

function digest(password: string): string {
  return createHash("sha256").update(password).digest("hex");
}

function accounts(): Record<string, Data[]> {
  const at = new Date();
  const names = Array.from({ length: ACCOUNTS }, (_, index) => `user-${index + 1}`);
  const dates = { createdAt: at, updatedAt: at };
  return {
    user: names.map((id) => ({
      id,
      name: id,
      email: emailOf(id),
      emailVerified: true,
      ...dates,
    })),
    account: names.map((id) => ({
      id: `account-${id}`,
      userId: id,
      accountId: id,
      providerId: "credential",
      password: digest(PASSWORD),
      ...dates,
    })),
    session: [],
    verification: [],
  };
}

function emailOf(subject: string): string {
  return `${subject}@example.com`;
}

function storageOf(client: RedisLike) {
  return {
    get: (key: string) => client.get(key),
    getAndDelete: (key: string) => client.getDel(key),
    set: async (key: string, value: string, ttl?: number) => {
      await (ttl === undefined
        ? client.set(key, value)
        : client.set(key, value, { expiration: { type: "EX", value: ttl } }));
    },
    delete: async (key: string) => {
      await client.del(key);
    },
    increment: async (key: string, ttl: number) => {
      const count = await client.incr(key);
      if (count === 1) await client.expire(key, ttl);
      return count;
    },
  };
}

interface Stored {
  readonly token: string;
  readonly [field: string]: unknown;
}

/** Its client. A session is named by its token, which is what its lists show. */
class BetterAuth implements SubjectUnderTest {
  readonly #handler: Handler;
  readonly #end: () => void;
  /** A cookie of each subject that this process has signed in. */
  readonly #own: Map<string, string> = new Map<string, string>();

  constructor(handler: Handler, end: () => void) {
    this.#handler = handler;
    this.#end = end;
  }

  async open(subject: string, data: Data): Promise<{ session: string; token: string }> {
    const { session, token } = await this.#signIn(subject);
    if (Object.keys(data).length > 0) {
      const { state } = await this.patch(token, data);
      if (state !== "active") throw Object.assign(new Error(), { code: "NO_DATA" });
    }
    this.#own.set(subject, token);
    return { session, token };
  }

  async verify(token: string): Promise<Answer> {
    const told = (await this.#ask("GET", "/get-session", token)) as { session: Stored } | null;
    if (told === null) return { state: "unknown" };
    return { state: "active", session: told.session.token, data: dataOf(told.session) };
  }

  async patch(token: string, changes: Data): Promise<Answer> {
    const told = await this.#ask("POST", "/update-session", token, changes);
    if (told === undefined) return { state: "unknown" };
    const { session } = told as { session: Stored };
    return { state: "active", session: session.token };
  }

  async count(token: string, key: string): Promise<Answer> {
    const { state, data } = await this.verify(token);
    if (state !== "active") return { state };
    return this.patch(token, { [key]: Number(data?.[key] ?? 0) + 1 });
  }

  rotate(): Promise<never> {
    return Promise.reject(new NotDone("NO_SUCH_THING"));
  }

  async revoke(_session: string, token: string): Promise<void> {
    await this.#ask("POST", "/sign-out", token, {});
  }

  async revokeSubject(subject: string): Promise<void> {
    await this.#asSubject(subject, (token) => this.#ask("POST", "/revoke-sessions", token, {}));
  }

  async revokeOthers(_subject: string, _session: string, token: string): Promise<void> {
    await this.#ask("POST", "/revoke-other-sessions", token, {});
  }

  async list(subject: string): Promise<readonly string[]> {
    const ask = (token: string): Promise<unknown> => this.#ask("GET", "/list-sessions", token);
    const sessions = await this.#asSubject(subject, ask);
    return (sessions as Stored[]).map(({ token }) => token);
  }

  close(): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  async #signIn(subject: string): Promise<{ session: string; token: string }> {
    const body = { email: emailOf(subject), password: PASSWORD };
    const { json, cookies } = await this.#send("POST", "/sign-in/email", undefined, body);
    const cookie = cookies.find((one) => one.includes("session_token=")) ?? "";
    return { session: (json as { token: string }).token, token: cookie.split(";")[0] ?? "" };
  }

  /** What needs a session of the subject's: one that this process opened, or a new one. */
  async #asSubject(subject: string, ask: (token: string) => Promise<unknown>): Promise<unknown> {
    const own = this.#own.get(subject);
    const told = own === undefined ? undefined : await ask(own);
    if (told !== undefined) return told;
    this.#own.delete(subject);
    const fresh = await this.#signIn(subject);
    const answer = await ask(fresh.token);
    if (answer === undefined) throw Object.assign(new Error(), { code: "HTTP_401" });
    return answer;
  }

  /** @returns `undefined` for a 401. */
  async #ask(method: string, path: string, token?: string, body?: Data): Promise<unknown> {
    return (await this.#send(method, path, token, body)).json;
  }

  async #send(
    method: string,
    path: string,
    token?: string,
    body?: Data,
  ): Promise<{ json: unknown; cookies: string[] }> {
    const response = await this.#handler(
      new Request(`${URL_BASE}/api/auth${path}`, {
        method,
        headers: {
          origin: URL_BASE,
          ...(token === undefined ? {} : { cookie: token }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
    const text = await response.text();
    if (response.status === 401) return { json: undefined, cookies: [] };
    if (!response.ok) throw Object.assign(new Error(), { code: `HTTP_${response.status}` });
    return { json: JSON.parse(text), cookies: response.headers.getSetCookie() };
  }
}

function dataOf(session: Stored): Data {
  const read = [...TEXTS, COUNTER].map((name) => [name, session[name]] as const);
  // A field that was never written is null.
  return Object.fromEntries(read.filter(([, value]) => (value ?? undefined) !== undefined));
}
