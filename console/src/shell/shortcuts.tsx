import { useEffect, useEffectEvent, useRef } from "react";
import { useLocation } from "wouter";
import { useConsole } from "../api/console.ts";
import { Button } from "../ui/button.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { GROUPS } from "./places.ts";

const SECOND_KEY_MS = 1_200;

interface Keys {
  readonly onJump: () => void;
  readonly onHelp: () => void;
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

/** @returns `undefined` for what belongs to a dialog, a field or the browser. */
function keyOf({ key, ctrlKey, metaKey, altKey, target }: KeyboardEvent): string | undefined {
  if (document.querySelector("dialog[open]") !== null) return undefined;
  if (ctrlKey || metaKey) return key.toLowerCase() === "k" ? "ctrl+k" : undefined;
  return altKey || isTyping(target) ? undefined : key;
}

/** Single keys, where nobody is typing and no dialog is open. */
export function useKeys({ onJump, onHelp }: Keys): void {
  const { may } = useConsole();
  const [, navigate] = useLocation();
  const wentAt = useRef(-Infinity);
  const goTo = (key: string): void => {
    const place = GROUPS.flatMap(({ places }) => places).find((each) => each.key === key);
    if (place !== undefined && may(place.needs)) navigate(place.path);
  };
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    const key = keyOf(event);
    if (key === undefined) return;
    const second = event.timeStamp - wentAt.current < SECOND_KEY_MS;
    wentAt.current = key === "g" && !second ? event.timeStamp : -Infinity;
    if (second) goTo(key);
    else if (key === "?") onHelp();
    else if (key === "/" || key === "ctrl+k") {
      event.preventDefault();
      onJump();
    }
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent): void => onKey(event);
    document.addEventListener("keydown", listener);
    return () => document.removeEventListener("keydown", listener);
  }, []);
}

export function Shortcuts({ onClose }: { readonly onClose: () => void }) {
  const { may } = useConsole();
  const places = GROUPS.flatMap((group) => group.places).filter(({ needs }) => may(needs));
  const rows: [string[], string][] = [
    [["/"], "Go to a session, subject, device or page"],
    [["Ctrl", "K"], "The same, while typing"],
    [["?"], "These shortcuts"],
    [["Esc"], "Close what lies over the page"],
    ...places.map(({ key, title }): [string[], string] => [["g", key], title]),
  ];
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl className="facts shortcuts">
        {rows.map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map((key) => (
                <kbd className="kbd" key={key}>
                  {key}
                </kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <div className="dialog-foot">
        <Button onClick={onClose}>Close</Button>
      </div>
    </Dialog>
  );
}
