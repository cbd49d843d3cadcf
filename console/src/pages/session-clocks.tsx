/** Every clock that runs for a session, how much of it is left, and where its limit comes from. */
import type { Clock, Explanation } from "../api/types.ts";
import { fullTime, spanWords, useNow } from "../ui/time.tsx";
import { Icon } from "../ui/icon.tsx";
import { Words } from "../ui/words.tsx";

const SECOND_MS = 1_000;
const EFFECTS: Readonly<Record<string, string>> = {
  end: "ends the session",
  lock: "locks the session",
  "sudo-ends": "elevated rights end",
  "new-token": "a new token is due",
};

export function Clocks({ of }: { readonly of: Explanation }) {
  const now = useNow();
  const ended = of.state === "ended";
  const at = ended ? Date.parse(of.session.end?.at ?? of.now) : now;
  return (
    <ul className="clocks">
      {of.clocks.map((clock) => (
        <ClockRow key={clock.name} clock={clock} now={at} ended={ended} />
      ))}
    </ul>
  );
}

interface ClockRowProps {
  readonly clock: Clock;
  readonly now: number;
  readonly ended: boolean;
}

function ClockRow({ clock, now, ended }: ClockRowProps) {
  const leftMs = Date.parse(clock.at) - now;
  const passed = leftMs <= 0;
  const spanMs = (clock.spanSeconds ?? 0) * SECOND_MS;
  const used = spanMs === 0 ? 0 : Math.min(100, Math.max(0, (1 - leftMs / spanMs) * 100));
  const next = clock.next === true && !ended;
  return (
    <li className={next ? "clock clock-next" : "clock"}>
      <div>
        <strong>{clock.name}</strong>
        <span className="soft small">{EFFECTS[clock.effect] ?? clock.effect}</span>
      </div>
      <div className="clock-line">
        <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
          <rect className="clock-all" width="100" height="6" />
          <rect className={passed ? "clock-passed" : "clock-used"} width={used} height="6" />
        </svg>
        <span className="soft tiny">
          {[clock.limit, clock.from, clock.clause].filter(Boolean).join(" · ")}
        </span>
      </div>
      <div className="num">
        <time dateTime={clock.at} title={fullTime(clock.at)}>
          {leftWords(leftMs, ended)}
        </time>
        {spanMs === 0 ? null : (
          <span className="soft tiny">of {spanWords(spanMs / SECOND_MS)}</span>
        )}
      </div>
    </li>
  );
}

function leftWords(leftMs: number, ended: boolean): string {
  const words = spanWords(Math.abs(leftMs) / SECOND_MS);
  if (leftMs <= 0) return `passed ${words} ago`;
  return ended ? `${words} were left` : `${words} left`;
}

export function Rules({ of }: { readonly of: Explanation }) {
  return (
    <ul className="rules">
      {of.rules.map(({ name, holds, says }) => (
        <li key={name} className={holds ? "tone-good" : "tone-bad"}>
          <Icon name={holds ? "done" : "close"} />
          <span className="hidden-text">{holds ? "Holds:" : "Does not hold:"}</span>
          <span className="rule-says">
            <Words text={says} />
          </span>
        </li>
      ))}
    </ul>
  );
}
