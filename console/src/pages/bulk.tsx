/** One act on many sessions: chosen by a filter, counted first, confirmed by typing, watched. */
import { useState } from "react";
import { useConsole } from "../api/console.ts";
import { useRead } from "../api/hooks.ts";
import type { Page } from "../api/types.ts";
import { Empty, PageHead, Panel } from "../ui/blocks.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { BulkForm } from "./bulk-form.tsx";
import type { Tried, Wish } from "./bulk-form.tsx";
import { BulkOutcome } from "./bulk-outcome.tsx";
import { OperationRow } from "./operation.tsx";
import type { Operation } from "./operation.tsx";
import "./bulk.css";

const EVERY_MS = 2_000;
const ROWS = 20;

export function Bulk() {
  const { may } = useConsole();
  const [wish, setWish] = useState<Wish>();
  const [tried, setTried] = useState<Tried>();
  return (
    <>
      <PageHead
        title="Bulk end"
        lead="Nothing happens before you have seen how many sessions it reaches, and which."
      />
      <div className="bulk-grid">
        <Panel title="1. Which sessions">
          <BulkForm
            onTried={(next, outcome) => {
              setWish(next);
              setTried(outcome);
            }}
          />
        </Panel>
        <Panel title="2. What it reaches" flush>
          {tried === undefined || wish === undefined ? (
            <Empty title="Not counted yet">
              <p>Count first: the service says how many match, and shows some of them.</p>
            </Empty>
          ) : (
            <BulkOutcome
              key={tried.token}
              wish={wish}
              tried={tried}
              onStarted={() => setTried(undefined)}
            />
          )}
        </Panel>
      </div>
      {may("GET /v1/operations") ? <Operations /> : null}
    </>
  );
}

function Operations() {
  const operations = useRead<Page<Operation>>("/operations", { limit: ROWS }, { every: EVERY_MS });
  return (
    <Panel
      title="Operations"
      flush
      foot="Kept for 30 days. They go on when a process is restarted."
    >
      <Loaded of={operations}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="None was started yet">
              <p>What is started from a count appears here, and can be stopped.</p>
            </Empty>
          ) : (
            <ul className="operations">
              {items.map((operation) => (
                <OperationRow key={operation.id} operation={operation} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </Panel>
  );
}
