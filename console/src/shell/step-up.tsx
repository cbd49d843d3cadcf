/** An act that needs a fresh proof asks for it here, and goes on by itself. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link } from "wouter";
import { wiring } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { Trouble } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { passkeyTrouble, provePasskey } from "./passkey.ts";

type Answer = (proved: boolean) => void;

export function StepUp() {
  const [asked, setAsked] = useState<readonly Answer[]>([]);
  useEffect(() => {
    wiring.stepUp = () =>
      new Promise((resolve) => {
        setAsked((all) => [...all, resolve]);
      });
    return () => {
      wiring.stepUp = () => Promise.resolve(false);
    };
  }, []);
  if (asked.length === 0) return null;
  const answer = (proved: boolean): void => {
    for (const each of asked) each(proved);
    setAsked([]);
  };
  return <Ask onAnswer={answer} />;
}

function Ask({ onAnswer }: { readonly onAnswer: Answer }) {
  const { me } = useConsole();
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [told, setTold] = useState<string>();
  const prove = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    setTold(undefined);
    try {
      client.setQueryData(["me"], await provePasskey("step-up"));
      onAnswer(true);
    } catch (caught) {
      setBusy(false);
      if (caught instanceof Error && caught.name === "ProblemError") setError(caught);
      else setTold(passkeyTrouble(caught));
    }
  };
  return (
    <Dialog title="Confirm that it is you" onClose={() => onAnswer(false)}>
      {me.hasPasskey ? (
        <p>This reaches far, so it needs your passkey once more. It counts for five minutes.</p>
      ) : (
        <p>
          This reaches far, so it needs a passkey, and you have none yet.{" "}
          <Link href="/account" onClick={() => onAnswer(false)}>
            Make one
          </Link>{" "}
          first.
        </p>
      )}
      {error === undefined ? null : <Trouble error={error} />}
      {told === undefined ? null : <p role="alert">{told}</p>}
      <div className="dialog-foot">
        <Button onClick={() => onAnswer(false)}>Cancel</Button>
        <Button kind="primary" busy={busy} disabled={!me.hasPasskey} onClick={() => void prove()}>
          Use a passkey
        </Button>
      </div>
    </Dialog>
  );
}
