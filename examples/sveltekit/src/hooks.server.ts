import type { Handle } from "@sveltejs/kit/hooks";
import { sessions as withSessions } from "sojourn/fetch";
import { getSessions } from "./lib/server/sessions.ts";

export const handle: Handle = ({ event, resolve }) =>
  withSessions(getSessions(), (_request, { session }) => {
    event.locals.session = session;
    return resolve(event);
  })(event.request, { remoteAddress: event.getClientAddress() });
