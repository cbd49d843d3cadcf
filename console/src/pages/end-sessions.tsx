/** End what was selected, one after the other, with what went wrong kept in sight. */
import { useState } from "react";
import { api, ProblemError } from "../api/client.ts";
import type { Session } from "../api/types.ts";
import { Button } from "../ui/button.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field } from "../ui/field.tsx";
import { counted, whole } from "../ui/numbers.ts";
import { useSay } from "../ui/toasts.tsx";

interface EndSessionsProps {
  readonly sessions: readonly Session[];
  readonly onClose: () => void;
  readonly onDone: () => void;
}

interface Work {
  readonly all: number;
  readonly done: number;
  readonly failed: readonly string[];
  readonly finished: boolean;
}

const SUBJECTS_SHOWN = 5;

export function EndSessions({ sessions, onClose, onDone }: EndSessionsProps) {
  const [cause, setCause] = useState("");
  const [work, setWork] = useState<Work>();
  const say = useSay();
  const subjects = [...new Set(sessions.map(({ subject }) => subject ?? "anonymous"))];
  const end = async (): Promise<void> => {
    const failed: string[] = [];
    const all = sessions.length;
    const words = cause.trim() === "" ? {} : { cause: cause.trim() };
    let done = 0;
    setWork({ all, done, failed, finished: false });
    for (const { id } of sessions) {
      try {
        await api(`/sessions/${id}/revoke`, { method: "POST", body: words });
      } catch (error) {
        failed.push(`${id}: ${error instanceof ProblemError ? error.detail : String(error)}`);
      }
      done += 1;
      setWork({ all, done, failed: [...failed], finished: done === all });
    }
    onDone();
    if (failed.length > 0) return;
    say(`${counted(all, "session")} ended`);
    onClose();
  };
  return (
    <Dialog title={`End ${counted(sessions.length, "session")}`} onClose={onClose}>
      <p>
        {subjects.slice(0, SUBJECTS_SHOWN).join(", ")}
        {subjects.length > SUBJECTS_SHOWN
          ? ` and ${subjects.length - SUBJECTS_SHOWN} more`
          : ""}{" "}
        will have to sign in again. This cannot be undone.
      </p>
      <Field label="Cause" hint="Kept with the end and in the audit trail; may be left out.">
        <input value={cause} maxLength={256} onChange={({ target }) => setCause(target.value)} />
      </Field>
      {work === undefined ? null : (
        <div className="stack-tight" role="status">
          <progress className="progress" max={work.all} value={work.done} />
          <span className="small">
            {whole(work.done)} of {whole(work.all)}
          </span>
          {work.failed.map((line) => (
            <p key={line} className="field-error">
              {line}
            </p>
          ))}
        </div>
      )}
      <div className="dialog-foot">
        <Button onClick={onClose}>{work?.finished === true ? "Close" : "Cancel"}</Button>
        <Button
          kind="destroy"
          busy={work !== undefined && !work.finished}
          onClick={() => void end()}
        >
          End {counted(sessions.length, "session")}
        </Button>
      </div>
    </Dialog>
  );
}
