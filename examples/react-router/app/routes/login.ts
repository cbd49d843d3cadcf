import { redirect } from "react-router";
import { sessionContext } from "../contexts.ts";
import { field } from "../field.server.ts";
import type { Route } from "./+types/login";

export async function action({ request, context }: Route.ActionArgs) {
  const name = await field(request, "name");
  if (name !== "") await context.get(sessionContext).login(name, { amr: ["pwd"] });
  return redirect("/", 303);
}
