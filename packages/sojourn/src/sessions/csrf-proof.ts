/** The session-bound token that some policies ask of unsafe requests. */
import { CrossSiteError } from "../engine/errors.ts";
import { readToken } from "../http/csrf-token.ts";
import { idOfHandle } from "../protocol/words.ts";
import type { Core } from "./core.ts";
import type { RequestView } from "./request-view.ts";

const CSRF_HEADER = "x-csrf-token";

/**
 * @param handle Of the request's session; `null`: there is nothing to be protected.
 * @throws {CrossSiteError} when the request does not bring the token.
 */
export async function proveToken(
  { core, tenant }: { readonly core: Core; readonly tenant: string },
  handle: string | null,
  view: RequestView,
): Promise<void> {
  const id = idOfHandle(handle ?? "");
  if (id === undefined) return;
  const presented = readToken(view.csrfToken ?? view.header(CSRF_HEADER));
  const genuine =
    presented !== undefined &&
    (await (await core.keys(tenant)).verifyCsrfValue({ tenant, id }, presented));
  if (genuine) return;
  throw new CrossSiteError(
    "token",
    `This policy asks for a session-bound token in ${CSRF_HEADER}: take it from session.csrfToken().`,
  );
}
