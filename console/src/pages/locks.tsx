/** Whom the tenant keeps out: new sessions are refused, live ones end. */
import { useState } from "react";
import { api } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { useRead } from "../api/hooks.ts";
import type { Page } from "../api/types.ts";
import { Badge, reasonWords } from "../ui/badge.tsx";
import { ActionsHead, Empty, PageHead, Panel } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { SubjectLink } from "../ui/entry.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Ago } from "../ui/time.tsx";
import { SetLock } from "./set-lock.tsx";

export interface Lock {
  readonly id: string;
  readonly kind: string;
  readonly value?: string;
  readonly message: string;
  readonly reason?: string;
  readonly setBy: string;
  readonly setAt: string;
  readonly expiresAt?: string;
}

const ROWS = 200;

export function Locks() {
  const { may } = useConsole();
  const locks = useRead<Page<Lock>>("/locks", { limit: ROWS });
  const [setting, setSetting] = useState(false);
  const [lifting, setLifting] = useState<Lock>();
  return (
    <>
      <PageHead
        title="Locks"
        lead="Whoever is locked out opens no new session, and the live ones end, everywhere within a second."
      >
        {may("POST /v1/locks") ? (
          <Button kind="primary" onClick={() => setSetting(true)}>
            New lock
          </Button>
        ) : null}
      </PageHead>
      <Panel flush>
        <Loaded of={locks}>
          {({ items, nextCursor }) =>
            items.length === 0 ? (
              <Empty title="Nobody is kept out">
                <p>
                  A lock holds against a subject, a device, a client, a network, one session or the
                  whole tenant, until it is lifted or expires.
                </p>
              </Empty>
            ) : (
              <>
                <LockTable locks={items} onLift={setLifting} />
                {nextCursor === undefined ? null : (
                  <p className="panel-foot">The newest {ROWS} are shown.</p>
                )}
              </>
            )
          }
        </Loaded>
      </Panel>
      {setting ? <SetLock onClose={() => setSetting(false)} /> : null}
      {lifting === undefined ? null : (
        <Confirm
          title={`Lift the lock on ${lifting.value ?? "the tenant"}`}
          verb="Lift lock"
          kind="primary"
          done="The lock is lifted"
          work={() => api(`/locks/${lifting.id}`, { method: "DELETE" })}
          onClose={() => setLifting(undefined)}
        >
          <p>New sessions open again. Those that it ended stay ended.</p>
        </Confirm>
      )}
    </>
  );
}

interface LockTableProps {
  readonly locks: readonly Lock[];
  readonly onLift: (lock: Lock) => void;
}

function LockTable({ locks, onLift }: LockTableProps) {
  const { may } = useConsole();
  const mayLift = may("DELETE /v1/locks/:id");
  return (
    <div className="table-scroll">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Kept out</th>
            <th scope="col" className="wide-only">
              They are told
            </th>
            <th scope="col" className="wide-only">
              Set by
            </th>
            <th scope="col" className="num wide-only">
              Set
            </th>
            <th scope="col" className="num">
              Expires
            </th>
            <ActionsHead />
          </tr>
        </thead>
        <tbody>
          {locks.map((lock) => (
            <tr key={lock.id}>
              <th scope="row">
                <span className="row">
                  <Badge tone="warn" plain>
                    {lock.kind}
                  </Badge>
                  {lock.kind === "subject" ? (
                    <SubjectLink subject={lock.value} />
                  ) : (
                    <code>{lock.value ?? "everybody"}</code>
                  )}
                </span>
              </th>
              <td className="wide-only">
                {lock.message}
                {lock.reason === undefined ? null : (
                  <span className="soft small"> ({reasonWords(lock.reason)})</span>
                )}
              </td>
              <td className="wide-only soft">{lock.setBy}</td>
              <td className="num soft wide-only">
                <Ago at={lock.setAt} />
              </td>
              <td className="num soft">
                {lock.expiresAt === undefined ? "never" : <Ago at={lock.expiresAt} />}
              </td>
              <td className="actions">
                {mayLift ? (
                  <Button small onClick={() => onLift(lock)}>
                    Lift
                  </Button>
                ) : null}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
