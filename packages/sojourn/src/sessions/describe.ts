import type { SessionRecord, SessionSummary } from "../engine/record.ts";

/** A record without what only the rotation protocol may see. */
export function summaryOf(record: SessionRecord): SessionSummary {
  const { rotation: _rotation, ...summary } = record;
  return summary;
}
