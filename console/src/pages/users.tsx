/** Who may sign in to the console, and as what. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { isRefetch } from "../api/hooks.ts";
import { Badge } from "../ui/badge.tsx";
import { ActionsHead, PageHead, Panel } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Copyable } from "../ui/copyable.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field } from "../ui/field.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Ago } from "../ui/time.tsx";

interface User {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly tenants: readonly string[];
  readonly state: string;
  readonly createdAt: string;
  readonly lastSignInAt?: string;
  readonly passkeys: number;
}

interface Invited {
  readonly user: User;
  readonly link: string;
  readonly linkExpiresAt: string;
}

const ROLES = [
  ["auditor", "reads everything, changes nothing"],
  ["operator", "ends and locks sessions"],
  ["admin", "everything, keys and users, too"],
] as const;

export function Users() {
  const { me } = useConsole();
  const [inviting, setInviting] = useState(false);
  const [disabling, setDisabling] = useState<User>();
  const [invited, setInvited] = useState<Invited>();
  const users = useQuery({
    queryKey: ["users"],
    queryFn: ({ signal, client, queryKey }) =>
      call<{ items: User[] }>("/users", { signal, background: isRefetch(client, queryKey) }),
  });
  return (
    <>
      <PageHead title="Users" lead="People who may sign in to this console.">
        <Button kind="primary" onClick={() => setInviting(true)}>
          Invite somebody
        </Button>
      </PageHead>
      <Panel flush>
        <Loaded of={users}>
          {({ items }) => <UserTable users={items} own={me.user.id} onDisable={setDisabling} />}
        </Loaded>
      </Panel>
      {inviting ? <Invite onClose={() => setInviting(false)} onInvited={setInvited} /> : null}
      {invited === undefined ? null : <Link of={invited} onClose={() => setInvited(undefined)} />}
      {disabling === undefined ? null : (
        <Disable user={disabling} onClose={() => setDisabling(undefined)} />
      )}
    </>
  );
}

interface UserTableProps {
  readonly users: readonly User[];
  readonly own: string;
  readonly onDisable: (user: User) => void;
}

function UserTable({ users, own, onDisable }: UserTableProps) {
  return (
    <div className="table-scroll">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Role</th>
            <th scope="col" className="wide-only">
              Tenants
            </th>
            <th scope="col">State</th>
            <th scope="col" className="num wide-only">
              Passkeys
            </th>
            <th scope="col" className="num">
              Last sign-in
            </th>
            <ActionsHead />
          </tr>
        </thead>
        <tbody>
          {users.map((user) => (
            <tr key={user.id}>
              <th scope="row">{user.name}</th>
              <td>{user.role}</td>
              <td className="wide-only soft">
                {user.tenants.includes("*") ? "all" : user.tenants.join(", ")}
              </td>
              <td>
                <Badge tone={user.state === "active" ? "good" : "soft"}>{user.state}</Badge>
              </td>
              <td className="num wide-only">{user.passkeys}</td>
              <td className="num soft">
                {user.lastSignInAt === undefined ? "never" : <Ago at={user.lastSignInAt} />}
              </td>
              <td className="actions">
                {user.state === "active" && user.id !== own ? (
                  <Button small kind="danger" onClick={() => onDisable(user)}>
                    Disable
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

interface InviteProps {
  readonly onClose: () => void;
  readonly onInvited: (invited: Invited) => void;
}

function Invite({ onClose, onInvited }: InviteProps) {
  const { me } = useConsole();
  const [name, setName] = useState("");
  const [role, setRole] = useState("auditor");
  const [tenant, setTenant] = useState("*");
  return (
    <Confirm
      title="Invite somebody"
      verb="Make a link"
      kind="primary"
      blocked={name.trim() === ""}
      done={`A link for ${name.trim()} is made`}
      work={async () => {
        const body = { name: name.trim(), role, tenants: [tenant] };
        onInvited(await call<Invited>("/users", { method: "POST", body }));
      }}
      onClose={onClose}
    >
      <Field label="Name">
        <input
          value={name}
          maxLength={64}
          autoComplete="off"
          onChange={({ target }) => setName(target.value)}
        />
      </Field>
      <Field label="Role" hint={ROLES.find(([each]) => each === role)?.[1]}>
        <select value={role} onChange={({ target }) => setRole(target.value)}>
          {ROLES.map(([each]) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      </Field>
      <Field label="Tenant">
        <select value={tenant} onChange={({ target }) => setTenant(target.value)}>
          <option value="*">all</option>
          {me.tenants.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      </Field>
    </Confirm>
  );
}

function Link({ of, onClose }: { readonly of: Invited; readonly onClose: () => void }) {
  return (
    <Dialog title={`Give this link to ${of.user.name}`} onClose={onClose}>
      <p>
        It signs in once, and expires <Ago at={of.linkExpiresAt} />. It is shown this once.
      </p>
      <p className="notice">
        <Copyable text={of.link} what="the link" />
      </p>
      <div className="dialog-foot">
        <Button kind="primary" onClick={onClose}>
          Done
        </Button>
      </div>
    </Dialog>
  );
}

function Disable({ user, onClose }: { readonly user: User; readonly onClose: () => void }) {
  return (
    <Confirm
      title={`Disable ${user.name}`}
      verb="Disable"
      typed={user.name}
      done={`${user.name} cannot sign in any more`}
      work={() => call(`/users/${user.id}/disable`, { method: "POST" })}
      onClose={onClose}
    >
      <p>Every console session of {user.name} ends now. A new invitation lets them in again.</p>
    </Confirm>
  );
}
