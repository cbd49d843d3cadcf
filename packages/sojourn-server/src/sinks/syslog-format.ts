/** An entry as a message of RFC 5424. Its text is the entry as JSON, in plain ASCII. */
import { hostname } from "node:os";
import { severityOf, lineOf } from "../audit/formats.ts";
import type { ReadEntry } from "../audit/trail-reader.ts";

/** Security and authorization, private (RFC 5424 section 6.2.1). */
const FACILITY = 10;
const MSGID_CHARS_MAX = 32;
const HOST_CHARS_MAX = 255;
/** The parameter wraps at 2^31 - 1 (section 7.3.1). */
const SEQUENCE_MAX = 2_147_483_647;
const HOST =
  hostname()
    .replaceAll(/[^!-~]/g, "-")
    .slice(0, HOST_CHARS_MAX) || "-";

export function syslogOf(entry: ReadEntry, host: string = HOST): string {
  const { at, name, seq } = entry;
  const head = [
    `<${FACILITY * 8 + levelOf(severityOf(name))}>1`,
    new Date(at).toISOString(),
    host,
    "sojourn-server",
    "-",
    name.replaceAll(/[^!-~]/g, "-").slice(0, MSGID_CHARS_MAX) || "-",
    `[meta sequenceId="${((seq - 1) % SEQUENCE_MAX) + 1}"]`,
  ];
  return `${head.join(" ")} ${lineOf(entry, "ndjson")}`;
}

/** From 0 (nothing) to 10 as in CEF, to alert (1), error, warning, notice (5) of syslog. */
function levelOf(severity: number): number {
  if (severity >= 10) return 1;
  if (severity >= 8) return 3;
  return severity >= 5 ? 4 : 5;
}

/** RFC 6587 section 3.4.1: how long it is, then it. Everything is ASCII. */
export function framed(message: string): string {
  return `${message.length} ${message}`;
}
