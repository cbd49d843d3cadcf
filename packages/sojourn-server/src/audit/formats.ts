/** One entry as one line: NDJSON, or CEF for systems that collect security events. */
import { ascii } from "./chain.ts";
import type { ReadEntry } from "./trail-reader.ts";

export const FORMATS = ["ndjson", "cef"] as const;
export type Format = (typeof FORMATS)[number];

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  ndjson: "application/x-ndjson",
  cef: "text/plain; charset=utf-8",
};

/** How bad it is by what it is called, 0 to 10; whatever is not here is 3. */
const SEVERITY: Readonly<Record<string, number>> = {
  "token-fork": 8,
  "token-forged": 5,
  "audit-unproved": 10,
  "audit-dropped": 8,
  "audit-damaged": 8,
  "consumer-gap": 8,
  "webhook-disabled": 5,
  "service-key-created": 5,
  "service-key-revoked": 5,
};
const SEVERITY_USUAL = 3;

export function severityOf(name: string): number {
  return SEVERITY[name] ?? SEVERITY_USUAL;
}

/** An entry as the HTTP interface, the command and exports show it. */
export function viewOfEntry({ at, ...entry }: ReadEntry): object {
  return { ...entry, at: new Date(at).toISOString() };
}

/** Without its newline; nothing in it makes a second line, or moves a terminal's cursor. */
export function lineOf(entry: ReadEntry, format: Format): string {
  return format === "ndjson" ? ascii(JSON.stringify(viewOfEntry(entry))) : cefOf(entry);
}

function cefOf(entry: ReadEntry): string {
  const { name, at, seq, id, tenant, actor, subject, session, reason, cause, request, from } =
    entry;
  const severity = severityOf(name);
  const head = ["Sojourn", "sojourn-server", "1", name, name, String(severity)].map(headText);
  const detail = entry.detail === undefined ? undefined : JSON.stringify(entry.detail);
  const state = entry.tampered === true ? "tampered" : entry.erased === true ? "erased" : undefined;
  const members: readonly (readonly [string, string | undefined])[] = [
    ["rt", String(at)],
    ["externalId", id],
    ["cn1", String(seq)],
    ["cn1Label", "seq"],
    ["suser", actor],
    ["duser", subject],
    ["reason", reason],
    ["msg", cause],
    ["src", from?.full],
    ["requestClientApplication", entry.client?.agent ?? from?.agent],
    ...labelled("cs1", "tenant", tenant === "" ? undefined : tenant),
    ...labelled("cs2", "session", session),
    ...labelled("cs3", "request", request),
    ...labelled("cs4", "network", from?.address),
    ...labelled("cs5", "detail", detail),
    ...labelled("cs6", "state", state),
  ];
  const extension = members.flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${extensionText(value)}`],
  );
  return `CEF:0|${head.join("|")}|${extension.join(" ")}`;
}

function labelled(
  key: string,
  label: string,
  value: string | undefined,
): readonly (readonly [string, string | undefined])[] {
  return value === undefined ? [] : [[key, value] as const, [`${key}Label`, label] as const];
}

/** A header takes no line breaks at all. */
function headText(text: string): string {
  return visible(text.replaceAll(/[\r\n]+/g, " ")).replaceAll(/[\\|]/g, "\\$&");
}

function extensionText(text: string): string {
  return visible(text.replaceAll(/[\\=]/g, "\\$&").replaceAll("\r", "\\r").replaceAll("\n", "\\n"));
}

/** Without control characters, line separators and what turns the direction of writing. */
function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, "·");
}
