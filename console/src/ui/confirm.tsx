import { useState } from "react";
import type { ReactNode } from "react";
import { useAct } from "../api/hooks.ts";
import { Trouble } from "./blocks.tsx";
import { Button } from "./button.tsx";
import type { ButtonKind } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { Field } from "./field.tsx";

interface ConfirmProps {
  readonly title: string;
  readonly children?: ReactNode;
  /** Of the button: a verb. */
  readonly verb: string;
  readonly kind?: ButtonKind;
  /** What has to be typed first. */
  readonly typed?: string;
  readonly blocked?: boolean;
  /** Told when it was done. */
  readonly done: string;
  readonly work: () => Promise<unknown>;
  readonly onClose: () => void;
}

export function Confirm(props: ConfirmProps) {
  const { title, children, verb, kind = "destroy", typed, blocked = false } = props;
  const { done, work, onClose } = props;
  const act = useAct();
  const [text, setText] = useState("");
  const ready = !blocked && (typed === undefined || text === typed);
  const submit = async (): Promise<void> => {
    if (ready && (await act.run(work, done))) onClose();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        {children}
        {typed === undefined ? null : (
          <Field label={`Type “${typed}” to confirm`}>
            <input
              value={text}
              autoComplete="off"
              spellCheck={false}
              onChange={({ target }) => setText(target.value)}
            />
          </Field>
        )}
        {act.error === undefined ? null : <Trouble error={act.error} />}
        <div className="dialog-foot">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind={kind} busy={act.busy} disabled={!ready}>
            {verb}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
