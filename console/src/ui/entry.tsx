/** Entries of the audit trail in words, the same on every page. */
import { Link } from "wouter";
import type { AuditEntry } from "../api/types.ts";
import { Badge, reasonWords } from "./badge.tsx";
import type { Tone } from "./badge.tsx";

const TONES: Readonly<Record<string, Tone>> = {
  "session-established": "good",
  "session-extended": "good",
  "session-locked": "warn",
  "session-unlocked": "good",
  "subject-revoked": "warn",
  "token-fork": "bad",
  "token-reuse": "bad",
  "token-forged": "bad",
  "generation-ahead": "bad",
  "store-unavailable": "bad",
  "store-recovered": "good",
  "audit-dropped": "bad",
  "audit-damaged": "bad",
  "audit-unproved": "bad",
  "risk-level-change": "warn",
  "data-revealed": "warn",
};

const ENDS: Readonly<Record<string, Tone>> = { reuse_detected: "bad", revoked: "warn" };

export function toneOf({ name, reason }: Pick<AuditEntry, "name" | "reason">): Tone {
  return (reason === undefined ? undefined : ENDS[reason]) ?? TONES[name] ?? "soft";
}

export function EntryName({ entry }: { readonly entry: AuditEntry }) {
  const { name, reason, cause } = entry;
  return (
    <span className="row">
      <Badge tone={toneOf(entry)}>{name.replaceAll("-", " ")}</Badge>
      {reason === undefined ? null : <span>{reasonWords(reason)}</span>}
      {cause === undefined ? null : <span className="soft">{reasonWords(cause)}</span>}
      {entry.erased === true ? <span className="soft">erased</span> : null}
      {entry.tampered === true ? <Badge tone="bad">not what was written</Badge> : null}
    </span>
  );
}

export function SubjectLink({ subject }: { readonly subject: string | null | undefined }) {
  if (subject === undefined || subject === null) return <span className="soft">anonymous</span>;
  return (
    <Link href={`/subjects/${encodeURIComponent(subject)}`} className="clip" title={subject}>
      {subject}
    </Link>
  );
}

const SHOWN_CHARS = 12;

export function SessionLink({ id }: { readonly id: string }) {
  return (
    <Link href={`/sessions/${encodeURIComponent(id)}`} className="mono nowrap" title={id}>
      {id.slice(0, SHOWN_CHARS)}…
    </Link>
  );
}

function valueWords(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueWords).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Small values of an entry on one line. */
export function Detail({ of }: { readonly of: AuditEntry["detail"] }) {
  const shown = Object.entries(of ?? {}).filter(([name]) => name !== "sidRef");
  if (shown.length === 0) return null;
  return (
    <span className="soft small detail">
      {shown.map(([name, value]) => (
        <span key={name}>
          {name} <code>{valueWords(value)}</code>
        </span>
      ))}
    </span>
  );
}
