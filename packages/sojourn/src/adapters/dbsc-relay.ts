/**
 * Device-bound sessions where browsers come to somebody else: a gateway, or a back end in another
 * language. It hands on the header fields that a browser sent, and sends our answers as they are.
 */
import { ConfigError } from "../engine/errors.ts";
import type { BindingAnswer } from "../sessions/binding-answers.ts";
import type { BindingDesk, BindingStage } from "../sessions/binding-desk.ts";
import type { RequestView } from "../sessions/request-view.ts";
import type { Session } from "../sessions/session.ts";
import type { InTenant, Sessions } from "../sessions/sessions.ts";
import { checkSessions } from "./node.ts";

export type { BindingAnswer } from "../sessions/binding-answers.ts";

/** What a browser sent to one of the two endpoints. */
export interface RelayedRequest extends InTenant {
  /** By name, in any case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
}

export interface DeviceBindings {
  /** Where browsers find the endpoints; also told to them, so that it cannot be another path. */
  readonly paths: {
    readonly register: string;
    readonly refresh: string;
    /** Absent unless `dbsc.webcrypto` is set. */
    readonly webcrypto?: string;
  };
  /** Header fields for the answer to an authentication; none where no binding is due. No I/O. */
  offer(session: Session): Promise<Readonly<Record<string, string>>>;
  /** @param token The session token that came with the request. */
  register(request: RelayedRequest, token: string): Promise<BindingAnswer>;
  /** Needs no session token: a proof by the stored key, or the answer is a challenge. */
  refresh(request: RelayedRequest): Promise<BindingAnswer>;
  /** For `sojourn-client`. @param token The session token that came with the request. */
  webcrypto(request: RelayedRequest, token: string): Promise<BindingAnswer>;
  /** The origins that may bind the whole site; `undefined` unless `dbsc.site` is set. */
  readonly registeringOrigins: readonly string[] | undefined;
}

/** @throws {ConfigError} when `createSessions` was not given `dbsc`. */
export function deviceBindings<Data extends object>(of: Sessions<Data>): DeviceBindings {
  const own = deskOf(of);
  const { registerPath: register, refreshPath: refresh, site, registeringOrigins } = own.rules;
  const { webcryptoPath: webcrypto } = own.rules;
  const serve = (stage: BindingStage, sent: RelayedRequest, token?: string) => {
    const { tenant, headers } = sent;
    const desk = of.bindingFor(token, tenant === undefined ? {} : { tenant }) ?? own;
    return desk.serve(stage, viewOfFields(headers));
  };
  return {
    paths: { register, refresh, ...(webcrypto === undefined ? {} : { webcrypto }) },
    offer: (session) => own.offer(session.describe()),
    register: (request, token) => serve("register", request, token),
    refresh: (request) => serve("refresh", request),
    webcrypto: (request, token) => serve("webcrypto", request, token),
    registeringOrigins: site === undefined ? undefined : registeringOrigins,
  };
}

function viewOfFields(headers: RelayedRequest["headers"]): RequestView {
  const fields = new Map(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const),
  );
  return {
    method: "POST",
    path: "",
    header: (name) => fields.get(name),
    remoteAddress: undefined,
    encrypted: true,
  };
}

/** @throws {ConfigError} when `createSessions` was not given `dbsc`. */
export function deskOf<Data extends object>(of: Sessions<Data>): BindingDesk {
  checkSessions(of);
  if (of.binding !== undefined) return of.binding;
  const message =
    "is missing: the endpoints answer where createSessions({ dbsc: {} }) binds sessions";
  throw new ConfigError([{ path: "dbsc", message }]);
}
