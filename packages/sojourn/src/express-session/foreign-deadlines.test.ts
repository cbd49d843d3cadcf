import { expect, it } from "vitest";
import type { SessionRecord } from "../engine/record.ts";
import { ForeignDeadlines } from "./foreign-deadlines.ts";

const KNOWN_MAX = 200_000;

/** As much of a record as deadlines look at. */
function recordOf(id: string): SessionRecord {
  const end = { reason: "logout", at: 0 } as const;
  return { tenant: "t", id, end } as unknown as SessionRecord;
}

it("remembers deadlines of so many sessions and no more, and goes on with those it knows", () => {
  const deadlines = new ForeignDeadlines();
  for (let at = 0; at < KNOWN_MAX + 5; at += 1) deadlines.note(recordOf(String(at)));
  deadlines.forget({ tenant: "t", id: "0" });
  deadlines.note(recordOf("new"));
  const { taken } = deadlines.takeEndedBefore(1, KNOWN_MAX * 2);
  expect(taken).toHaveLength(KNOWN_MAX);
  expect(taken.map(({ id }) => id)).toContain("new");
});
