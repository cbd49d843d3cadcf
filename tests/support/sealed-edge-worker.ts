/**
 * An edge function: no store, and the service only where it must be asked. What it says of itself
 * is for tests: each call it made, by path.
 */
import { problemOfError } from "sojourn";
import { sealedSessions } from "sojourn/fetch";
import { createSealedSessions, httpAuthority } from "sojourn/sealed";
import { httpFeed, httpJwks } from "sojourn/tokens";
import type { RevocationFeed } from "sojourn/tokens";

interface Settings {
  readonly SECRET: string;
  readonly SERVICE: string;
  readonly SERVICE_KEY: string;
  readonly ISSUER: string;
  readonly BOUND_MS: string;
  readonly RENEW_EVERY_MS: string;
}

type Change = Readonly<Record<string, unknown>>;
type Handle = (request: Request) => Promise<Response>;

let made: Handle | undefined;
const calls: string[] = [];
const troubles: string[] = [];

const counted: typeof fetch = (input, init) => {
  calls.push(new URL(input instanceof Request ? input.url : input).pathname);
  return fetch(input, init);
};

function make(env: Settings): Handle {
  const { SECRET, SERVICE, SERVICE_KEY: serviceKey, ISSUER } = env;
  const jwks = httpJwks({ url: `${SERVICE}/.well-known/jwks.json`, fetch: counted });
  const url = `${SERVICE}/v1/revocations`;
  const sealed = createSealedSessions({
    secrets: [SECRET],
    feed: begunLongAgo(
      httpFeed({ url, issuer: ISSUER, jwks, serviceKey, fetch: counted, timeoutMs: 1_000 }),
    ),
    authority: httpAuthority({ url: SERVICE, serviceKey, fetch: counted, timeoutMs: 1_000 }),
    boundMs: Number(env.BOUND_MS),
    renewEveryMs: Number(env.RENEW_EVERY_MS),
    onError: (error) => troubles.push(String(error)),
  });
  return sealedSessions(sealed, async (request, session) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/change") {
      const { state } = session.standing;
      try {
        const { state: after } = await session.change((await request.json()) as object as Change);
        if (after === "unavailable") return say({ state: `${state}-before`, after });
      } catch (error) {
        const { status, body, headers } = problemOfError(error);
        return new Response(body, { status, headers });
      }
    }
    const { setCookies: _, ...standing } = { setCookies: [], ...session.standing };
    return say(standing);
  });
}

/** A log that began within the last minute sends every copy to the authority: it did not. */
function begunLongAgo(feed: RevocationFeed): RevocationFeed {
  return {
    async read(since) {
      const page = await feed.read(since);
      return { ...page, entries: page.entries.filter(({ kind }) => kind !== "all") };
    },
  };
}

function say(standing: object): Response {
  return Response.json({ standing, calls: calls.splice(0), troubles: troubles.splice(0) });
}

const worker = {
  fetch: (request: Request, env: Settings): Promise<Response> => (made ??= make(env))(request),
};
// A worker is what its main module exports by this name.
// oxlint-disable-next-line import/no-default-export
export { worker as default };
