/** One device: whose sessions it holds. */
import { Link, useParams } from "wouter";
import { useRead } from "../api/hooks.ts";
import type { Page, Session } from "../api/types.ts";
import { Empty, Facts, PageHead, Panel } from "../ui/blocks.tsx";
import { SubjectLink } from "../ui/entry.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Stamp } from "../ui/time.tsx";
import { SessionList } from "./session-list.tsx";

const ROWS = 50;

export function DevicePage() {
  const { id: coded = "" } = useParams();
  const device = decodeURIComponent(coded);
  const sessions = useRead<Page<Session>>("/sessions", { device, state: "any", limit: ROWS });
  return (
    <>
      <PageHead
        title={sessions.data?.items[0]?.device?.label ?? "Device"}
        lead={<code>{device}</code>}
      />
      <Loaded of={sessions}>
        {({ items }) =>
          items.length === 0 ? (
            <Panel>
              <Empty title="No session is on this device">
                <p>
                  Devices are known by their sessions.{" "}
                  <Link href="/sessions">Look among the sessions</Link>.
                </p>
              </Empty>
            </Panel>
          ) : (
            <>
              <About items={items} />
              <Panel title="Sessions" flush>
                <SessionList sessions={items} subjects />
              </Panel>
            </>
          )
        }
      </Loaded>
    </>
  );
}

function About({ items }: { readonly items: readonly Session[] }) {
  const subjects = [...new Set(items.map(({ subject }) => subject))];
  const addresses = [...new Set(items.flatMap(({ device }) => device?.address ?? []))];
  const [newest, oldest] = [items[0], items.at(-1)];
  return (
    <Panel title="What is known of it">
      <Facts
        rows={[
          [
            subjects.length === 1 ? "Subject" : "Subjects",
            <span key="s" className="row">
              {subjects.map((subject) => (
                <SubjectLink key={subject} subject={subject} />
              ))}
            </span>,
          ],
          ["Addresses", addresses.length === 0 ? undefined : addresses.join(", ")],
          ["First session", oldest && <Stamp key="f" at={oldest.createdAt} />],
          ["Latest session", newest && <Stamp key="l" at={newest.createdAt} />],
        ]}
      />
    </Panel>
  );
}
