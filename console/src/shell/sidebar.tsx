import { useEffect, useRef } from "react";
import { Link, useLocation } from "wouter";
import { useConsole } from "../api/console.ts";
import { IconButton } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import type { IconName } from "../ui/icon.tsx";
import { useHeard } from "./heard.tsx";
import { Mark } from "./mark.tsx";
import { GROUPS } from "./places.ts";

interface SidebarProps {
  /** On a narrow screen it lies over the page, as a dialog. */
  readonly open: boolean;
  readonly onClose: () => void;
}

export function Sidebar({ open, onClose }: SidebarProps) {
  const drawer = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open) drawer.current?.showModal();
    else drawer.current?.close();
  }, [open]);
  return (
    <>
      <aside className="sidebar" aria-label="Menu">
        <Mark />
        <Places />
        <LiveSign />
      </aside>
      <dialog ref={drawer} className="drawer" aria-label="Menu" onCancel={onClose}>
        {open ? (
          <>
            <div className="row row-wide">
              <Mark />
              <IconButton icon="close" label="Close the menu" onClick={onClose} />
            </div>
            <Places onGo={onClose} />
            <LiveSign />
          </>
        ) : null}
      </dialog>
    </>
  );
}

function Places({ onGo }: { readonly onGo?: () => void }) {
  const { may, me } = useConsole();
  const groups = GROUPS.map(({ title, places }) => ({
    title,
    places: places.filter(({ needs }) => may(needs)),
  })).filter(({ places }) => places.length > 0);
  const admin = me.user.role === "admin";
  return (
    <nav aria-label="Pages" className="places">
      {groups.map(({ title, places }) => (
        <section key={title}>
          <h2>{title}</h2>
          {places.map(({ path, title, icon }) => (
            <PlaceLink key={path} path={path} title={title} icon={icon} onGo={onGo} />
          ))}
        </section>
      ))}
      {admin ? (
        <section>
          <h2>Console</h2>
          <PlaceLink path="/team" title="Users" icon="members" onGo={onGo} />
          {me.fourEyes ? (
            <PlaceLink path="/reviews" title="Approvals" icon="done" onGo={onGo} />
          ) : null}
        </section>
      ) : null}
    </nav>
  );
}

interface PlaceLinkProps {
  readonly path: string;
  readonly title: string;
  readonly icon: IconName;
  readonly onGo: (() => void) | undefined;
}

function PlaceLink({ path, title, icon, onGo }: PlaceLinkProps) {
  const [location] = useLocation();
  const here = path === "/" ? location === "/" : location.startsWith(path);
  return (
    <Link href={path} onClick={onGo} aria-current={here ? "page" : undefined}>
      <Icon name={icon} />
      {title}
    </Link>
  );
}

const WORDS = {
  live: "Live",
  connecting: "Connecting",
  lost: "Not live: trying again",
} as const;

function LiveSign() {
  const { state } = useHeard();
  return (
    <p className={`live-sign live-${state}`}>
      <span aria-hidden="true" />
      {WORDS[state]}
    </p>
  );
}
