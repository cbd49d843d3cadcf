/** Service keys: made once, shown once, exchanged, ended; and the keys that sign. */
import { useState } from "react";
import { api } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { useRead } from "../api/hooks.ts";
import { Badge } from "../ui/badge.tsx";
import { ActionsHead, Empty, PageHead, Panel } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Ago } from "../ui/time.tsx";
import { CreateKey, RotateKey, Secret } from "./keys-made.tsx";
import type { MadeKey, ServiceKey } from "./keys-made.tsx";
import { KEY_TONES, SigningKeys } from "./keys-signing.tsx";

type Asked =
  | { readonly what: "create" }
  | { readonly what: "rotate" | "revoke"; readonly key: ServiceKey }
  | undefined;

export function Keys() {
  const { may } = useConsole();
  const keys = useRead<{ readonly items: readonly ServiceKey[] }>("/keys");
  const [asked, setAsked] = useState<Asked>();
  const [made, setMade] = useState<MadeKey>();
  const close = (): void => setAsked(undefined);
  return (
    <>
      <PageHead
        title="Keys"
        lead="A service key lets a back end act in this tenant, within its scopes and no further."
      >
        {may("POST /v1/keys") ? (
          <Button kind="primary" onClick={() => setAsked({ what: "create" })}>
            New service key
          </Button>
        ) : null}
      </PageHead>
      <Panel title="Service keys" flush>
        <Loaded of={keys}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="This tenant has no key yet">
                <p>Make one, and give it to the back end that opens and verifies sessions.</p>
              </Empty>
            ) : (
              <KeyTable keys={items} onAsk={setAsked} />
            )
          }
        </Loaded>
      </Panel>
      {may("GET /v1/signing-keys") ? <SigningKeys /> : null}
      {asked?.what === "create" ? <CreateKey onClose={close} onMade={setMade} /> : null}
      {asked?.what === "rotate" ? (
        <RotateKey serviceKey={asked.key} onClose={close} onMade={setMade} />
      ) : null}
      {asked?.what === "revoke" ? <RevokeKey serviceKey={asked.key} onClose={close} /> : null}
      {made === undefined ? null : <Secret made={made} onClose={() => setMade(undefined)} />}
    </>
  );
}

interface KeyTableProps {
  readonly keys: readonly ServiceKey[];
  readonly onAsk: (asked: Asked) => void;
}

function KeyTable({ keys, onAsk }: KeyTableProps) {
  const { may } = useConsole();
  return (
    <div className="table-scroll">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">State</th>
            <th scope="col" className="wide-only">
              Scopes
            </th>
            <th scope="col" className="num wide-only">
              Made
            </th>
            <th scope="col" className="num">
              Last used
            </th>
            <ActionsHead />
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <tr key={key.id}>
              <th scope="row">{key.name}</th>
              <td>
                <Badge tone={KEY_TONES[key.state] ?? "soft"}>{key.state}</Badge>
              </td>
              <td className="wide-only soft small">{key.scopes.join(" ")}</td>
              <td className="num soft wide-only">
                <Ago at={key.createdAt} />
              </td>
              <td className="num soft">
                {key.lastUsedAt === undefined ? "never" : <Ago at={key.lastUsedAt} />}
              </td>
              <td className="actions">
                {key.state === "live" && may("POST /v1/keys/:id/rotate") ? (
                  <Button small kind="quiet" onClick={() => onAsk({ what: "rotate", key })}>
                    Exchange
                  </Button>
                ) : null}
                {key.state !== "revoked" && may("POST /v1/keys/:id/revoke") ? (
                  <Button small kind="danger" onClick={() => onAsk({ what: "revoke", key })}>
                    Revoke
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

interface RevokeKeyProps {
  readonly serviceKey: ServiceKey;
  readonly onClose: () => void;
}

function RevokeKey({ serviceKey, onClose }: RevokeKeyProps) {
  return (
    <Confirm
      title={`Revoke ${serviceKey.name}`}
      verb="Revoke key"
      typed={serviceKey.name}
      done={`${serviceKey.name} is refused from now on`}
      work={() => api(`/keys/${serviceKey.id}/revoke`, { method: "POST" })}
      onClose={onClose}
    >
      <p>
        Back ends that use it are refused at once. To exchange it without an outage, cancel and
        choose Exchange.
      </p>
    </Confirm>
  );
}
