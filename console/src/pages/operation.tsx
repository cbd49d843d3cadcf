/** How far one operation is. */
import { api } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { useAct } from "../api/hooks.ts";
import { Badge, reasonWords } from "../ui/badge.tsx";
import type { Tone } from "../ui/badge.tsx";
import { Button } from "../ui/button.tsx";
import { whole } from "../ui/numbers.ts";
import { Ago } from "../ui/time.tsx";

export interface Operation {
  readonly id: string;
  readonly state: string;
  readonly action: string;
  readonly filter: Readonly<Record<string, string>>;
  readonly cause?: string;
  readonly startedBy: string;
  readonly startedAt: string;
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly failures: readonly { readonly session: string; readonly why: string }[];
  readonly trouble?: string;
}

const TONES: Readonly<Record<string, Tone>> = { running: "accent", done: "good" };
const VERBS: Readonly<Record<string, string>> = { revoke: "end", lock: "lock" };

export function OperationRow({ operation }: { readonly operation: Operation }) {
  const { may } = useConsole();
  const act = useAct();
  const { id, state, filter, total, done, failed, failures, trouble } = operation;
  const all = Math.max(total, done, 1);
  const chosen = Object.entries(filter).map(([name, value]) => `${name} ${value}`);
  const running = state === "running";
  const stop = (): Promise<unknown> => api(`/operations/${id}/cancel`, { method: "POST" });
  return (
    <li>
      <div className="operation-words">
        <span className="row">
          <Badge tone={TONES[state] ?? "soft"}>{state}</Badge>
          <strong>
            {VERBS[operation.action] ?? operation.action} {chosen.join(", ") || "every session"}
          </strong>
        </span>
        <span className="soft small">
          {operation.startedBy}, <Ago at={operation.startedAt} />
          {operation.cause === undefined ? "" : `; ${reasonWords(operation.cause)}`}
        </span>
      </div>
      <div className="operation-progress">
        <progress className="progress" max={all} value={done} aria-label={`Progress of ${id}`} />
        <span className="small num">
          {whole(done)} of {whole(total)}
          {failed === 0 ? "" : `, ${whole(failed)} failed`}
        </span>
      </div>
      {running && may("POST /v1/operations/:id/cancel") ? (
        <Button small busy={act.busy} onClick={() => void act.run(stop, "It is stopped")}>
          Stop
        </Button>
      ) : null}
      {trouble === undefined ? null : <p className="field-error">{trouble}</p>}
      {failures.map(({ session, why }) => (
        <p key={session} className="small">
          <code>{session}</code> {why}
        </p>
      ))}
    </li>
  );
}
