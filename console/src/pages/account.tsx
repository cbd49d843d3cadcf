/** One's own passkeys. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { isRefetch } from "../api/hooks.ts";
import { passkeyTrouble, registerPasskey } from "../shell/passkey.ts";
import { ActionsHead, Empty, PageHead, Panel, Trouble } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Field } from "../ui/field.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Ago } from "../ui/time.tsx";
import { useSay } from "../ui/toasts.tsx";

interface Passkey {
  readonly id: string;
  readonly label?: string;
  readonly createdAt: string;
  readonly lastUsedAt?: string;
  readonly synced?: boolean;
}

export function Account() {
  const { me } = useConsole();
  const [leaving, setLeaving] = useState<Passkey>();
  const passkeys = useQuery({
    queryKey: ["passkeys"],
    queryFn: ({ signal, client, queryKey }) =>
      call<{ items: Passkey[] }>("/passkeys", { signal, background: isRefetch(client, queryKey) }),
  });
  return (
    <>
      <PageHead
        title="Your passkeys"
        lead="A passkey signs you in, and confirms what reaches far: ending everything, keys, exports."
      />
      {me.hasPasskey ? null : (
        <p className="notice notice-warn">
          <strong>You have no passkey yet.</strong> The link that brought you here is used up: make
          one now, or the next sign-in needs a new link.
        </p>
      )}
      <Panel title="Make one on this device">
        <Register />
      </Panel>
      <Panel title="Passkeys you have" flush>
        <Loaded of={passkeys}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="None yet">
                <p>The first one is made above; it takes a few seconds.</p>
              </Empty>
            ) : (
              <PasskeyTable items={items} onRemove={setLeaving} />
            )
          }
        </Loaded>
      </Panel>
      {leaving === undefined ? null : (
        <Confirm
          title="Remove this passkey"
          verb="Remove"
          done="The passkey is removed"
          work={() => call(`/passkeys/${leaving.id}`, { method: "DELETE" })}
          onClose={() => setLeaving(undefined)}
        >
          <p>{leaving.label ?? "It"} no longer signs you in. Delete it on the device, too.</p>
        </Confirm>
      )}
    </>
  );
}

function Register() {
  const client = useQueryClient();
  const say = useSay();
  const [label, setLabel] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [told, setTold] = useState<string>();
  const make = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    setTold(undefined);
    try {
      await registerPasskey(label.trim());
      say("The passkey is kept");
      setLabel("");
      await client.invalidateQueries();
    } catch (caught) {
      if (caught instanceof Error && caught.name === "ProblemError") setError(caught);
      else setTold(passkeyTrouble(caught));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      className="stack register"
      onSubmit={(event) => {
        event.preventDefault();
        void make();
      }}
    >
      <Field label="Name" hint="To tell it from others; may be left out.">
        <input value={label} maxLength={64} onChange={({ target }) => setLabel(target.value)} />
      </Field>
      {error === undefined ? null : <Trouble error={error} />}
      {told === undefined ? null : <p role="alert">{told}</p>}
      <div>
        <Button type="submit" kind="primary" busy={busy}>
          Make a passkey
        </Button>
      </div>
    </form>
  );
}

interface PasskeyTableProps {
  readonly items: readonly Passkey[];
  readonly onRemove: (passkey: Passkey) => void;
}

function PasskeyTable({ items, onRemove }: PasskeyTableProps) {
  return (
    <div className="table-scroll">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" className="num">
              Made
            </th>
            <th scope="col" className="num">
              Last used
            </th>
            <ActionsHead />
          </tr>
        </thead>
        <tbody>
          {items.map((passkey) => (
            <tr key={passkey.id}>
              <th scope="row">
                {passkey.label ?? "Passkey"}
                {passkey.synced === true ? <span className="soft small"> synced</span> : null}
              </th>
              <td className="num soft">
                <Ago at={passkey.createdAt} />
              </td>
              <td className="num soft">
                {passkey.lastUsedAt === undefined ? "never" : <Ago at={passkey.lastUsedAt} />}
              </td>
              <td className="actions">
                <Button small kind="danger" onClick={() => onRemove(passkey)}>
                  Remove
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
