/** What is inside a session: the generations of its token, and its data, closed until asked for. */
import { useState } from "react";
import { useConsole } from "../api/console.ts";
import { useRead } from "../api/hooks.ts";
import type { Explanation } from "../api/types.ts";
import { Badge } from "../ui/badge.tsx";
import { Facts, Panel, Trouble } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { bytes } from "../ui/numbers.ts";
import { Stamp } from "../ui/time.tsx";

export function TokenPanel({ of: { tokens } }: { readonly of: Explanation }) {
  const { confirmed, confirmedAt, lastIssued, pending, previous, replaced, forgiving } = tokens;
  return (
    <Panel title="Token family">
      <ol className="generations">
        {previous === undefined ? null : (
          <li>
            <Badge hollow>{`${previous.generation}`}</Badge>
            <span>
              before; let pass until <Stamp at={previous.graceUntil} />
            </span>
          </li>
        )}
        <li>
          <Badge tone="good">{`${confirmed}`}</Badge>
          <span>
            in use{confirmedAt === undefined ? "" : " since "}
            {confirmedAt === undefined ? null : <Stamp at={confirmedAt} />}
          </span>
        </li>
        {pending === undefined ? null : (
          <li>
            <Badge tone="accent" hollow>{`${pending.generation}`}</Badge>
            <span>
              given <Stamp at={pending.issuedAt} />, not presented yet
            </span>
          </li>
        )}
      </ol>
      <Facts
        rows={[
          ["Newest made", lastIssued],
          [
            "Last replaced",
            replaced && (
              <span key="r">
                {replaced.from} by {replaced.to}, <Stamp at={replaced.at} />
              </span>
            ),
          ],
          ["Forgiven once", forgiving],
        ]}
      />
    </Panel>
  );
}

export function DataPanel({ of }: { readonly of: Explanation }) {
  const { me } = useConsole();
  const [shown, setShown] = useState(false);
  const { keys, version } = of.data;
  const mayReveal = me.scopes.includes("data:read") && keys.length > 0;
  return (
    <Panel
      title="Data"
      foot={`Version ${version}. Values are kept closed; who opens them is in the audit trail.`}
      actions={
        mayReveal ? (
          <Button small onClick={() => setShown(!shown)}>
            {shown ? "Close the values" : "Open the values"}
          </Button>
        ) : undefined
      }
    >
      {keys.length === 0 ? <p className="soft">Nothing is kept in it.</p> : null}
      {shown ? (
        <Values id={of.session.id} />
      ) : (
        <ul className="data-keys">
          {keys.map(({ key, bytes: size, sealed }) => (
            <li key={key}>
              <code className="clip">{key}</code>
              {sealed ? <Badge plain>sealed</Badge> : <span />}
              <span className="num soft">{bytes(size)}</span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Values({ id }: { readonly id: string }) {
  const revealed = useRead<Explanation>(`/sessions/${id}/explain`, { reveal: true });
  if (revealed.isError) {
    return <Trouble error={revealed.error} onRetry={() => void revealed.refetch()} />;
  }
  if (revealed.data === undefined) return <span className="bone bone-block" />;
  return <pre className="values">{JSON.stringify(revealed.data.data.values ?? {}, null, 2)}</pre>;
}
