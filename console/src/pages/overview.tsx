/** What is going on now, and whether anything needs a person. */
import { Link } from "wouter";
import { useRead } from "../api/hooks.ts";
import type { AuditEntry, Health, Overview as OverviewReply, Page } from "../api/types.ts";
import { useHeard } from "../shell/heard.tsx";
import { Badge, reasonWords } from "../ui/badge.tsx";
import { Bars } from "../ui/bars.tsx";
import { Bones, Empty, PageHead, Panel } from "../ui/blocks.tsx";
import { Chart, Legend } from "../ui/chart.tsx";
import type { ChartSeries } from "../ui/chart.tsx";
import { Detail, EntryName, SessionLink, SubjectLink } from "../ui/entry.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { boundWords, counted, milliseconds, whole } from "../ui/numbers.ts";
import { Ago } from "../ui/time.tsx";
import "./overview.css";

const EVERY_MS = 15_000;
const FEED_ROWS = 8;
/** A few are always on their way. */
const BEHIND_TOLD = 1_000;

export function Overview() {
  const overview = useRead<OverviewReply>("/overview", {}, { every: EVERY_MS });
  const health = useRead<Health>("/health/nodes", {}, { every: EVERY_MS });
  return (
    <>
      <PageHead title="Overview" />
      <Attention health={health.data} overview={overview.data} />
      <Loaded of={overview} bones={<OverviewBones />}>
        {(told) => (
          <>
            <Figures of={told} health={health.data} />
            <div className="overview-grid">
              <Hours of={told} />
              <Ends of={told} />
            </div>
          </>
        )}
      </Loaded>
      <Feed />
    </>
  );
}

function OverviewBones() {
  return (
    <div className="stack">
      <section className="panel figures">
        {["live", "in", "out", "new", "hit"].map((each) => (
          <div key={each}>
            <span className="bone" />
            <span className="bone bone-figure" />
          </div>
        ))}
      </section>
      <div className="overview-grid">
        <section className="panel overview-bone" />
        <section className="panel overview-bone" />
      </div>
    </div>
  );
}

interface AttentionProps {
  readonly overview: OverviewReply | undefined;
  readonly health: Health | undefined;
}

/** Nothing is said when there is nothing to say. */
function Attention({ overview, health }: AttentionProps) {
  const forks = overview?.last24h.forks ?? 0;
  const forged = overview?.last24h.forged ?? 0;
  const parts = [
    ...(forks === 0 ? [] : [counted(forks, "copied token")]),
    ...(forged === 0 ? [] : [counted(forged, "forged token")]),
  ];
  const sick = health !== undefined && !(health.store.ok && health.control.ok);
  return (
    <>
      {sick ? (
        <p className="notice notice-bad">
          <strong>A store does not answer.</strong>
          <span>
            Sessions are neither ended nor believed meanwhile. <Link href="/health">Health</Link>{" "}
            says which one.
          </span>
        </p>
      ) : null}
      {parts.length === 0 ? null : (
        <p className={forks > 0 ? "notice notice-bad" : "notice notice-warn"}>
          <span>
            <strong>{parts.join(" and ")}</strong> in the last 24 hours.{" "}
            <Link href="/incidents">Look at the evidence</Link>
          </span>
        </p>
      )}
    </>
  );
}

interface FiguresProps {
  readonly of: OverviewReply;
  readonly health: Health | undefined;
}

function Figures({ of: { live, last24h }, health }: FiguresProps) {
  return (
    <section className="panel figures" aria-label="In numbers">
      <Figure
        name="Live sessions"
        value={live === undefined ? "–" : `${live.exact ? "" : "≈ "}${whole(live.value)}`}
        note={live === undefined ? "this store cannot count them" : "now"}
        main
      />
      <Figure name="Sign-ins" value={whole(last24h.signIns)} note="last 24 hours" />
      <Figure name="Ended" value={whole(last24h.ended)} note="last 24 hours" />
      <Figure name="Tokens renewed" value={whole(last24h.rotated)} note="last 24 hours" />
      <Latency health={health} />
    </section>
  );
}

