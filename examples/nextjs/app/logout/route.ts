import { route } from "../../lib/session.ts";

/** A route handler, because the answer to a logout has a header besides the cookie. */
export const POST = route(async (_request, { session }) => {
  await session.logout();
  return new Response(null, { status: 303, headers: { location: "/" } });
});
