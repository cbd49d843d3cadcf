/** Whether the web console is served, at which origin, and how strictly. */
import type { ConfigProblem } from "sojourn";
import type { Setting } from "./settings.ts";
import type { ValueReader } from "./values.ts";

/** Rows of the table of all settings. */
export const CONSOLE_SETTINGS: readonly Setting[] = [
  {
    path: "console.enabled",
    kind: "boolean",
    flag: "console",
    env: "SOJOURN_CONSOLE",
    means: "serve the web console below /console",
    standard: "true on loopback and where console.origin is set, else false",
  },
  {
    path: "console.origin",
    kind: "text",
    flag: "console-origin",
    env: "SOJOURN_CONSOLE_ORIGIN",
    means: "where people open the console, like https://ops.example.com",
    standard: "http://localhost and the port, on loopback",
  },
  {
    path: "console.fourEyes",
    kind: "boolean",
    flag: "console-four-eyes",
    env: "SOJOURN_CONSOLE_FOUR_EYES",
    means: "what cannot be undone waits for a second administrator",
    standard: "false",
  },
];

export interface ConsoleSettings {
  /** As browsers write it. Absent: `http://localhost` with the port of the request. */
  readonly origin: string | undefined;
  readonly fourEyes: boolean;
}

const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "::1", "localhost"]);

/** @returns `undefined` where there is no console. */
export function readConsoleSettings(
  read: ValueReader,
  host: string,
  problems: ConfigProblem[],
): ConsoleSettings | undefined {
  const origin = readOrigin(read.text("console.origin"), problems);
  const fourEyes = read.boolean("console.fourEyes") ?? false;
  const near = LOOPBACK.has(host);
  const enabled = read.boolean("console.enabled") ?? (near || origin !== undefined);
  if (!enabled) return undefined;
  if (!near && origin === undefined) {
    const message =
      "is needed for a console that is not on loopback: the https origin that people open, " +
      "like https://ops.example.com";
    problems.push({ path: "console.origin", message });
  }
  return { origin, fourEyes };
}

/** A passkey belongs to a name and to https; only a browser's own machine may do without. */
function readOrigin(text: string | undefined, problems: ConfigProblem[]): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain = url?.origin === text.replace(/\/$/, "");
  const safe = url?.protocol === "https:" || url?.hostname === "localhost";
  const named = url !== undefined && !/^[\d.]+$|^\[/.test(url.hostname);
  if (url !== undefined && plain && safe && named) return url.origin;
  const message = "accepted: an https origin by its name, like https://ops.example.com";
  problems.push({ path: "console.origin", message });
  return undefined;
}
