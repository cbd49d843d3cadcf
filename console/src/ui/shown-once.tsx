/** A secret, the one time that it is shown. It goes when its owner says so, not by Escape. */
import type { ReactNode } from "react";
import { Button } from "./button.tsx";
import { Copyable } from "./copyable.tsx";
import { Dialog } from "./dialog.tsx";

interface ShownOnceProps {
  readonly title: string;
  readonly text: string;
  readonly children: ReactNode;
  readonly onClose: () => void;
}

export function ShownOnce({ title, text, children, onClose }: ShownOnceProps) {
  return (
    <Dialog title={title} onClose={() => undefined}>
      <p>{children}</p>
      <p className="notice">
        <Copyable text={text} what="the secret" />
      </p>
      <div className="dialog-foot">
        <Button kind="primary" onClick={onClose}>
          I have kept it
        </Button>
      </div>
    </Dialog>
  );
}
