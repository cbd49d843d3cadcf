/** Recorded history played against another policy: who would have been signed out, and when. */
import { useState } from "react";
import { api } from "../api/client.ts";
import { useAct } from "../api/hooks.ts";
import type { PolicyField } from "../api/types.ts";
import { reasonWords } from "../ui/badge.tsx";
import { Empty, Panel, Trouble } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { SessionLink, SubjectLink } from "../ui/entry.tsx";
import { Field } from "../ui/field.tsx";
import { counted, whole } from "../ui/numbers.ts";
import { Stamp } from "../ui/time.tsx";
import type { PolicyReply } from "./policies.tsx";

interface Simulation {
  readonly from: string;
  readonly to: string;
  readonly policy: { readonly name: string; readonly fields: readonly PolicyField[] };
  readonly sessions: {
    readonly considered: number;
    readonly unchanged: number;
    readonly earlier: number;
    readonly later: number;
    readonly undecided: number;
    readonly complete: boolean;
  };
  readonly items: readonly {
    readonly session: string;
    readonly subject?: string;
    readonly openedAt: string;
    readonly happened: { readonly state: string; readonly at?: string; readonly reason?: string };
    readonly would: {
      readonly state: string;
      readonly at?: string;
      readonly reason?: string;
      readonly certain: boolean;
      readonly between?: readonly [string, string];
    };
    readonly why: string;
  }[];
  readonly bounds: readonly string[];
}

interface SimulatorProps {
  readonly presets: PolicyReply["presets"];
  readonly of: PolicyReply;
}

const DAYS = [
  ["1", "the last day"],
  ["7", "the last week"],
  ["30", "the last 30 days"],
] as const;
const DAY_MS = 86_400_000;

export function Simulator({ presets, of }: SimulatorProps) {
  const act = useAct();
  const [base, setBase] = useState(of.policy.name);
  const [idle, setIdle] = useState("");
  const [absolute, setAbsolute] = useState("");
  const [why, setWhy] = useState("");
  const [days, setDays] = useState("1");
  const [result, setResult] = useState<Simulation>();
  const names = [...new Set(presets.map(({ name }) => name))];
  const chosen = names.includes(base) ? base : (names[0] ?? "");
  const changes = {
    ...(idle === "" ? {} : { idleMs: idle }),
    ...(absolute === "" ? {} : { absoluteMs: absolute }),
    ...(why === "" ? {} : { justification: why }),
  };
  const simulate = async (): Promise<void> => {
    const to = new Date();
    const from = new Date(to.getTime() - Number(days) * DAY_MS);
    const policy = Object.keys(changes).length === 0 ? chosen : { extends: chosen, ...changes };
    const body = { policy, from: from.toISOString(), to: to.toISOString() };
    setResult(await api<Simulation>("/policy/simulate", { method: "POST", body }));
  };
  return (
    <Panel title="What if it were another one?" foot="Nothing is changed by trying.">
      <form
        className="simulator"
        onSubmit={(event) => {
          event.preventDefault();
          void act.run(simulate);
        }}
      >
        <Field label="Preset">
          <select value={chosen} onChange={({ target }) => setBase(target.value)}>
            {names.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </Field>
        <Field label="Idle time" hint="like 10m; empty: the preset’s">
          <input value={idle} onChange={({ target }) => setIdle(target.value.trim())} />
        </Field>
        <Field label="Longest stay" hint="like 8h; empty: the preset’s">
          <input value={absolute} onChange={({ target }) => setAbsolute(target.value.trim())} />
        </Field>
        <Field label="Justification" hint="needed to loosen a preset">
          <input value={why} onChange={({ target }) => setWhy(target.value)} />
        </Field>
        <Field label="Over">
          <select value={days} onChange={({ target }) => setDays(target.value)}>
            {DAYS.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </Field>
        <Button type="submit" kind="primary" busy={act.busy}>
          {act.busy ? "Playing history …" : "Try it"}
        </Button>
      </form>
      {act.error === undefined ? null : <Trouble error={act.error} />}
      {result === undefined ? null : <Outcome of={result} />}
    </Panel>
  );
}

function Outcome({ of }: { readonly of: Simulation }) {
  const { considered, earlier, later, unchanged, undecided, complete } = of.sessions;
  return (
    <div className="outcome" role="status">
      <p className="outcome-words">
        <strong>{counted(earlier, "session")}</strong> of {whole(considered)} would have ended
        earlier
        {undecided === 0 ? "" : `, ${whole(undecided)} of them perhaps`}; {whole(later)} later;{" "}
        {whole(unchanged)} just as they did.
        {complete ? "" : " Only a part of the history was played."}
      </p>
      {of.items.length === 0 ? (
        <Empty title="Nobody would have noticed">
          <p>No session of that time would have ended at another moment.</p>
        </Empty>
      ) : (
        <OutcomeTable of={of} />
      )}
      {of.bounds.length === 0 ? null : (
        <ul className="soft small outcome-bounds">
          {of.bounds.map((bound) => (
            <li key={bound}>{bound}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

function OutcomeTable({ of }: { readonly of: Simulation }) {
  return (
    <div className="table-scroll outcome-table" tabIndex={0} role="region" aria-label="Differences">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Subject</th>
            <th scope="col" className="wide-only">
              Session
            </th>
            <th scope="col">Happened</th>
            <th scope="col">Would have ended</th>
            <th scope="col" className="wide-only">
              Why
            </th>
          </tr>
        </thead>
        <tbody>
          {of.items.map((item) => (
            <tr key={item.session}>
              <th scope="row">
                <SubjectLink subject={item.subject} />
              </th>
              <td className="wide-only">
                <SessionLink id={item.session} />
              </td>
              <td className="small">
                {reasonWords(item.happened.reason ?? item.happened.state)}
                {item.happened.at === undefined ? null : (
                  <span className="soft">
                    {" "}
                    <Stamp at={item.happened.at} />
                  </span>
                )}
              </td>
              <td className="small">
                {item.would.state === "live"
                  ? "not yet"
                  : reasonWords(item.would.reason ?? "ended")}
                {item.would.at === undefined ? null : (
                  <span className="soft">
                    {item.would.certain ? " " : " at the earliest "}
                    <Stamp at={item.would.at} />
                  </span>
                )}
              </td>
              <td className="wide-only soft small">{item.why}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
