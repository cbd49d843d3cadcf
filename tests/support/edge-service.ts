/**
 * A small service as somebody runs it away from the store: access tokens by JWKS and feed over
 * HTTP, DPoP proofs, sealed sessions. Everything is made once and used by all requests.
 */
import { createSealedSessions } from "sojourn/sealed";
import {
  createAccessGuard,
  createDpop,
  createVerifier,
  httpFeed,
  httpJwks,
  memoryReplays,
} from "sojourn/tokens";
import type { RevocationFeed } from "sojourn/tokens";
import { secretText } from "./sealed-world.ts";

export const EDGE_ISSUER = "https://auth.example";
export const EDGE_AUDIENCE = "https://api.example";
export const EDGE_BOUND_MS = 2_000;

/** @param keep Lets a question outlive the request that asked it. */
export function edgeService(
  origin: string,
  keep: (work: Promise<unknown>) => void = () => undefined,
): (request: Request) => Promise<Response> {
  const jwks = httpJwks({ url: `${origin}/jwks.json` });
  const asking = httpFeed({
    url: `${origin}/v1/revocations`,
    issuer: EDGE_ISSUER,
    jwks,
    serviceKey: "sj1k_edge",
  });
  const feed: RevocationFeed = {
    read(since) {
      const page = asking.read(since);
      keep(page);
      return page;
    },
  };
  const shared = { feed, boundMs: EDGE_BOUND_MS };
  const verifier = createVerifier({
    issuer: EDGE_ISSUER,
    audience: EDGE_AUDIENCE,
    jwks,
    ...shared,
  });
  const dpop = createDpop({ externalUrl: EDGE_AUDIENCE, replays: memoryReplays() });
  const guard = createAccessGuard({ verifier, dpop });
  const sealed = createSealedSessions({
    ...shared,
    secrets: [secretText(1)],
    authority: { check: () => Promise.reject(new Error("nobody is there")) },
  });
  return async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/sealed")
      return Response.json(await sealed.read(request.headers.get("cookie")));
    const answer = await guard.check({
      method: request.method,
      path: pathname,
      authorization: request.headers.get("authorization"),
      proof: request.headers.get("dpop"),
    });
    return answer.state === "active"
      ? Response.json({ state: "active", subject: answer.claims.sub })
      : Response.json(answer, { status: answer.status });
  };
}
