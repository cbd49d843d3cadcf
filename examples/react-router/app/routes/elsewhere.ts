import { redirect } from "react-router";
import { sessionContext } from "../contexts.ts";
import { sessions } from "../sessions.server.ts";
import type { Route } from "./+types/elsewhere";

export async function action({ context }: Route.ActionArgs) {
  const { id, subject } = context.get(sessionContext);
  if (subject !== null) await sessions.subject(subject).revokeAll({ except: id });
  return redirect("/", 303);
}
