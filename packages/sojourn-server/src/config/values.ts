/** One written value → one typed value, or a problem that names what is accepted. */
import type { ConfigProblem } from "sojourn";
import { PlaceProblem } from "./place-url.ts";
import { isObject } from "./sources.ts";
import type { Written } from "./sources.ts";
import { readSpan } from "./spans.ts";

const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const PORT_MAX = 65_535;
const UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, kb: 1_024, mb: 1_048_576 };
const BODY_BYTES_MIN = 1_024;
const BODY_BYTES_MAX = 16 * 1_048_576;
const COUNT_MAX = 10_000_000;
const SHOWN_MAX_CHARS = 40;

/** Reads values of settings; what cannot be read is a problem and `undefined`. */
export class ValueReader {
  readonly #written: ReadonlyMap<string, Written>;
  readonly #problems: ConfigProblem[];

  constructor(written: ReadonlyMap<string, Written>, problems: ConfigProblem[]) {
    this.#written = written;
    this.#problems = problems;
  }

  text(path: string): string | undefined {
    return this.#read(path, "a text", (value) =>
      typeof value === "string" && value !== "" ? value : undefined,
    );
  }

  port(path: string): number | undefined {
    return this.#read(path, `a port from 0 to ${PORT_MAX}`, (value) => wholeUpTo(value, PORT_MAX));
  }

  metricsPort(path: string): number | "off" | undefined {
    return this.#read(path, `a port from 0 to ${PORT_MAX}, or "off"`, (value) =>
      value === "off" || value === false ? "off" : wholeUpTo(value, PORT_MAX),
    );
  }

  count(path: string): number | undefined {
    return this.#read(path, `a whole number from 0 to ${COUNT_MAX}`, (value) =>
      wholeUpTo(value, COUNT_MAX),
    );
  }

  bytes(path: string): number | undefined {
    const accepted = `a size from 1kb to 16mb, like 256kb`;
    return this.#read(path, accepted, (value) => {
      const match = /^(\d{1,9})\s*(b|kb|mb|)$/i.exec(String(value).trim());
      const bytes = Number(match?.[1]) * (UNITS[match?.[2]?.toLowerCase() ?? ""] ?? Number.NaN);
      return bytes >= BODY_BYTES_MIN && bytes <= BODY_BYTES_MAX ? bytes : undefined;
    });
  }

  boolean(path: string): boolean | undefined {
    return this.#read(path, "true or false", (value) => {
      if (value === true || value === "true" || value === "1") return true;
      return value === false || value === "false" || value === "0" ? false : undefined;
    });
  }

  level(path: string): LogLevel | undefined {
    return this.#read(path, LOG_LEVELS.join(", "), (value) =>
      LOG_LEVELS.find((level) => level === value),
    );
  }

  /** A list in a file; repeated flags; text separated by commas in the environment. */
  list(path: string): readonly string[] | undefined {
    return this.#read(path, "a list of texts, or one text with commas", (value) => {
      const parts = typeof value === "string" ? value.split(",") : value;
      if (!Array.isArray(parts)) return undefined;
      const texts = parts.map((part: unknown) => (typeof part === "string" ? part.trim() : ""));
      return texts.includes("") ? undefined : texts;
    });
  }

  /** @param readPlace Throws {@link PlaceProblem}; what was written is not repeated. */
  place<Place>(path: string, readPlace: (text: string) => Place): Place | undefined {
    const written = this.#written.get(path);
    if (written === undefined) return undefined;
    try {
      return readPlace(typeof written.value === "string" ? written.value.trim() : "");
    } catch (error) {
      if (!(error instanceof PlaceProblem)) throw error;
      this.#problems.push({ path: written.from, message: error.message });
      return undefined;
    }
  }

  /** @param range Least and most, in milliseconds. @param shown The same, as people write it. */
  span(path: string, [min, max]: readonly [number, number], shown: string): number | undefined {
    return this.#read(path, shown, (value) => {
      const span = typeof value === "string" ? readSpan(value) : undefined;
      return span !== undefined && span >= min && span <= max ? span : undefined;
    });
  }

  /** A list of words from a closed set. */
  words<Word extends string>(path: string, words: readonly Word[]): readonly Word[] | undefined {
    const given = this.list(path);
    const from = this.#written.get(path)?.from ?? path;
    for (const text of given ?? []) {
      if (words.some((word) => word === text)) continue;
      const message = `unknown name ${shown(text)}; accepted: ${words.join(", ")}`;
      this.#problems.push({ path: from, message });
    }
    return given && words.filter((word) => given.includes(word));
  }

  /** As it is written: the library judges it. */
  object(path: string): Record<string, unknown> | undefined {
    return this.#read(path, "an object", (value) => (isObject(value) ? value : undefined));
  }

  policy(path: string): string | Record<string, unknown> | undefined {
    return this.#read(path, "a preset, or an object with `extends`", (value) =>
      typeof value === "string" || isObject(value) ? value : undefined,
    );
  }

  #read<Value>(
    path: string,
    accepted: string,
    read: (value: unknown) => Value | undefined,
  ): Value | undefined {
    const written = this.#written.get(path);
    if (written === undefined) return undefined;
    const value = read(written.value);
    if (value === undefined) {
      const message = `given ${shown(written.value)}; accepted: ${accepted}`;
      this.#problems.push({ path: written.from, message });
    }
    return value;
  }
}

function wholeUpTo(value: unknown, max: number): number | undefined {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text !== "string" || !/^\d{1,9}$/.test(text)) return undefined;
  return Number(text) <= max ? Number(text) : undefined;
}

/** What somebody gave, at bounded length. Secrets never come this way: they are read elsewhere. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > SHOWN_MAX_CHARS ? `${text.slice(0, SHOWN_MAX_CHARS)}…` : text;
}
