/**
 * `sojourn/dbsc`: the endpoints of device-bound sessions on the fetch and `node:http` interfaces.
 * They go in front of the session middleware, which would take the browser's own requests for
 * cross-site ones where the policy asks for a token.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Sessions } from "../sessions/sessions.ts";
import { viewOfRequest } from "./fetch-parts.ts";
import type { FetchConnection } from "./fetch-headers.ts";
import { deskOf } from "./dbsc-relay.ts";
import { viewOf } from "./node.ts";

export { deviceBindings } from "./dbsc-relay.ts";
export type { BindingAnswer, DeviceBindings, RelayedRequest } from "./dbsc-relay.ts";
export type { DbscOptions, Enforcement } from "../sessions/binding-rules.ts";

/**
 * `const answer = await dbsc(request)`: the response to one of the two endpoints, and `undefined`
 * for every other request.
 *
 * @throws {ConfigError} at set-up, when `createSessions` was not given `dbsc`.
 */
export function dbscHandler<Data extends object>(
  of: Sessions<Data>,
): (request: Request, connection?: FetchConnection) => Promise<Response | undefined> {
  const desk = deskOf(of);
  return async (request, connection) => {
    const answer = await desk.answer(viewOfRequest(request, { ...connection }));
    if (answer === undefined) return undefined;
    const { status, headers, body } = answer;
    return new Response(body === "" ? null : body, { status, headers });
  };
}

/**
 * For `node:http`, Express and Connect: answers the two endpoints and calls `next` for the rest.
 *
 * @returns true when the response has been sent.
 * @throws {ConfigError} at set-up, when `createSessions` was not given `dbsc`.
 */
export function dbscMiddleware<Data extends object>(
  of: Sessions<Data>,
): (req: IncomingMessage, res: ServerResponse, next?: () => void) => Promise<boolean> {
  const desk = deskOf(of);
  return async (req, res, next) => {
    const answer = await desk.answer(viewOf(req, false));
    if (answer === undefined) {
      next?.();
      return false;
    }
    res.writeHead(answer.status, { ...answer.headers }).end(answer.body);
    return true;
  };
}
