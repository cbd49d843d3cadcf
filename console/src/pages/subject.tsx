/** One subject: all its sessions, what happened, and the way to end everything at once. */
import { useState } from "react";
import { Link, useParams } from "wouter";
import { api } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { useRead } from "../api/hooks.ts";
import type { Page, Session } from "../api/types.ts";
import { Empty, PageHead, Panel } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Field } from "../ui/field.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { counted } from "../ui/numbers.ts";
import { SessionList } from "./session-list.tsx";
import { Timeline } from "./timeline.tsx";

interface SubjectReply {
  readonly subject: string;
  readonly epoch: number;
  readonly sessions: number;
}

const ROWS = 50;

export function SubjectPage() {
  const { subject: coded = "" } = useParams();
  const subject = decodeURIComponent(coded);
  const { may } = useConsole();
  const [ending, setEnding] = useState(false);
  const at = `/subjects/${encodeURIComponent(subject)}`;
  const about = useRead<SubjectReply>(at);
  const live = useRead<Page<Session>>("/sessions", { subject, limit: ROWS });
  const count = about.data?.sessions;
  const lead =
    about.data === undefined
      ? " "
      : `${counted(about.data.sessions, "live session")}; epoch ${about.data.epoch}`;
  return (
    <>
      <PageHead title={subject} lead={lead}>
        {may("POST /v1/subjects/:subject/revoke") ? (
          <Button kind="danger" disabled={count === 0} onClick={() => setEnding(true)}>
            End all sessions
          </Button>
        ) : null}
      </PageHead>
      <Panel title="Live sessions" flush>
        <Loaded of={live}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="Signed in nowhere">
                <p>
                  <Link href={`/sessions?state=ended&subject=${encodeURIComponent(subject)}`}>
                    Sessions that have ended
                  </Link>{" "}
                  are kept for a while.
                </p>
              </Empty>
            ) : (
              <SessionList sessions={items} />
            )
          }
        </Loaded>
      </Panel>
      <Timeline of={{ subject }} />
      {ending ? (
        <EndAll subject={subject} count={count ?? 0} onClose={() => setEnding(false)} />
      ) : null}
    </>
  );
}

interface EndAllProps {
  readonly subject: string;
  readonly count: number;
  readonly onClose: () => void;
}

function EndAll({ subject, count, onClose }: EndAllProps) {
  const [cause, setCause] = useState("");
  const body = cause.trim() === "" ? {} : { cause: cause.trim() };
  const path = `/subjects/${encodeURIComponent(subject)}/revoke`;
  return (
    <Confirm
      title={`End all sessions of ${subject}`}
      verb={`End ${counted(count, "session")}`}
      typed={subject}
      done={`All sessions of ${subject} have ended`}
      work={() => api(path, { method: "POST", body })}
      onClose={onClose}
    >
      <p>
        Every session ends at once, also one that is being opened just now. Everywhere{" "}
        <strong>{subject}</strong> has to sign in again. This cannot be undone.
      </p>
      <Field label="Cause" hint="Kept with the ends and in the audit trail; may be left out.">
        <input value={cause} maxLength={256} onChange={({ target }) => setCause(target.value)} />
      </Field>
    </Confirm>
  );
}
