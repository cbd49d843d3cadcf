import { useState } from "react";
import { Link } from "wouter";
import { IconButton } from "./button.tsx";

const DONE_MS = 1_500;

interface CopyableProps {
  readonly text: string;
  /** What it is, for the button's name. */
  readonly what: string;
  readonly href?: string;
}

/** Something to paste elsewhere: cut off where there is no room, copied whole. */
export function Copyable({ text, what, href }: CopyableProps) {
  const [done, setDone] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), DONE_MS);
  };
  return (
    <span className="copyable">
      {href === undefined ? (
        <code className="clip" title={text}>
          {text}
        </code>
      ) : (
        <Link href={href} className="mono clip" title={text}>
          {text}
        </Link>
      )}
      <IconButton
        icon={done ? "done" : "copy"}
        label={done ? "Copied" : `Copy ${what}`}
        onClick={() => void copy()}
      />
    </span>
  );
}
