/** The session of a request, for each of the places Next.js has. */
import { cookies, headers } from "next/headers";
import { cache } from "react";
import type { Session } from "sojourn";
import { readSession, sessions as withSessions, withSession } from "sojourn/fetch";
import type { FetchConnection, FetchHandler, FetchOptions } from "sojourn/fetch";
import { getSessions } from "./sessions.ts";
import type { Notebook } from "./sessions.ts";

/** Next.js writes the peer and the scheme into these, unless the TLS proxy before it did. */
export function connectionOf(from: Headers): FetchConnection {
  const remoteAddress = from.get("x-forwarded-for") ?? undefined;
  return { remoteAddress, encrypted: from.get("x-forwarded-proto") === "https" };
}

/** In a server component: to be read. One store read for all components of a request. */
export const currentSession = cache(async () => {
  const from = await headers();
  return readSession(getSessions(), { headers: from, ...connectionOf(from), activity: false });
});

/** In a server action: to be changed; the cookie leaves with the action's answer. */
export async function actionSession<Result>(
  run: (session: Session<Notebook>) => Promise<Result>,
): Promise<Result> {
  const from = await headers();
  const given = { headers: from, cookies: await cookies(), ...connectionOf(from) };
  return withSession(getSessions(), given, run);
}

/** In a route handler, and in `proxy.ts`. */
export function route(handler: FetchHandler<Notebook>, options?: FetchOptions) {
  return (request: Request) =>
    withSessions(getSessions(), handler, options)(request, connectionOf(request.headers));
}
