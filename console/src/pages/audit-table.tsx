import type { AuditEntry } from "../api/types.ts";
import { Detail, EntryName, SessionLink, SubjectLink } from "../ui/entry.tsx";
import { Stamp } from "../ui/time.tsx";

export function AuditTable({ entries }: { readonly entries: readonly AuditEntry[] }) {
  return (
    <ol className="audit-rows">
      {entries.map((entry) => (
        <li key={entry.id}>
          <span className="soft small">
            <Stamp at={entry.at} />
          </span>
          <span className="row">
            <EntryName entry={entry} />
            <Detail of={entry.detail} />
          </span>
          <span className="clip">
            {entry.subject === undefined ? null : <SubjectLink subject={entry.subject} />}
          </span>
          <span>{entry.session === undefined ? null : <SessionLink id={entry.session} />}</span>
          <span className="clip small" title={entry.actor}>
            {entry.actor === undefined ? "" : `by ${entry.actor}`}
            {entry.from === undefined ? null : (
              <span className="soft">
                {" "}
                {[entry.from.agent, entry.from.address].filter(Boolean).join(", ")}
              </span>
            )}
          </span>
        </li>
      ))}
    </ol>
  );
}
