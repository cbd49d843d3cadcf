/** What handlers do with their session; beside the other cases, for the time it takes. */
import { describe, it } from "vitest";
import { sessionCases } from "./cases/sessions.ts";
import { suite } from "./support/suite.ts";

const { same } = suite("sessions in handlers");

describe("sessions in handlers are as upstream's", () => {
  it.each(sessionCases)("$name", same);
});
