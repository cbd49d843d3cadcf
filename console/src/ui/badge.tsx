import type { ReactNode } from "react";

export type Tone = "good" | "warn" | "bad" | "accent" | "soft";

interface BadgeProps {
  readonly tone?: Tone;
  readonly plain?: boolean;
  readonly hollow?: boolean;
  readonly children: ReactNode;
}

export function Badge({ tone = "soft", plain = false, hollow = false, children }: BadgeProps) {
  const names = ["badge", `badge-${tone}`, plain && "badge-plain", hollow && "badge-hollow"];
  return <span className={names.filter(Boolean).join(" ")}>{children}</span>;
}

const STATES: Readonly<Record<string, { tone: Tone; hollow?: boolean }>> = {
  active: { tone: "good" },
  pending: { tone: "accent", hollow: true },
  locked: { tone: "warn" },
  ended: { tone: "soft", hollow: true },
};

const REASON_TONES: Readonly<Record<string, Tone>> = { reuse_detected: "bad" };

export function StateBadge({
  state,
  reason,
}: {
  readonly state: string;
  readonly reason?: string;
}) {
  const { tone, hollow = false } = STATES[state] ?? { tone: "soft" as const };
  return (
    <Badge tone={(reason === undefined ? undefined : REASON_TONES[reason]) ?? tone} hollow={hollow}>
      {reason === undefined ? state : reasonWords(reason)}
    </Badge>
  );
}

/** `idle_timeout` as people say it. */
export function reasonWords(reason: string): string {
  return reason.replaceAll("_", " ");
}
