/** A session's time at a glance: how much of it is used, and when idleness ends it. */
import type { Session } from "../api/types.ts";
import { serverNow, spanWords } from "./time.tsx";
import "./life-line.css";

const WIDTH = 100;
/** What has just begun is seen, too. */
const USED_MIN = 2;
const SECOND_MS = 1_000;

type Life = Pick<
  Session,
  "createdAt" | "seenAt" | "idleExpiresAt" | "absoluteExpiresAt" | "state" | "end"
>;

export function LifeLine({ of }: { readonly of: Life }) {
  const from = Date.parse(of.createdAt);
  const to = Date.parse(of.absoluteExpiresAt);
  const at = (text: string): number => share(Date.parse(text), from, to);
  const ended = of.end?.at ?? (of.state === "ended" ? of.seenAt : undefined);
  const used = ended === undefined ? share(serverNow(), from, to) : at(ended);
  const idle = at(of.idleExpiresAt);
  const left = spanWords((Date.parse(of.idleExpiresAt) - serverNow()) / SECOND_MS);
  const words =
    ended === undefined
      ? `${Math.round(used)} % of its time used; idle end in ${left}`
      : `ended after ${Math.round(used)} % of its time`;
  return (
    <svg
      className={`life life-${of.state}`}
      viewBox={`0 0 ${WIDTH} 8`}
      preserveAspectRatio="none"
      role="img"
      aria-label={words}
    >
      <title>{words}</title>
      <rect className="life-all" y="1" width={WIDTH} height="6" />
      {ended === undefined ? (
        <rect className="life-idle" y="1" width={Math.max(USED_MIN, idle)} height="6" />
      ) : null}
      <rect className="life-used" y="1" width={Math.max(USED_MIN, used)} height="6" />
    </svg>
  );
}

function share(at: number, from: number, to: number): number {
  if (to <= from) return WIDTH;
  return Math.min(WIDTH - 1, Math.max(0, ((at - from) / (to - from)) * WIDTH));
}
