/** Who is signed in, as what, for how long; the theme; the way out. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useId, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { call, wiring } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { Button } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { spanWords, useNow } from "../ui/time.tsx";
import { useSay } from "../ui/toasts.tsx";
import { THEMES, useTheme } from "./theme.ts";

export function PersonMenu({ onKeys }: { readonly onKeys: () => void }) {
  const { me } = useConsole();
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const [location] = useLocation();
  const id = useId();
  useEffect(() => setOpen(false), [location]);
  useEffect(() => {
    if (!open) return undefined;
    const onDown = ({ target }: Event): void => {
      if (!(target instanceof Node) || !box.current?.contains(target)) setOpen(false);
    };
    document.addEventListener("pointerdown", onDown);
    return () => document.removeEventListener("pointerdown", onDown);
  }, [open]);
  return (
    <div
      ref={box}
      className="person"
      onKeyDown={({ key }) => {
        if (key !== "Escape" || !open) return;
        setOpen(false);
        button.current?.focus();
      }}
    >
      <button
        ref={button}
        type="button"
        className="button button-quiet"
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
      >
        <Icon name="user" />
        <span className="person-name">{me.user.name}</span>
        <span className="soft person-role">{me.user.role}</span>
      </button>
      <div id={id} hidden={!open} className="person-card">
        {open ? <Card onKeys={onKeys} /> : null}
      </div>
    </div>
  );
}

function Card({ onKeys }: { readonly onKeys: () => void }) {
  const { me } = useConsole();
  const client = useQueryClient();
  const say = useSay();
  const now = useNow();
  const [theme, choose] = useTheme();
  const left = (at: string): string => spanWords((Date.parse(at) - now) / 1_000);
  const leave = async (): Promise<void> => {
    wiring.leaving(true);
    try {
      await call("/session", { method: "DELETE" });
      client.clear();
      location.assign("/console/");
    } catch {
      wiring.leaving(false);
      say("You are still signed in: the service did not answer.", true);
    }
  };
  return (
    <>
      <p>
        <strong>{me.user.name}</strong> <span className="soft">{me.user.role}</span>
      </p>
      <p className="small soft">
        Signed out in {left(me.session.idleExpiresAt)} without activity, and in{" "}
        {left(me.session.absoluteExpiresAt)} whatever happens.
      </p>
      <fieldset className="themes">
        <legend className="field-label">Theme</legend>
        {THEMES.map((each) => (
          <label key={each}>
            <input
              type="radio"
              name="theme"
              checked={theme === each}
              onChange={() => choose(each)}
            />
            {each}
          </label>
        ))}
      </fieldset>
      <div className="person-links">
        <Link href="/account">Your passkeys</Link>
        <button type="button" className="link" onClick={onKeys}>
          Keyboard shortcuts
        </button>
      </div>
      <Button onClick={() => void leave()}>Sign out</Button>
    </>
  );
}
