/** What every page is made of: a head, panels, facts, and what stands where nothing is. */
import type { ReactNode } from "react";
import { ProblemError } from "../api/client.ts";
import { Button } from "./button.tsx";

interface PageHeadProps {
  readonly title: string;
  readonly lead?: ReactNode;
  readonly children?: ReactNode;
}

export function PageHead({ title, lead, children }: PageHeadProps) {
  return (
    <header className="page-head">
      <title>{`${title} – Sojourn console`}</title>
      <div className="stack-tight">
        <h1 tabIndex={-1}>{title}</h1>
        {lead === undefined ? null : <p>{lead}</p>}
      </div>
      {children === undefined ? null : <div className="row">{children}</div>}
    </header>
  );
}

interface PanelProps {
  readonly title?: string;
  readonly actions?: ReactNode;
  readonly foot?: ReactNode;
  /** Tables go up to the edge. */
  readonly flush?: boolean;
  readonly children: ReactNode;
}

export function Panel({ title, actions, foot, flush = false, children }: PanelProps) {
  return (
    <section className="panel" aria-label={title}>
      {title === undefined ? null : (
        <div className="panel-head">
          <h2>{title}</h2>
          {actions === undefined ? null : <div className="row">{actions}</div>}
        </div>
      )}
      {flush ? children : <div className="panel-body">{children}</div>}
      {foot === undefined ? null : <div className="panel-foot">{foot}</div>}
    </section>
  );
}

export type FactRow = readonly [label: string, value: ReactNode];

/** Rows without a value are left out. */
export function Facts({ rows }: { readonly rows: readonly FactRow[] }) {
  const shown = rows.filter(([, value]) => value !== undefined && value !== null);
  return (
    <dl className="facts">
      {shown.map(([label, value]) => (
        <FactPair key={label} label={label} value={value} />
      ))}
    </dl>
  );
}

function FactPair({ label, value }: { readonly label: string; readonly value: ReactNode }) {
  return (
    <>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </>
  );
}

interface EmptyProps {
  readonly title: string;
  /** What to do next. */
  readonly children?: ReactNode;
}

export function Empty({ title, children }: EmptyProps) {
  return (
    <div className="empty">
      <p className="block-title">{title}</p>
      {children}
    </div>
  );
}

export function Bones({ rows = 6 }: { readonly rows?: number }) {
  return (
    <div className="bones" aria-hidden="true">
      {Array.from({ length: rows }, (_, index) => (
        <div key={index}>
          <span className="bone" />
        </div>
      ))}
    </div>
  );
}

interface TroubleProps {
  readonly error: unknown;
  readonly onRetry?: (() => void) | undefined;
}

/** What went wrong, in the service's own words, and what to quote when asking somebody. */
export function Trouble({ error, onRetry }: TroubleProps) {
  const problem = error instanceof ProblemError ? error : undefined;
  return (
    <div className="trouble" role="alert">
      <p className="block-title">{problem?.title ?? "This page met an error"}</p>
      <p>{problem?.detail ?? String(error)}</p>
      {(problem?.errors ?? []).map(({ path, message }) => (
        <p key={path} className="small">
          <code>{path}</code> {message}
        </p>
      ))}
      {problem?.requestId === undefined ? null : (
        <p className="small soft">
          Request <code>{problem.requestId}</code>
        </p>
      )}
      <Again problem={problem} onRetry={onRetry} />
    </div>
  );
}

interface AgainProps extends Pick<TroubleProps, "onRetry"> {
  readonly problem: ProblemError | undefined;
}

/** Not for what would be answered the same way. */
function Again({ problem, onRetry }: AgainProps) {
  if (onRetry === undefined || problem?.retryable === false) return null;
  return <Button onClick={onRetry}>Try again</Button>;
}

/** Heads a column of buttons: heard, not seen. */
export function ActionsHead() {
  return (
    <th scope="col">
      <span className="hidden-text">Actions</span>
    </th>
  );
}
