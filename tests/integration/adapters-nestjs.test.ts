/** Nest's own ways: the guard, the decorators, what can be injected, prefixes, filters. */
import type { Server } from "node:http";
import {
  Catch,
  Controller,
  Get,
  Inject,
  Module,
  Post,
  RequestMethod,
  UseGuards,
  VersioningType,
} from "@nestjs/common";
import type {
  ArgumentsHost,
  DynamicModule,
  ExceptionFilter,
  INestApplication,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { ExecutionContextHost } from "@nestjs/core/helpers/execution-context-host.js";
import { ExpressAdapter } from "@nestjs/platform-express";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import { SessionEndedError, Sessions } from "sojourn";
import type { Session } from "sojourn";
import {
  CurrentSession,
  RequireSession,
  SessionGuard,
  SessionRefusal,
  SessionsModule,
} from "sojourn/nestjs";
import { afterEach, describe, expect, it } from "vitest";
import { decorate, started } from "../support/nest.ts";
import { ask, Jar, listen, SAME_ORIGIN, stopServers } from "../support/servers.ts";
import { MINUTE, world } from "../support/world.ts";
import type { Data, World } from "../support/world.ts";

afterEach(stopServers);

const PLATFORMS = {
  express: () => new ExpressAdapter(),
  fastify: () => new FastifyAdapter(),
} as const;

class Accounts {
  readonly #sessions: Sessions<Data>;

  constructor(sessions: Sessions<Data>) {
    this.#sessions = sessions;
  }

  async login(session: Session<Data>): Promise<string> {
    await session.login("alice", { amr: ["pwd"] });
    return "welcome";
  }

  open(session: Session<Data>): object {
    return { subject: session.subject };
  }

  mine(session: Session<Data>): object {
    return { subject: session.subject };
  }

  async pay(session: Session<Data>): Promise<object> {
    return { devices: await this.#sessions.subject(session.subject ?? "").count() };
  }
}
Controller("accounts")(Accounts);
Inject(Sessions)(Accounts, undefined, 0);
decorate(Accounts, "login", Post("login"), [CurrentSession()]);
decorate(Accounts, "open", Get("open"), [CurrentSession()]);
decorate(Accounts, "mine", Get("mine"), [CurrentSession()]);
decorate(Accounts, "mine", RequireSession());
decorate(Accounts, "pay", Post("pay"), [CurrentSession()]);
decorate(Accounts, "pay", RequireSession({ factors: 2, maxAgeMs: 5 * MINUTE }));

/** Every route of it wants somebody. */
class Private {
  read(): string {
    return "secret";
  }
}
Controller("private")(Private);
UseGuards(SessionGuard)(Private);
decorate(Private, "read", Get());

class Root {
  readonly name = "root";
}
Module({})(Root);

type Adjust = (app: INestApplication) => void;

describe.each(Object.keys(PLATFORMS) as (keyof typeof PLATFORMS)[])("Nest on %s", (platform) => {
  async function start(adjust: Adjust = () => undefined, place: World = world()) {
    const imports: DynamicModule[] = [SessionsModule.forRoot({ sessions: place.sessions })];
    const root = { module: Root, imports, controllers: [Accounts, Private] };
    const app = await NestFactory.create(root, PLATFORMS[platform](), { logger: false });
    adjust(app);
    const server: Server = await started(app);
    const { url } = await listen(server);
    return { place, url, jar: new Jar() };
  }

  it("gives handlers the session, and Sessions to whoever asks for it", async () => {
    const { url, jar, place } = await start();
    expect((await jar.ask(`${url}/accounts/open`)).body).toBe('{"subject":null}');
    const login = await jar.ask(`${url}/accounts/login`, { method: "POST" });
    expect([login.body, login.cookies.length]).toEqual(["welcome", 1]);
    expect((await jar.ask(`${url}/accounts/mine`)).body).toBe('{"subject":"alice"}');
    const [mine] = (await place.sessions.subject("alice").list()).items;
    const session = await place.sessions.find(`ses_${mine?.id}`);
    const { token } = (await session?.stepUp({ amr: ["otp"] })) ?? {};
    const cookie = `session=${token}`;
    const headers = { ...SAME_ORIGIN, cookie };
    const paid = await ask(`${url}/accounts/pay`, { method: "POST", headers });
    expect([paid.status, paid.body]).toEqual([201, '{"devices":1}']);
  });

  it("refuses nobody with 401, and tells the holder of an ended session why", async () => {
    const { url, jar, place } = await start();
    for (const path of ["/accounts/mine", "/private"]) {
      const nobody = await ask(url + path);
      expect([nobody.status, nobody.headers["content-type"]]).toEqual([
        401,
        "application/problem+json",
      ]);
      expect(nobody.headers["www-authenticate"]).toBe('Bearer realm="session"');
      expect(JSON.parse(nobody.body)).toMatchObject({ code: "unauthenticated", status: 401 });
    }
    await jar.ask(`${url}/accounts/login`, { method: "POST" });
    expect((await jar.ask(`${url}/private`)).body).toBe("secret");
    await place.sessions.subject("alice").revokeAll();
    const ended = await jar.ask(`${url}/private`);
    expect([ended.status, ended.cookies]).toEqual([401, []]);
    expect(JSON.parse(ended.body)).toMatchObject({ code: "session_ended" });
  });

  it("refuses too little assurance with 403 and the challenge, until it is enough", async () => {
    const { url, jar, place } = await start();
    await jar.ask(`${url}/accounts/login`, { method: "POST" });
    const pay = () => jar.ask(`${url}/accounts/pay`, { method: "POST" });
    const few = await pay();
    expect([few.status, few.headers["content-type"]]).toEqual([403, "application/problem+json"]);
    expect(JSON.parse(few.body)).toMatchObject({
      detail: "2 kinds of factors are asked for.",
      required: { factors: 2 },
    });
    expect(few.headers["www-authenticate"]).toMatch(/error="insufficient_user_authentication"/);
    const [mine] = (await place.sessions.subject("alice").list()).items;
    const session = await place.sessions.find(`ses_${mine?.id}`);
    await session?.stepUp({ amr: ["otp"] });
    await place.clock.advanceAsync(6 * MINUTE);
    const { token } = (await session?.rotate()) ?? {};
    jar.cookies.set("session", token ?? "");
    const old = await pay();
    expect([old.status, old.headers["www-authenticate"]]).toEqual([
      403,
      expect.stringContaining('max_age="300"'),
    ]);
    expect(JSON.parse(old.body)).toMatchObject({
      code: "step_up_required",
      required: { maxAge: 300 },
    });
  });

  it("refuses a locked session with 423, and one that misses a factor with 403", async () => {
    const { url, place } = await start();
    const locked = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
    await locked.session.lock(2);
    const pending = await place.sessions.open({ subject: "bob", amr: ["pwd"], pending: true });
    const answers: unknown[] = [];
    for (const { token } of [locked, pending]) {
      const answer = await ask(`${url}/private`, { headers: { cookie: `session=${token}` } });
      const { code, required } = JSON.parse(answer.body) as Record<string, unknown>;
      answers.push([answer.status, code, required]);
    }
    expect(answers).toEqual([
      [423, "session_locked", { factors: 2 }],
      [403, "step_up_required", { factors: 1 }],
    ]);
  });

  it("reaches every route: under a prefix, outside it, by version, and written oddly", async () => {
    const { url, jar } = await start((app) => {
      app.setGlobalPrefix("api", { exclude: [{ path: "private", method: RequestMethod.GET }] });
      app.enableVersioning({ type: VersioningType.URI, defaultVersion: ["1"] });
    });
    await jar.ask(`${url}/api/v1/accounts/login`, { method: "POST" });
    const paths = ["/api/v1/accounts/mine", "/api/v1/accounts/mine?x=/..", "/v1/private"];
    for (const path of paths)
      expect([path, (await jar.ask(url + path)).status]).toEqual([path, 200]);
    for (const path of [
      "/api/v1/accounts/mine/",
      "/api//v1/accounts/mine",
      "/api/v1/accounts/min%65",
    ]) {
      expect([200, 404]).toContain((await jar.ask(url + path)).status);
      expect([401, 404]).toContain((await ask(url + path)).status);
    }
  });

  it("can guard all routes at once, and leaves refusals to filters of the application", async () => {
    class Own {
      catch(refusal: SessionRefusal, host: ArgumentsHost): void {
        const reply = host
          .switchToHttp()
          .getResponse<{ status(code: number): { send(body: string): void } }>();
        reply.status(refusal.getStatus()).send(`mine: ${refusal.answer.problem.code}`);
      }
    }
    Catch(SessionRefusal)(Own);
    const { url } = await start((app) => {
      app.useGlobalGuards(new SessionGuard());
      app.useGlobalFilters(new Own());
    });
    const answer = await ask(`${url}/accounts/open`);
    expect([answer.status, answer.body]).toEqual([401, "mine: unauthenticated"]);
  });

  it("refuses a requirement that everybody would meet, when it is written", () => {
    const misspelt = { maxAge: 300 } as object;
    expect(() => new SessionGuard(misspelt)).toThrow(/required\.maxAge: unknown requirement/);
    expect(() => RequireSession({ factors: Number.NaN })).toThrow(/required\.factors/);
  });

  it("fails closed and says why where the module is missing", async () => {
    const root = { module: Root, controllers: [Private] };
    const said: string[] = [];
    const logger = {
      log: () => undefined,
      warn: () => undefined,
      error: (text: unknown) => void said.push(String(text)),
    };
    const app = await NestFactory.create(root, PLATFORMS[platform](), { logger });
    const { url } = await listen(await started(app));
    const answer = await ask(`${url}/private`);
    expect([answer.status, answer.body.includes("secret")]).toEqual([500, false]);
    expect(said.join()).toContain("import SessionsModule.forRoot");
  });
});

describe("what Nest hands to other transports", () => {
  // As its external context does for resolvers: no request, no response, arguments of their own.
  const host = new ExecutionContextHost([undefined, { id: 1 }]);
  host.setType("graphql");

  it("is no HTTP answer: the error goes on to the transport's own", () => {
    const { providers = [] } = SessionsModule.forRoot({ sessions: world().sessions });
    const provided = providers.find((one) => "provide" in one && one.provide === "APP_FILTER");
    const { useClass: Filter } = provided as { useClass: new () => ExceptionFilter };
    const error = new SessionEndedError("logout");
    expect(() => new Filter().catch(error, host)).toThrow(error);
  });

  it("has no session by itself, and the error says what to do instead", () => {
    expect(() => new SessionGuard().canActivate(host)).toThrow(/no HTTP route but graphql/);
  });
});
