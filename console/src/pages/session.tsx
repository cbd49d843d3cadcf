/** One session: what it is worth now and why, what happened to it, and what can be done. */
import { useState } from "react";
import { Link, useParams } from "wouter";
import { api } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { useRead } from "../api/hooks.ts";
import type { Explanation, Session } from "../api/types.ts";
import { reasonWords, StateBadge } from "../ui/badge.tsx";
import { Bones, Facts, PageHead, Panel } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Copyable } from "../ui/copyable.tsx";
import { Field } from "../ui/field.tsx";
import { SubjectLink } from "../ui/entry.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Stamp } from "../ui/time.tsx";
import { Words } from "../ui/words.tsx";
import { Clocks, Rules } from "./session-clocks.tsx";
import { DataPanel, TokenPanel } from "./session-inside.tsx";
import { Timeline } from "./timeline.tsx";
import "./session.css";

/** Deadlines pass without anybody telling. */
const EVERY_MS = 10_000;

export function SessionPage() {
  const { id = "" } = useParams();
  const path = `/sessions/${encodeURIComponent(id)}/explain`;
  const explained = useRead<Explanation>(path, {}, { every: EVERY_MS });
  return (
    <Loaded of={explained} bones={<SessionBones />}>
      {(told) => (
        <>
          <PageHead title={told.session.subject ?? "Anonymous session"} lead={<Head of={told} />}>
            <Actions session={told.session} />
          </PageHead>
          <div className="session-grid">
            <div className="stack">
              <Why of={told} />
              <Timeline of={{ session: told.session.id }} />
            </div>
            <div className="stack">
              <About session={told.session} binding={told.binding} />
              <TokenPanel of={told} />
              <DataPanel of={told} />
            </div>
          </div>
        </>
      )}
    </Loaded>
  );
}

function SessionBones() {
  return (
    <div className="stack">
      <div className="page-head">
        <span className="bone bone-figure" />
      </div>
      <section className="panel">
        <Bones rows={8} />
      </section>
    </div>
  );
}

function Head({ of: { session } }: { readonly of: Explanation }) {
  const ended = session.end === undefined ? {} : { reason: session.end.reason };
  return (
    <span className="row">
      <StateBadge state={session.state} {...ended} />
      <Copyable text={session.id} what="the session's id" />
    </span>
  );
}

function Why({ of }: { readonly of: Explanation }) {
  const { end } = of.session;
  return (
    <Panel
      title={of.state === "active" ? "Why it is active" : `Why it is ${of.state}`}
      foot={`Limits of the policy ${of.policy.name}`}
      flush
    >
      <div className="why-says">
        <p>
          <Words text={of.says} />
        </p>
        {end === undefined ? null : (
          <p>
            Ended <Stamp at={end.at} />
            {end.actor === undefined ? "" : ` by ${end.actor}`}
            {end.cause === undefined ? "" : `: ${reasonWords(end.cause)}`}.
          </p>
        )}
        {of.fix === undefined ? null : (
          <p className="soft">
            <Words text={of.fix} />
          </p>
        )}
      </div>
      <Clocks of={of} />
      <Rules of={of} />
    </Panel>
  );
}

interface AboutProps {
  readonly session: Session;
  readonly binding: Explanation["binding"];
}

function About({ session, binding }: AboutProps) {
  const { device, assurance } = session;
  const { amr, acr, elevatedUntil } = assurance;
  const deviceName = device?.label ?? device?.id;
  return (
    <Panel title="Who and where">
      <Facts
        rows={[
          ["Subject", <SubjectLink key="s" subject={session.subject} />],
          ["Opened", <Stamp key="o" at={session.createdAt} />],
          ["Last seen", <Stamp key="l" at={session.seenAt} />],
          ["Proved by", amr.length === 0 ? undefined : amr.join(" + ")],
          ["Assurance", acr],
          ["Elevated until", elevatedUntil && <Stamp key="e" at={elevatedUntil} />],
          [
            "Device",
            device?.id === undefined ? (
              deviceName
            ) : (
              <Link key="d" href={`/devices/${encodeURIComponent(device.id)}`}>
                {deviceName}
              </Link>
            ),
          ],
          ["Address", device?.address],
          ["Bound by", binding && `${binding.tier}, ${binding.proofs} proofs`],
          ["Its key", binding && <code key="k">{binding.thumbprint}</code>],
          ["Roles", session.roles?.join(", ")],
          ["Client", session.clientId],
          ["Kind", session.kind],
          ["Acting for it", session.actor],
          ["Opened from", session.parent],
        ]}
      />
    </Panel>
  );
}

type Asked = "end" | "lock" | "extend" | undefined;

function Actions({ session }: { readonly session: Session }) {
  const { may } = useConsole();
  const [asked, setAsked] = useState<Asked>();
  const close = (): void => setAsked(undefined);
  if (session.state === "ended") return null;
  const locks = may("POST /v1/sessions/:id/lock") && session.state !== "locked";
  return (
    <>
      {may("POST /v1/sessions/:id/extend") && session.state === "active" ? (
        <Button onClick={() => setAsked("extend")}>Extend</Button>
      ) : null}
      {locks ? <Button onClick={() => setAsked("lock")}>Lock</Button> : null}
      {may("POST /v1/sessions/:id/revoke") ? (
        <Button kind="danger" onClick={() => setAsked("end")}>
          End session
        </Button>
      ) : null}
      {asked === "end" ? <EndDialog session={session} onClose={close} /> : null}
      {asked === "lock" ? <LockDialog session={session} onClose={close} /> : null}
      {asked === "extend" ? <ExtendDialog session={session} onClose={close} /> : null}
    </>
  );
}

interface ActionProps {
  readonly session: Session;
  readonly onClose: () => void;
}

function EndDialog({ session, onClose }: ActionProps) {
  const [cause, setCause] = useState("");
  const body = cause.trim() === "" ? {} : { cause: cause.trim() };
  return (
    <Confirm
      title="End this session"
      verb="End session"
      done="The session has ended"
      work={() => api(`/sessions/${session.id}/revoke`, { method: "POST", body })}
      onClose={onClose}
    >
      <p>{session.subject ?? "Whoever holds it"} has to sign in again. This cannot be undone.</p>
      <Field label="Cause" hint="Kept with the end and in the audit trail; may be left out.">
        <input value={cause} maxLength={256} onChange={({ target }) => setCause(target.value)} />
      </Field>
    </Confirm>
  );
}

function LockDialog({ session, onClose }: ActionProps) {
  return (
    <Confirm
      title="Lock this session"
      verb="Lock session"
      kind="primary"
      done="The session is locked"
      work={() => api(`/sessions/${session.id}/lock`, { method: "POST", body: {} })}
      onClose={onClose}
    >
      <p>
        It stays, and nothing can be done with it until {session.subject ?? "its holder"} has given
        a factor again.
      </p>
    </Confirm>
  );
}

function ExtendDialog({ session, onClose }: ActionProps) {
  return (
    <Confirm
      title="Extend this session"
      verb="Extend session"
      kind="primary"
      done="The idle clock starts anew"
      work={() => api(`/sessions/${session.id}/extend`, { method: "POST", body: {} })}
      onClose={onClose}
    >
      <p>The idle clock starts anew, as if its holder had just been there. The latest end stays.</p>
    </Confirm>
  );
}
