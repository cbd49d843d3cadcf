import type { ReactNode } from "react";
import { whole } from "./numbers.ts";
import "./bars.css";

export interface Bar {
  readonly label: ReactNode;
  readonly key: string;
  readonly value: number;
  readonly tone?: "accent" | "good" | "warn" | "bad" | "soft";
}

/** Amounts under each other: the words, a bar that compares, the number. */
export function Bars({ bars }: { readonly bars: readonly Bar[] }) {
  const most = Math.max(1, ...bars.map(({ value }) => value));
  return (
    <ul className="bars">
      {bars.map(({ key, label, value, tone = "accent" }) => (
        <li key={key}>
          <span className="clip">{label}</span>
          <svg className={`tone-${tone}`} preserveAspectRatio="none" viewBox="0 0 100 4">
            <rect width={Math.max(value === 0 ? 0 : 1, (value / most) * 100)} height="4" />
          </svg>
          <span className="num">{whole(value)}</span>
        </li>
      ))}
    </ul>
  );
}
