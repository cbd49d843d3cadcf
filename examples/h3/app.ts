/** The application on h3. `server.ts` serves it with Nitro, `main.ts` with h3 alone. */
import { readFile } from "node:fs/promises";
import { H3, defineHandler, html, raw, redirect, toResponse } from "h3";
import type { H3Event } from "h3";
import { handleOf } from "sojourn";
import { sessions as withSessions } from "sojourn/fetch";
import { notesPage, signInPage } from "./page.ts";
import { sessionOf, sessions } from "./sessions.ts";

export const app = new H3();

/** `nitro dev` does not tell the peer; its server is for this machine alone. */
const peerInDevelopment = process.env.NODE_ENV === "development" ? "127.0.0.1" : undefined;

app.use((event, next) =>
  withSessions(sessions, async (_request, { session }) => {
    event.context.session = session;
    return toResponse(await next(), event);
  })(event.req, { remoteAddress: event.req.ip ?? peerInDevelopment }),
);

app.get(
  "/",
  defineHandler(async (event) => {
    const { id, subject, data } = sessionOf(event);
    if (subject === null) return html(raw(signInPage()));
    const { items } = await sessions.subject(subject).list();
    const places = items.map((place) => ({ ...place, here: handleOf(place.id) === id }));
    return html(raw(notesPage({ name: subject, notes: data.notes ?? [], places })));
  }),
);

app.post(
  "/login",
  defineHandler(async (event) => {
    const name = await field(event, "name");
    if (name !== "") await sessionOf(event).login(name, { amr: ["pwd"] });
    return redirect("/", 303);
  }),
);

app.post(
  "/notes",
  defineHandler(async (event) => {
    const session = sessionOf(event);
    const note = await field(event, "note");
    if (session.subject !== null && note !== "") {
      await session.update((data) => void (data.notes ??= []).push(note));
    }
    return redirect("/", 303);
  }),
);

app.post(
  "/elsewhere",
  defineHandler(async (event) => {
    const { id, subject } = sessionOf(event);
    if (subject !== null) await sessions.subject(subject).revokeAll({ except: id });
    return redirect("/", 303);
  }),
);

app.post(
  "/logout",
  defineHandler(async (event) => {
    await sessionOf(event).logout();
    return redirect("/", 303);
  }),
);

async function field(event: H3Event, name: string): Promise<string> {
  const value = (await event.req.formData()).get(name);
  return typeof value === "string" ? value.trim().slice(0, 200) : "";
}

const style = new URL("public/style.css", import.meta.url);
app.get("/style.css", async (event) => {
  event.res.headers.set("content-type", "text/css");
  return readFile(style, "utf8");
});
