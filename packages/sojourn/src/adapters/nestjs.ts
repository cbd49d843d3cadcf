/**
 * NestJS adapter, for applications on Express and on Fastify: a module, a guard, a decorator.
 * Unlike the other adapters it needs its framework as a value: what it offers are Nest's own
 * decorators and classes, and `@nestjs/common` is there wherever this file is imported.
 */
import {
  Catch,
  createParamDecorator,
  HttpException,
  Inject,
  Module,
  UseGuards,
} from "@nestjs/common";
import type {
  ArgumentsHost,
  CanActivate,
  DynamicModule,
  ExceptionFilter,
  ExecutionContext,
  MiddlewareConsumer,
  NestModule,
} from "@nestjs/common";
import type { ServerResponse } from "node:http";
import { requirementProblems } from "../engine/assurance.ts";
import type { Requirement } from "../engine/assurance.ts";
import { ConfigError, SojournError } from "../engine/errors.ts";
import { problemOfError } from "../http/problem.ts";
import type { ProblemAnswer } from "../http/problem.ts";
import { refusalOf } from "../sessions/refusal.ts";
import type { Session } from "../sessions/session.ts";
import { Sessions } from "../sessions/sessions.ts";
import { sessions as middleware } from "./express.ts";
import type { SessionRequest } from "./express.ts";
import { checkSessions } from "./node.ts";
import type { AdapterOptions } from "./node.ts";

export interface SessionsModuleOptions<Data extends object> extends AdapterOptions {
  readonly sessions: Sessions<Data>;
}

/**
 * `SessionsModule.forRoot({ sessions: s })` in the root module: every route has a session,
 * `Sessions` can be injected everywhere, and an error of ours that nobody caught is answered as
 * the problem it is, never as 500.
 */
export class SessionsModule implements NestModule {
  static forRoot<Data extends object>(options: SessionsModuleOptions<Data>): DynamicModule {
    const given: Partial<SessionsModuleOptions<Data>> | null | undefined = options;
    checkSessions(given?.sessions, given ?? {}, ["sessions"]);
    return {
      module: SessionsModule,
      global: true,
      providers: [
        { provide: Sessions, useValue: options.sessions },
        { provide: OPTIONS, useValue: options },
        // `APP_FILTER` of `@nestjs/core`, which need not be loaded for its name.
        { provide: "APP_FILTER", useClass: SessionErrors },
      ],
      exports: [Sessions],
    };
  }

  readonly #options: SessionsModuleOptions<object>;

  constructor(options: SessionsModuleOptions<object>) {
    this.#options = options;
  }

  configure(consumer: MiddlewareConsumer): void {
    const { sessions, ...options } = this.#options;
    consumer.apply(middleware(sessions, options)).forRoutes("{*path}");
  }
}
const OPTIONS = Symbol("SessionsModuleOptions");
Inject(OPTIONS)(SessionsModule, undefined, 0);
Module({})(SessionsModule);

/** A request refused by {@link SessionGuard}. `getResponse()` is the RFC 9457 problem. */
export class SessionRefusal extends HttpException {
  readonly answer: ProblemAnswer;

  constructor(answer: ProblemAnswer) {
    super({ ...answer.problem }, answer.status);
    this.answer = answer;
  }
}

/**
 * Lets nobody pass without an active session: 401. With a requirement, 403 and the challenge of
 * RFC 9470 where it is not met.
 */
export class SessionGuard implements CanActivate {
  readonly #required: Requirement | undefined;

  /** @throws {ConfigError} for a requirement that everybody would meet. */
  constructor(required?: Requirement) {
    const problems = requirementProblems(required ?? {}, "required");
    if (problems.length > 0) throw new ConfigError(problems);
    this.#required = required;
  }

  canActivate(context: ExecutionContext): boolean {
    const refusal = refusalOf(sessionIn(context), this.#required);
    if (refusal !== undefined) throw new SessionRefusal(refusal);
    return true;
  }
}

/** `@RequireSession()` or `@RequireSession({ factors: 2, maxAgeMs: 300_000 })`, class or method. */
export function RequireSession(required?: Requirement): ClassDecorator & MethodDecorator {
  return UseGuards(new SessionGuard(required));
}

/** Parameter decorator: the session of this request, in whatever state it is. */
export const CurrentSession: () => ParameterDecorator = createParamDecorator(
  (_data: unknown, context: ExecutionContext) => sessionIn(context),
);

const HTTP = "http";

/** On Fastify, Nest's middleware has met the raw request. */
function sessionIn(context: ExecutionContext): Session<object> {
  const request = context
    .switchToHttp()
    .getRequest<
      | (Partial<SessionRequest<object>> & { readonly raw?: Partial<SessionRequest<object>> })
      | undefined
    >();
  const session = request?.raw?.session ?? request?.session;
  if (session !== undefined) return session;
  const fix =
    context.getType() === HTTP
      ? "import SessionsModule.forRoot({ sessions }) in the root module"
      : `this is no HTTP route but ${context.getType()}; take it from the request it came with`;
  throw new Error(`no session here: ${fix}`);
}

/** What a response of Express and a reply of Fastify have in common. */
interface Reply {
  readonly raw?: ServerResponse;
  status(code: number): this;
  header(name: string, value: string): this;
  send(body: Buffer): unknown;
}

class SessionErrors implements ExceptionFilter<SojournError | SessionRefusal> {
  catch(error: SojournError | SessionRefusal, host: ArgumentsHost): void {
    // A resolver or a message has no response of ours: its own transport answers.
    if (host.getType() !== HTTP) throw error;
    const { status, headers, body } =
      error instanceof SessionRefusal ? error.answer : problemOfError(error);
    const reply = host.switchToHttp().getResponse<Reply>();
    const raw = reply.raw ?? (reply as unknown as ServerResponse);
    if (raw.headersSent) {
      raw.destroy();
      return;
    }
    reply.status(status);
    for (const [name, value] of Object.entries(headers)) reply.header(name, value);
    // As bytes: both would add a charset to the type of a text.
    reply.send(Buffer.from(body));
  }
}
Catch(SojournError, SessionRefusal)(SessionErrors);
