import { redirect } from "react-router";
import { sessionContext } from "../contexts.ts";
import { field } from "../field.server.ts";
import type { Route } from "./+types/notes";

export async function action({ request, context }: Route.ActionArgs) {
  const session = context.get(sessionContext);
  const note = await field(request, "note");
  if (session.subject !== null && note !== "") {
    await session.update((data) => void (data.notes ??= []).push(note));
  }
  return redirect("/", 303);
}
