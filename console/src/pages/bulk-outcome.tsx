import { useRef, useState } from "react";
import { api } from "../api/client.ts";
import { Empty } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { counted, whole } from "../ui/numbers.ts";
import { Ago } from "../ui/time.tsx";
import type { Tried, Wish } from "./bulk-form.tsx";
import { SessionList } from "./session-list.tsx";

interface BulkOutcomeProps {
  readonly wish: Wish;
  readonly tried: Tried;
  readonly onStarted: () => void;
}

const VERBS: Readonly<Record<string, string>> = { revoke: "End", lock: "Lock" };

export function BulkOutcome({ wish, tried, onStarted }: BulkOutcomeProps) {
  const [asked, setAsked] = useState(false);
  const { count, sample, everything } = tried;
  const verb = VERBS[wish.action] ?? wish.action;
  if (count.value === 0) {
    return (
      <Empty title="No session matches">
        <p>Nothing can be started. Widen what is asked for, and count again.</p>
      </Empty>
    );
  }
  return (
    <>
      <div className="bulk-count">
        <p className="bulk-number">
          {count.exact ? "" : "at least "}
          {whole(count.value)}
        </p>
        <div>
          <p>
            {everything
              ? "That is every session of this tenant: nothing is left out."
              : "of the sessions that were open when you counted."}
          </p>
          <p className="soft small">
            The count expires <Ago at={tried.expiresAt} />. Later sessions are left alone.
          </p>
        </div>
        <Button kind="destroy" onClick={() => setAsked(true)}>
          {verb} {counted(count.value, "session")}
        </Button>
      </div>
      <SessionList sessions={sample} subjects />
      {count.value > sample.length ? (
        <p className="panel-foot">The newest {sample.length} of them.</p>
      ) : null}
      {asked ? (
        <StartDialog
          wish={wish}
          tried={tried}
          onClose={() => setAsked(false)}
          onStarted={onStarted}
        />
      ) : null}
    </>
  );
}

interface StartDialogProps extends BulkOutcomeProps {
  readonly onClose: () => void;
}

function StartDialog({ wish, tried, onClose, onStarted }: StartDialogProps) {
  const verb = VERBS[wish.action] ?? wish.action;
  const { value } = tried.count;
  // A start that is repeated, after a step-up or a lost answer, is the same start.
  const once = useRef(crypto.randomUUID());
  const start = async (): Promise<void> => {
    const body = { ...wish, dryRun: false, token: tried.token, confirm: value };
    const headers = { "idempotency-key": once.current };
    await api("/bulk", { method: "POST", body, headers });
    onStarted();
  };
  return (
    <Confirm
      title={`${verb} ${counted(value, "session")}`}
      verb={`${verb} ${counted(value, "session")}`}
      typed={`${verb.toLowerCase()} ${value}`}
      done="It is under way"
      work={start}
      onClose={onClose}
    >
      <p>
        {tried.everything ? <strong>Everybody of this tenant is signed out. </strong> : null}
        It begins at once and goes on by itself; you can stop it on this page. What has ended stays
        ended.
      </p>
    </Confirm>
  );
}
