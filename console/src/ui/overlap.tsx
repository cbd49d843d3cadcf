import { Field } from "./field.tsx";

const SPANS = [
  ["3600", "one hour"],
  ["86400", "one day"],
  ["604800", "one week"],
] as const;

interface OverlapFieldProps {
  readonly label: string;
  readonly hint: string;
  /** What no time at all means. */
  readonly none: string;
  /** Seconds, as text. */
  readonly value: string;
  readonly onChange: (seconds: string) => void;
}

/** How long an old secret goes on beside a new one. */
export function OverlapField({ label, hint, none, value, onChange }: OverlapFieldProps) {
  return (
    <Field label={label} hint={hint}>
      <select value={value} onChange={({ target }) => onChange(target.value)}>
        {[["0", none] as const, ...SPANS].map(([seconds, words]) => (
          <option key={seconds} value={seconds}>
            {words}
          </option>
        ))}
      </select>
    </Field>
  );
}
