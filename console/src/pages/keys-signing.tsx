/** The inventory of the keys that sign and seal: one row for each, with all that it is used for. */
import { useRead } from "../api/hooks.ts";
import { Badge } from "../ui/badge.tsx";
import type { Tone } from "../ui/badge.tsx";
import { Panel } from "../ui/blocks.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Stamp } from "../ui/time.tsx";

interface SigningKey {
  readonly kid: string;
  readonly purpose: string;
  readonly algorithm: string;
  readonly state: string;
  readonly retiresAt?: string;
}

interface Row {
  readonly key: SigningKey;
  readonly purposes: readonly string[];
}

export const KEY_TONES: Readonly<Record<string, Tone>> = {
  live: "good",
  active: "good",
  ending: "warn",
  retiring: "warn",
  next: "accent",
  pending: "accent",
};

function rowsOf(keys: readonly SigningKey[]): readonly Row[] {
  const rows = new Map<string, SigningKey[]>();
  for (const key of keys) {
    const of = `${key.kid} ${key.state} ${key.algorithm} ${key.retiresAt ?? ""}`;
    rows.set(of, [...(rows.get(of) ?? []), key]);
  }
  return [...rows.values()].flatMap(([key, ...more]) =>
    key === undefined ? [] : [{ key, purposes: [key, ...more].map(({ purpose }) => purpose) }],
  );
}

export function SigningKeys() {
  const keys = useRead<{ readonly items: readonly SigningKey[] }>("/signing-keys");
  return (
    <Panel title="Keys that sign and seal" flush foot="Made and ended by the command line alone.">
      <Loaded of={keys}>
        {({ items }) => (
          <div className="table-scroll">
            <table className="table">
              <thead>
                <tr>
                  <th scope="col">Key</th>
                  <th scope="col">State</th>
                  <th scope="col">Used for</th>
                  <th scope="col" className="wide-only">
                    Algorithm
                  </th>
                  <th scope="col" className="num wide-only">
                    Retires
                  </th>
                </tr>
              </thead>
              <tbody>
                {rowsOf(items).map(({ key, purposes }) => (
                  <tr key={`${key.kid} ${purposes.join()}`}>
                    <th scope="row">
                      <code>{key.kid}</code>
                    </th>
                    <td>
                      <Badge tone={KEY_TONES[key.state] ?? "soft"}>{key.state}</Badge>
                    </td>
                    <td>{purposes.join(", ")}</td>
                    <td className="wide-only soft nowrap">{key.algorithm}</td>
                    <td className="num soft wide-only">
                      {key.retiresAt === undefined ? "–" : <Stamp at={key.retiresAt} />}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Loaded>
    </Panel>
  );
}
