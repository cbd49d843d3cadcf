import type { Session } from "sojourn";
import type { Notebook } from "./lib/server/sessions.ts";

declare global {
  namespace App {
    interface Locals {
      session: Session<Notebook>;
    }
  }
}
