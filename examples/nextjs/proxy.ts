/**
 * Before every page. A server component cannot set a cookie, so the token is renewed here; the
 * component goes on with the token that the browser sent. Cross-site posts and store trouble end
 * here, too: 403 and 503, which neither a component nor a server action can answer.
 */
import { NextResponse } from "next/server";
import { route } from "./lib/session.ts";

export const proxy = route(() => NextResponse.next(), {
  // Of a post, the action sets the cookie.
  canSetToken: ({ method }) => method === "GET" || method === "HEAD",
  activity: ({ headers }) => !headers.has("next-router-prefetch"),
});

/** Route handlers do all this themselves. */
export const config = { matcher: "/((?!api/|logout|_next/|.*\\.).*)" };
