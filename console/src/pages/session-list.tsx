/** A short list of sessions, for pages about one subject or device. */
import type { Session } from "../api/types.ts";
import { StateBadge } from "../ui/badge.tsx";
import { SessionLink, SubjectLink } from "../ui/entry.tsx";
import { LifeLine } from "../ui/life-line.tsx";
import { Ago } from "../ui/time.tsx";

interface SessionListProps {
  readonly sessions: readonly Session[];
  /** On a device's page it says whose each is. */
  readonly subjects?: boolean;
}

export function SessionList({ sessions, subjects = false }: SessionListProps) {
  return (
    <div className="table-scroll">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Session</th>
            {subjects ? <th scope="col">Subject</th> : null}
            <th scope="col">State</th>
            <th scope="col" className="wide-only">
              Device
            </th>
            <th scope="col" className="wide-only">
              Time used
            </th>
            <th scope="col" className="num">
              Last seen
            </th>
          </tr>
        </thead>
        <tbody>
          {sessions.map((session) => (
            <tr key={session.id}>
              <th scope="row">
                <SessionLink id={session.id} />
              </th>
              {subjects ? (
                <td>
                  <SubjectLink subject={session.subject} />
                </td>
              ) : null}
              <td>
                <StateBadge
                  state={session.state}
                  {...(session.end === undefined ? {} : { reason: session.end.reason })}
                />
              </td>
              <td className="wide-only soft">{session.device?.label ?? "–"}</td>
              <td className="wide-only">
                <LifeLine of={session} />
              </td>
              <td className="num soft">
                <Ago at={session.seenAt} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