/** What callers wait for; before the first of them, what they would wait for. */
function Latency({ health }: Pick<FiguresProps, "health">) {
  const verify = health?.node.verify;
  if (verify !== undefined) {
    const note = "this process, since its start";
    return <Figure name="Verify, 99 of 100" value={boundWords(verify.p99Ms)} note={note} />;
  }
  const answers = health?.store.ok === true;
  return (
    <Figure
      name="Store answers in"
      value={answers ? milliseconds(health.store.tookMs) : "–"}
      note={health === undefined ? "one moment" : health.store.kind}
    />
  );
}

interface FigureProps {
  readonly name: string;
  readonly value: string;
  readonly note: string;
  readonly main?: boolean;
}

function Figure({ name, value, note, main = false }: FigureProps) {
  return (
    <div className={main ? "figure-main" : undefined}>
      <h2>{name}</h2>
      <p className="figure-value" data-figure={name}>
        {value}
      </p>
      <p className="soft tiny">{note}</p>
    </div>
  );
}

function Hours({ of: { last24h } }: { readonly of: OverviewReply }) {
  const { hours, behind, to } = last24h;
  // The hour that is under way reaches to now.
  const steps = [...hours, ...hours.slice(-1).map((hour) => ({ ...hour, at: to }))];
  const series: ChartSeries[] = [
    { label: "Sign-ins", tone: "accent", filled: true, values: steps.map((h) => h.signIns) },
    { label: "Ended", tone: "soft", values: steps.map((h) => h.ended) },
  ];
  return (
    <Panel
      title="By hour"
      actions={<Legend series={series} />}
      foot={
        behind < BEHIND_TOLD ? undefined : `${counted(behind, "entry", "entries")} not counted yet.`
      }
    >
      <Chart
        label="Sign-ins and ends by hour"
        at={steps.map(({ at }) => Date.parse(at))}
        series={series}
      />
    </Panel>
  );
}

function Ends({ of: { last24h } }: { readonly of: OverviewReply }) {
  const bars = Object.entries(last24h.endsByReason)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, value]) => ({
      key: reason,
      label: reasonWords(reason),
      value,
      tone: reason === "reuse_detected" ? ("bad" as const) : ("accent" as const),
    }));
  return (
    <Panel title="Why sessions ended">
      {bars.length === 0 ? (
        <p className="soft">None has ended in the last 24 hours.</p>
      ) : (
        <Bars bars={bars} />
      )}
    </Panel>
  );
}

function Feed() {
  const { recent, state } = useHeard();
  const before = useRead<Page<AuditEntry>>("/audit", { limit: FEED_ROWS });
  const known = new Set(recent.map(({ id }) => id));
  const older = before.data?.items.filter(({ id }) => !known.has(id)) ?? [];
  const entries = [...recent, ...older].slice(0, FEED_ROWS);
  return (
    <Panel title="As it happens" flush actions={<FeedState state={state} />}>
      {before.isPending ? <Bones rows={FEED_ROWS} /> : null}
      {entries.length === 0 && !before.isPending ? (
        <Empty title="Nothing has happened yet">
          <p>
            Sign-ins, renewals and ends appear here the moment they happen, once your application
            opens sessions with a <Link href="/keys">service key</Link>.
          </p>
        </Empty>
      ) : (
        <ol className="feed">
          {entries.map((entry) => (
            <li key={entry.id} className={known.has(entry.id) ? "feed-new" : undefined}>
              <span className="soft small">
                <Ago at={entry.at} />
              </span>
              <span className="row">
                <EntryName entry={entry} />
                <Detail of={entry.detail} />
              </span>
              <span className="clip">
                {entry.subject === undefined ? null : <SubjectLink subject={entry.subject} />}
              </span>
              <span className="wide-only">
                {entry.session === undefined ? null : <SessionLink id={entry.session} />}
              </span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

function FeedState({ state }: { readonly state: string }) {
  return state === "live" ? <Badge tone="good">live</Badge> : <Badge tone="warn">waiting</Badge>;
}
