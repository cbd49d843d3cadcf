/** Calls as they go over the wire, byte for byte, with the credentials they say to have. */
import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import { wellFormed } from "./calls.ts";
import type { Call, Credential } from "./calls.ts";
import { guardOf } from "./document.ts";
import type { Heard } from "./judge.ts";

export interface Keys {
  readonly right: string;
  /** Of another tenant. */
  readonly foreign: string;
  /** Without any scope that matters. */
  readonly poor: string;
  /** A session of the service's own tenant, which is live. */
  readonly session: string;
}

type Headers = Record<string, string | readonly string[]>;

/** Bytes that no header may have are left out, as clients do. */
const NO_FIELD = /[^\t\x20-\x7e\x80-\xff]/g;
const ANSWER_MS_MAX = 30_000;

export function pathOf({ address, query }: Call): string {
  const pairs = query.map((pair) => pair.map((text) => encodeURIComponent(wellFormed(text))));
  return address + (pairs.length === 0 ? "" : `?${pairs.map((pair) => pair.join("=")).join("&")}`);
}

function headersOf(call: Call, keys: Keys, bytes: number | undefined): Headers {
  const headers: Headers = { ...credentials(call, keys) };
  for (const [name, value] of Object.entries(call.headers)) {
    const clean = [value].flat().map((one) => one.replaceAll(NO_FIELD, ""));
    headers[name] = typeof value === "string" ? (clean[0] ?? "") : clean;
  }
  if (call.type !== undefined) headers["content-type"] = call.type;
  if (bytes !== undefined) headers["content-length"] = String(bytes);
  return headers;
}

function credentials(call: Call, keys: Keys): Headers {
  const guard = guardOf(call.route);
  if (guard === "nobody") return {};
  const own = guard === "serviceKey" ? keys.right : keys.session;
  const texts: Readonly<Record<Exclude<Credential, "none" | "twice">, string>> = {
    right: own,
    garbage: "sj1x_\u00ff",
    foreign: keys.foreign,
    poor: keys.poor,
    "other-kind": guard === "serviceKey" ? keys.session : keys.right,
  };
  if (call.as === "none") return {};
  if (call.as === "twice") return { authorization: [`Bearer ${own}`, `Bearer ${keys.foreign}`] };
  return { authorization: `Bearer ${texts[call.as]}` };
}

function contentOf({ raw, body, type }: Call): string | Uint8Array | undefined {
  if (raw !== undefined) return raw;
  if (body === undefined) return undefined;
  if (type !== "application/x-www-form-urlencoded") return JSON.stringify(body);
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(body ?? {})) form.append(name, textOf(value));
  return form.toString();
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}

/** One request on a connection of its own. A stream of events is left after its first one. */
export function perform(base: string, call: Call, keys: Keys): Promise<Heard> {
  const content = contentOf(call);
  const bytes = content === undefined ? undefined : Buffer.from(content).length;
  const { hostname, port } = new URL(base);
  const headers = headersOf(call, keys, bytes) as Record<string, string | string[]>;
  const { method } = call.route;
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, path: pathOf(call), method, headers, agent: false });
    outgoing.setTimeout(ANSWER_MS_MAX, () => outgoing.destroy(new Error("no answer")));
    outgoing.on("response", (response) => {
      void heard(response).then((text) => {
        const { statusCode: status = 0, headers: fields } = response;
        resolve({ status, headers: fields, text });
        outgoing.destroy();
      }, reject);
    });
    outgoing.on("error", reject);
    outgoing.end(content);
  });
}

function heard(response: IncomingMessage): Promise<string> {
  const live = (response.headers["content-type"] ?? "").startsWith("text/event-stream");
  return new Promise((resolve, reject) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      text += chunk;
      if (live && text.includes("\n\n")) resolve(text);
    });
    response.on("error", reject);
    response.on("end", () => resolve(text));
  });
}
