/** Paste a session's id, a subject or a device, or name a page. */
import { useEffect, useId, useRef, useState } from "react";
import { useLocation } from "wouter";
import { useConsole } from "../api/console.ts";
import { Icon } from "../ui/icon.tsx";
import { GROUPS } from "./places.ts";
import "./jump.css";

interface Goal {
  readonly href: string;
  readonly title: string;
  readonly kind: string;
}

const PLACES_MAX = 8;
const SESSION = /^ses_[\w-]+$/;

function useGoals(text: string): readonly Goal[] {
  const { may } = useConsole();
  const wanted = text.trim();
  const places = GROUPS.flatMap((group) => group.places)
    .filter(({ title, needs }) => may(needs) && title.toLowerCase().includes(wanted.toLowerCase()))
    .slice(0, PLACES_MAX)
    .map(({ path, title }) => ({ href: path, title, kind: "Page" }));
  if (wanted === "") return places;
  const at = encodeURIComponent(wanted);
  if (SESSION.test(wanted)) return [{ href: `/sessions/${at}`, title: wanted, kind: "Session" }];
  const device = { href: `/devices/${at}`, title: wanted, kind: "Device" };
  const subject = { href: `/subjects/${at}`, title: wanted, kind: "Subject" };
  return wanted.startsWith("dev_") ? [device, subject] : [...places, subject, device];
}

export function JumpButton({ onClick }: { readonly onClick: () => void }) {
  return (
    <button type="button" className="jump-button" onClick={onClick}>
      <Icon name="explorer" />
      <span className="clip">Go to a session, subject or device</span>
      <kbd className="kbd wide-only">/</kbd>
    </button>
  );
}

export function Jump({ onClose }: { readonly onClose: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [, navigate] = useLocation();
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  const goals = useGoals(text);
  useEffect(() => box.current?.showModal(), []);
  const go = (goal: Goal | undefined): void => {
    if (goal === undefined) return;
    onClose();
    navigate(goal.href);
  };
  const move = (by: number): void => setAt((at + by + goals.length) % Math.max(1, goals.length));
  return (
    <dialog ref={box} className="dialog jump" aria-label="Go to" onCancel={onClose}>
      <input
        className="jump-input"
        role="combobox"
        aria-label="Session, subject, device or page"
        aria-expanded={goals.length > 0}
        aria-controls={id}
        aria-activedescendant={goals.length > 0 ? `${id}-${at}` : undefined}
        placeholder="ses_…, a subject, dev_…, or a page"
        autoFocus
        spellCheck={false}
        autoComplete="off"
        value={text}
        onChange={({ target }) => {
          setText(target.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
          if (step !== undefined) move(step);
          else if (event.key === "Enter") go(goals[at]);
          else return;
          event.preventDefault();
        }}
      />
      <div className="jump-goals" role="listbox" id={id} aria-label="Goals">
        {goals.map((goal, index) => (
          <div
            key={goal.href}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === at}
            onPointerEnter={() => setAt(index)}
            onClick={() => go(goal)}
          >
            <span className="clip">{goal.title}</span>
            <span className="soft small">{goal.kind}</span>
          </div>
        ))}
      </div>
    </dialog>
  );
}
