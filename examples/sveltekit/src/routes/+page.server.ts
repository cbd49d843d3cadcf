import { redirect } from "@sveltejs/kit";
import { handleOf } from "sojourn";
import { getSessions } from "../lib/server/sessions.ts";
import type { Actions, PageServerLoad } from "./$types";

export const load: PageServerLoad = ({ locals }) => {
  const { id, subject, data } = locals.session;
  if (subject === null) return { name: null };
  // Not awaited: the page streams, and the session's cookie has left with the first byte.
  return { name: subject, notes: data.notes ?? [], places: placesOf(subject, id) };
};

async function placesOf(subject: string, own: string | null) {
  const { items } = await getSessions().subject(subject).list();
  return items.map(({ id, createdAt }) => ({ createdAt, here: handleOf(id) === own }));
}

export const actions: Actions = {
  login: async ({ request, locals }) => {
    const name = await field(request, "name");
    if (name !== "") await locals.session.login(name, { amr: ["pwd"] });
    redirect(303, "/");
  },

  add: async ({ request, locals: { session } }) => {
    const note = await field(request, "note");
    if (session.subject === null || note === "") redirect(303, "/");
    await session.update((data) => void (data.notes ??= []).push(note));
  },

  elsewhere: async ({ locals: { session } }) => {
    const { id, subject } = session;
    if (subject !== null) await getSessions().subject(subject).revokeAll({ except: id });
  },

  logout: async ({ locals }) => {
    await locals.session.logout();
    redirect(303, "/");
  },
};

async function field(request: Request, name: string): Promise<string> {
  const value = (await request.formData()).get(name);
  return typeof value === "string" ? value.trim().slice(0, 200) : "";
}
