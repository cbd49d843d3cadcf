/** One tenant: what it uses of what it may, what it tightens, and its end. */
import { useState } from "react";
import { useLocation, useParams } from "wouter";
import { api } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { useRead } from "../api/hooks.ts";
import { Facts, PageHead, Panel } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { whole } from "../ui/numbers.ts";
import { Stamp } from "../ui/time.tsx";
import { ChangeTenant } from "./tenant-form.tsx";
import { TenantBadge, tightened, usedWords } from "./tenants.tsx";
import type { Tenant } from "./tenants.tsx";
import "./tenants.css";

const EVERY_MS = 15_000;
/** Whoever asks the service without naming one is in it: it always is. */
const ALWAYS = "default";
type Asked = "change" | "suspend" | "resume" | "erase" | undefined;

export function TenantPage() {
  const { id: coded = "" } = useParams();
  const id = decodeURIComponent(coded);
  const at = `/tenants/${encodeURIComponent(id)}`;
  const read = useRead<{ readonly tenant: Tenant }>(at, {}, { every: EVERY_MS });
  const [asked, setAsked] = useState<Asked>();
  const tenant = read.data?.tenant;
  const close = (): void => setAsked(undefined);
  return (
    <>
      <PageHead
        title={tenant === undefined || namedById(tenant) ? id : tenant.name}
        lead={
          <span className="row">
            {tenant === undefined ? <code>{id}</code> : <Lead tenant={tenant} />}
          </span>
        }
      >
        {tenant === undefined ? null : <Acts tenant={tenant} onAsk={setAsked} />}
      </PageHead>
      <Loaded of={read}>{(told) => <About tenant={told.tenant} />}</Loaded>
      {tenant === undefined || asked === undefined ? null : (
        <Ask tenant={tenant} asked={asked} onClose={close} />
      )}
    </>
  );
}

interface AskProps {
  readonly tenant: Tenant;
  readonly asked: NonNullable<Asked>;
  readonly onClose: () => void;
}

function Ask({ tenant, asked, onClose }: AskProps) {
  const { id } = tenant;
  const at = `/tenants/${encodeURIComponent(id)}`;
  switch (asked) {
    case "change":
      return <ChangeTenant tenant={tenant} onClose={onClose} />;
    case "suspend":
      return <Suspend at={at} id={id} onClose={onClose} />;
    case "resume":
      return <Resume at={at} id={id} onClose={onClose} />;
    case "erase":
      return <Erase at={at} id={id} onClose={onClose} />;
  }
}

function Lead({ tenant }: { readonly tenant: Tenant }) {
  return (
    <>
      <TenantBadge state={tenant.state} />
      {namedById(tenant) ? null : <code>{tenant.id}</code>}
    </>
  );
}

function namedById({ id, name }: Tenant): boolean {
  return name === "" || name === id;
}

interface ActsProps {
  readonly tenant: Tenant;
  readonly onAsk: (asked: Asked) => void;
}

function Acts({ tenant: { id, state }, onAsk }: ActsProps) {
  const { setTenant, tenant: here } = useConsole();
  const [, navigate] = useLocation();
  if (state === "erased") return null;
  return (
    <>
      <Button
        disabled={id === here}
        onClick={() => {
          setTenant(id);
          navigate("/");
        }}
      >
        {id === here ? "You are in it" : "Go into it"}
      </Button>
      <Button onClick={() => onAsk("change")}>Change</Button>
      {state === "active" ? (
        <Button onClick={() => onAsk("suspend")}>Suspend</Button>
      ) : (
        <Button kind="primary" onClick={() => onAsk("resume")}>
          Resume
        </Button>
      )}
      {id === ALWAYS ? null : (
        <Button kind="danger" onClick={() => onAsk("erase")}>
          Erase
        </Button>
      )}
    </>
  );
}

