/** What a webhook was sent, is sent, and could not be; and sending it again. */
import { useState } from "react";
import { api } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { useAct, usePages } from "../api/hooks.ts";
import { ActionsHead, Empty } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { counted, whole } from "../ui/numbers.ts";
import { Paged } from "../ui/paged.tsx";
import { Ago, Stamp } from "../ui/time.tsx";
import { useSay } from "../ui/toasts.tsx";
import { answerWords, DeliveryBadge } from "./webhook-words.tsx";
import type { Delivery, Webhook } from "./webhook-words.tsx";

const ROWS = 25;
const EVERY_MS = 5_000;
const STATES = [
  ["", "all"],
  ["waiting", "waiting"],
  ["done", "delivered"],
  ["dead", "dead"],
  ["held", "held"],
] as const;

interface Replayed {
  readonly queued: number;
  readonly complete: boolean;
}

function useReplay({ id }: Webhook) {
  const act = useAct();
  const say = useSay();
  const replay = (body: object): void => {
    const work = async (): Promise<void> => {
      const path = `/webhooks/${id}/replay`;
      const { queued, complete } = await api<Replayed>(path, { method: "POST", body });
      const rest = complete ? "" : "; that was the most at once, go on";
      say(`${counted(queued, "message")} will be sent again${rest}`);
    };
    void act.run(work);
  };
  return { busy: act.busy, replay };
}

export function Deliveries({ of }: { readonly of: Webhook }) {
  const { may } = useConsole();
  const [state, setState] = useState("");
  const { busy, replay } = useReplay(of);
  const path = `/webhooks/${of.id}/deliveries`;
  const list = usePages<Delivery>(path, { state, limit: ROWS }, { every: EVERY_MS });
  const mayReplay = may("POST /v1/webhooks/:id/replay");
  const again = mayReplay ? (delivery: string) => replay({ delivery }) : undefined;
  const dead = list.data?.pages.some(({ items }) => items.some((one) => one.state === "dead"));
  return (
    <Paged
      title="Deliveries"
      of={list}
      more="Earlier"
      empty={<None filtered={state !== ""} />}
      actions={
        <>
          {mayReplay && dead === true ? (
            <Button small busy={busy} onClick={() => replay({ dead: true })}>
              Resend all dead ones
            </Button>
          ) : null}
          <StateFilter state={state} onChange={setState} />
        </>
      }
    >
      {(deliveries) => <DeliveryTable deliveries={deliveries} busy={busy} onAgain={again} />}
    </Paged>
  );
}

interface StateFilterProps {
  readonly state: string;
  readonly onChange: (state: string) => void;
}

function StateFilter({ state, onChange }: StateFilterProps) {
  return (
    <label className="webhook-filter">
      <span className="soft small">Show</span>
      <select className="input" value={state} onChange={({ target }) => onChange(target.value)}>
        {STATES.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}

function None({ filtered }: { readonly filtered: boolean }) {
  return filtered ? (
    <Empty title="None is like that" />
  ) : (
    <Empty title="Nothing was sent yet">
      <p>What happens from now on appears here. Send a test to see whether it would arrive.</p>
    </Empty>
  );
}

interface TableProps {
  readonly deliveries: readonly Delivery[];
  readonly busy: boolean;
  readonly onAgain: ((id: string) => void) | undefined;
}

function DeliveryTable({ deliveries, busy, onAgain }: TableProps) {
  return (
    <div className="table-scroll">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">State</th>
            <th scope="col" className="wide-only">
              The receiver
            </th>
            <th scope="col" className="num wide-only">
              Tries
            </th>
            <th scope="col" className="num wide-only">
              Last try
            </th>
            <th scope="col" className="num wide-only">
              Happened
            </th>
            <ActionsHead />
          </tr>
        </thead>
        <tbody>
          {deliveries.map((delivery) => (
            <DeliveryRow key={delivery.id} delivery={delivery} busy={busy} onAgain={onAgain} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps extends Omit<TableProps, "deliveries"> {
  readonly delivery: Delivery;
}

function DeliveryRow({ delivery, busy, onAgain }: RowProps) {
  const { id, name, at, state, tries, triedAt, nextTryAt } = delivery;
  return (
    <tr>
      <th scope="row">{name.replaceAll("-", " ")}</th>
      <td>
        <DeliveryBadge delivery={delivery} />
      </td>
      <td className="wide-only soft">
        {answerWords(delivery)}
        {tries > 0 && nextTryAt !== undefined ? (
          <>
            ; next try <Ago at={nextTryAt} />
          </>
        ) : null}
      </td>
      <td className="num wide-only">{whole(tries)}</td>
      <td className="num soft wide-only">{triedAt === undefined ? "–" : <Ago at={triedAt} />}</td>
      <td className="num soft wide-only">
        <Stamp at={at} />
      </td>
      <td className="actions">
        {onAgain === undefined || state === "held" ? null : (
          <Button small kind="quiet" disabled={busy} onClick={() => onAgain(id)}>
            Resend
          </Button>
        )}
      </td>
    </tr>
  );
}
