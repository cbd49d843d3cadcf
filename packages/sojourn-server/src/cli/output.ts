/** What a command says: aligned text for people, JSON for scripts. Colours only on a terminal. */

export interface Output {
  readonly json: boolean;
  /** A person reads along, and no log: what is said once may be said here. */
  readonly watched: boolean;
  /** One value: as JSON with `--json`, else by `say`. */
  result(value: unknown, say: (paint: Paint) => string): void;
  /** Lines of a format of their own, with or without `--json`. */
  lines(lines: readonly string[]): void;
  /** A remark for people; standard error, so that scripts read clean output. */
  note(text: string): void;
}

export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
}

interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

const ESC = "\u001B[";

export function paintFor(sink: Sink, env: Readonly<Record<string, string | undefined>>): Paint {
  const on = sink.isTTY === true && env["NO_COLOR"] === undefined && env["TERM"] !== "dumb";
  const wrap =
    (code: number) =>
    (text: string): string =>
      on ? `${ESC}${code}m${text}${ESC}0m` : text;
  return { bold: wrap(1), dim: wrap(2), good: wrap(32), bad: wrap(31) };
}

export function createOutput(
  json: boolean,
  out: Sink,
  err: Sink,
  env: Readonly<Record<string, string | undefined>>,
): Output {
  const paint = paintFor(out, env);
  return {
    json,
    watched: err.isTTY === true,
    result: (value, say) => {
      const text = json ? JSON.stringify(value, null, 2) : say(paint).trimEnd();
      if (text !== "") out.write(`${text}\n`);
    },
    lines: (lines) => {
      if (lines.length > 0) out.write(`${lines.join("\n")}\n`);
    },
    note: (text) => void err.write(`${text}\n`),
  };
}

/** Columns as wide as their widest cell. @param rows The first one is the heading. */
export function table(rows: readonly (readonly string[])[], paint: Paint): string {
  const widths = (rows[0] ?? []).map((_cell, column) =>
    Math.max(...rows.map((row) => printable(row[column]).length)),
  );
  return rows
    .map((row, index) => {
      const line = row
        .map((cell, column) => printable(cell).padEnd(widths[column] ?? 0))
        .join("  ");
      return index === 0 ? paint.dim(line.trimEnd()) : line.trimEnd();
    })
    .join("\n");
}

/** `name: value` lines, aligned. */
export function facts(
  pairs: readonly (readonly [string, string | undefined])[],
  paint: Paint,
): string {
  const given = pairs.filter(([, value]) => value !== undefined);
  const width = Math.max(...given.map(([name]) => name.length));
  return given
    .map(([name, value]) => `${paint.dim(name.padEnd(width))}  ${printable(value)}`)
    .join("\n");
}

/** Text of others without what would move the cursor of a terminal. */
export function printable(text: string | undefined): string {
  return (text ?? "").replaceAll(/\p{Cc}/gu, "·");
}

/** `2026-11-20 10:15:00Z` */
export function moment(at: number | string | undefined): string {
  if (at === undefined) return "-";
  return new Date(at)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, "Z");
}
