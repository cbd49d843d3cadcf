"use server";

import { refresh } from "next/cache";
import { redirect } from "next/navigation";
import { actionSession } from "../lib/session.ts";
import { getSessions } from "../lib/sessions.ts";

export async function login(form: FormData): Promise<void> {
  const name = field(form, "name");
  if (name === "") return;
  await actionSession((session) => session.login(name, { amr: ["pwd"] }));
  redirect("/"); // after a change of the cookie: what this request renders has the old one
}

export async function add(form: FormData): Promise<void> {
  const note = field(form, "note");
  await actionSession(async (session) => {
    if (session.subject === null || note === "") redirect("/");
    await session.update((data) => void (data.notes ??= []).push(note));
  });
  refresh();
}

export async function signOutElsewhere(): Promise<void> {
  await actionSession(async ({ id, subject }) => {
    if (subject !== null) await getSessions().subject(subject).revokeAll({ except: id });
  });
  refresh();
}

function field(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value.trim().slice(0, 200) : "";
}