function About({ tenant }: { readonly tenant: Tenant }) {
  const { state, erasedAt, purgedAt, createdAt, ownKey } = tenant;
  return (
    <>
      {state === "suspended" ? (
        <p className="notice notice-warn">
          <strong>All of its requests are refused.</strong>
          <span>Nothing of it has ended; resumed, it is as it was.</span>
        </p>
      ) : null}
      {state === "active" && tenant.use?.serviceKeys === 0 ? (
        <p className="notice">
          <strong>No back end can reach it yet.</strong>
          <span>Go into it, and make a service key.</span>
        </p>
      ) : null}
      {erasedAt === undefined ? null : (
        <p className="notice">
          <strong>
            Erased <Stamp at={erasedAt} />
          </strong>
          <span>
            {purgedAt === undefined
              ? "Its key is destroyed; what is left of it is purged just now."
              : "Its key is destroyed, and nothing of it is left."}
          </span>
        </p>
      )}
      <div className="columns">
        {state === "erased" ? null : <QuotaPanel tenant={tenant} />}
        <div className="stack">
          {state === "erased" ? null : <PolicyPanel tenant={tenant} />}
          <Panel title="About">
            <Facts
              rows={[
                ["Made", <Stamp key="m" at={createdAt} />],
                ["Encrypted under", state === "erased" ? undefined : ownKeyWords(ownKey)],
              ]}
            />
          </Panel>
        </div>
      </div>
    </>
  );
}

function ownKeyWords(ownKey: boolean): string {
  return ownKey ? "a key of its own" : "the installation’s key";
}

function QuotaPanel({ tenant }: { readonly tenant: Tenant }) {
  const { quotas, use } = tenant;
  const rows: readonly (readonly [string, string, number | null])[] = [
    ["Live sessions", usedWords(tenant), quotas.sessions],
    ["Service keys", use === undefined ? "–" : whole(use.serviceKeys), quotas.serviceKeys],
    ["Sessions of one subject", "", quotas.sessionsPerSubject],
    ["Requests per second, each process", "", quotas.requestsPerSecond],
  ];
  return (
    <Panel title="Use and quotas" flush>
      <table className="table quotas">
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col" className="num">
              Now
            </th>
            <th scope="col" className="num">
              At most
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([what, now, max]) => (
            <tr key={what}>
              <th scope="row">{what}</th>
              <td className="num">{now}</td>
              <td className="num soft">{max === null ? "no limit" : whole(max)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function PolicyPanel({ tenant: { policy } }: { readonly tenant: Tenant }) {
  const limits = tightened(policy);
  return (
    <Panel title="Tightened to">
      {limits.length === 0 ? (
        <p className="soft">Nothing: it lives by the installation’s policy.</p>
      ) : (
        <Facts rows={limits} />
      )}
    </Panel>
  );
}

interface ActProps {
  readonly at: string;
  readonly id: string;
  readonly onClose: () => void;
}

function Suspend({ at, id, onClose }: ActProps) {
  return (
    <Confirm
      title={`Suspend ${id}`}
      verb="Suspend"
      done={`${id} is suspended`}
      work={() => api(`${at}/suspend`, { method: "POST" })}
      onClose={onClose}
    >
      <p>
        Every request of its back ends is refused within a second: nobody can sign in or be
        verified. No session ends, and Resume brings all of it back.
      </p>
    </Confirm>
  );
}

function Resume({ at, id, onClose }: ActProps) {
  return (
    <Confirm
      title={`Resume ${id}`}
      verb="Resume"
      kind="primary"
      done={`${id} is served again`}
      work={() => api(`${at}/resume`, { method: "POST" })}
      onClose={onClose}
    >
      <p>Its sessions go on where they were, unless their time has run out meanwhile.</p>
    </Confirm>
  );
}

function Erase({ at, id, onClose }: ActProps) {
  return (
    <Confirm
      title={`Erase ${id} for good`}
      verb="Erase the tenant"
      typed={id}
      done={`${id} is erased`}
      work={() => api(`${at}/erase`, { method: "POST" })}
      onClose={onClose}
    >
      <p>
        Its key is destroyed at once: no token of it proves anything any more, and no session data
        of it can be read, in old backups of the session store either. Its service keys end, its
        sessions are purged, the texts of its audit trail go. Its id is never used again.{" "}
        <strong>Nobody can undo this.</strong>
      </p>
    </Confirm>
  );
}
