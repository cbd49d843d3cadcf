/** Stores, nodes and the trail: what answers, how fast, how far behind. */
import { useRead } from "../api/hooks.ts";
import type { Health as HealthReply } from "../api/types.ts";
import { Badge } from "../ui/badge.tsx";
import { Facts, PageHead, Panel } from "../ui/blocks.tsx";
import type { FactRow } from "../ui/blocks.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { boundWords, bytes, counted, milliseconds, percent, whole } from "../ui/numbers.ts";
import { Ago, Stamp } from "../ui/time.tsx";

const EVERY_MS = 5_000;
const SECOND_MS = 1_000;

export function HealthPage() {
  const health = useRead<HealthReply>("/health/nodes", {}, { every: EVERY_MS });
  return (
    <>
      <PageHead title="Health" lead="Asked every five seconds while this page is open." />
      <Loaded of={health}>
        {(told) => (
          <div className="columns">
            <StorePanel of={told} />
            <RecordPanel of={told} />
            <div className="stack">
              <NodePanel of={told} />
              <FrontierPanel of={told} />
            </div>
          </div>
        )}
      </Loaded>
    </>
  );
}

function Sign({ ok, words }: { readonly ok: boolean; readonly words?: string }) {
  return <Badge tone={ok ? "good" : "bad"}>{words ?? (ok ? "answers" : "does not answer")}</Badge>;
}

function span(seconds: number | undefined): string | undefined {
  return seconds === undefined ? undefined : milliseconds(seconds * SECOND_MS);
}

function StorePanel({ of: { store } }: { readonly of: HealthReply }) {
  const writable = store.writable === undefined ? undefined : store.writable ? "yes" : "no";
  return (
    <Panel title="Sessions" actions={<Sign ok={store.ok} />}>
      <Facts
        rows={[
          ["Store", store.kind],
          ["Answered in", milliseconds(store.tookMs)],
          ["Role", store.role],
          ["Takes writes", writable],
          ["Behind by", store.lagSeconds === 0 ? "nothing" : span(store.lagSeconds)],
          ["Clock differs by", span(store.clockSkewSeconds)],
          ["The same since", store.incarnationSince && <Stamp at={store.incarnationSince} />],
          ["Searched", searchWords(store.search)],
        ]}
      />
    </Panel>
  );
}

function searchWords(search: string | undefined): string | undefined {
  if (search === undefined) return undefined;
  return search === "full" ? "by anything" : `by ${search}`;
}

function NodePanel({ of: { node } }: { readonly of: HealthReply }) {
  const near: FactRow[] =
    node.near === undefined
      ? []
      : [
          ["From memory", percent(node.near.hits, node.near.hits + node.near.misses)],
          ["Kept near", `${counted(node.near.sessions, "session")}, ${bytes(node.near.bytes)}`],
          ["Ends heard after", span(node.near.invalidationLagSeconds)],
          ["Frontier's age", span(node.near.frontierAgeSeconds)],
          ["Gaps", whole(node.near.gaps)],
        ];
  const verify: FactRow[] =
    node.verify === undefined
      ? [["Verifications", "none yet"]]
      : [
          ["Verifications", whole(node.verify.count)],
          ["Half of them took", boundWords(node.verify.p50Ms)],
          ["99 of 100 took", boundWords(node.verify.p99Ms)],
        ];
  return (
    <Panel
      title="This process"
      foot="Verifications since it started; of other processes your metrics tell."
      actions={<Sign ok={node.phase === "serving"} words={node.phase} />}
    >
      <Facts
        rows={[
          ["Started", <Ago key="s" at={node.startedAt} />],
          ["Open streams", whole(node.streams)],
          ...verify,
          ...near,
        ]}
      />
    </Panel>
  );
}

function FrontierPanel({ of: { frontier } }: { readonly of: HealthReply }) {
  if (frontier === undefined) {
    return (
      <Panel title="Ends reach every node" actions={<Badge tone="warn">not asked</Badge>}>
        <p className="soft">The nodes could not be asked just now.</p>
      </Panel>
    );
  }
  const { nodes, confirmed, missing, tookMs } = frontier;
  if (nodes === 0) {
    return (
      <Panel title="Ends reach every node" actions={<Sign ok words="at once" />}>
        <p className="soft">Nobody answers from memory: every process asks the store.</p>
      </Panel>
    );
  }
  return (
    <Panel
      title="Ends reach every node"
      actions={<Sign ok={missing.length === 0} words={`${confirmed} of ${nodes}`} />}
    >
      <Facts
        rows={[
          ["Roll call took", milliseconds(tookMs)],
          ["Nodes", whole(nodes)],
          ["No answer from", missing.length === 0 ? undefined : missing.join(", ")],
        ]}
      />
    </Panel>
  );
}

function RecordPanel({ of: { control, audit } }: { readonly of: HealthReply }) {
  const fine = audit.state === "ok";
  return (
    <Panel title="Control store and trail" actions={<Sign ok={control.ok && fine} />}>
      <Facts
        rows={[
          ["Control store", control.kind],
          ["Answered in", milliseconds(control.tookMs)],
          ["Audit chain", fine ? "holds" : audit.state],
          ["Newest entry", audit.head === undefined ? undefined : whole(audit.head)],
          ["Written", audit.headAt && <Ago at={audit.headAt} />],
        ]}
      />
    </Panel>
  );
}
