/** One try to deliver one message: bounded in time, in what is read, and in where it may go. */
import { Agent as PlainAgent, request as requestPlain } from "node:http";
import type { IncomingMessage } from "node:http";
import { Agent as TlsAgent, request as requestTls } from "node:https";
import { isIP } from "node:net";
import { AddressError, judgedLookup } from "./addresses.ts";
import type { AddressRule } from "./addresses.ts";

/** Why it was not delivered; a closed set, for what receivers say is theirs. */
export const TROUBLES = [
  "status",
  "redirect",
  "timeout",
  "unresolved",
  "refused-address",
  "connection",
  "tls",
  "retired",
  "secret",
] as const;
export type Trouble = (typeof TROUBLES)[number];

export interface Attempted {
  /** Of the answer, if one came. */
  readonly status?: number;
  /** Absent: it was delivered. */
  readonly trouble?: Trouble;
}

export interface Target {
  readonly url: string;
  readonly rule: AddressRule;
  readonly timeoutMs: number;
}

const ANSWER_BYTES_MAX = 65_536;
/**
 * Connections are used again while there is something to send, and closed before receivers tire of
 * them. To whom one leads was judged when it was opened.
 */
const KEPT = { keepAlive: true, timeout: 1_000, maxFreeSockets: 4 } as const;
const plainAgent = new PlainAgent(KEPT);
const tlsAgent = new TlsAgent(KEPT);
const TLS_CODE = /^(?:CERT_|ERR_TLS|ERR_SSL|EPROTO|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/;

/** Never throws. No redirect is followed: it could lead where the URL may not. */
export async function attempt(
  { url, rule, timeoutMs }: Target,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<Attempted> {
  const address = new URL(url);
  const plainHttp = address.protocol === "http:";
  const host = address.hostname.replaceAll(/^\[|\]$/g, "");
  // An address is not resolved, so nobody would judge it.
  if (isIP(host) !== 0 && !rule(host, plainHttp)) return { trouble: "refused-address" };
  return new Promise((settle) => {
    const outgoing = (plainHttp ? requestPlain : requestTls)(address, {
      method: "POST",
      agent: plainHttp ? plainAgent : tlsAgent,
      lookup: judgedLookup(rule, plainHttp),
      headers: {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "user-agent": "Sojourn-Webhooks/1",
        ...headers,
      },
    });
    const timer = setTimeout(() => {
      settle({ trouble: "timeout" });
      outgoing.destroy();
    }, timeoutMs);
    outgoing.on("close", () => clearTimeout(timer));
    outgoing.on("error", (error) => settle({ trouble: troubleOf(error) }));
    outgoing.on("response", (response) => {
      settle(outcomeOf(response.statusCode ?? 0));
      readAway(response);
    });
    outgoing.end(body);
  });
}

function outcomeOf(status: number): Attempted {
  if (status >= 200 && status < 300) return { status };
  return { status, trouble: status >= 300 && status < 400 ? "redirect" : "status" };
}

/** What it says is not looked at; up to a bound it is let speak, for the sake of its own logs. */
function readAway(response: IncomingMessage): void {
  let bytes = 0;
  response.on("error", () => undefined);
  response.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) response.destroy();
  });
}

function troubleOf(error: Error): Trouble {
  if (error instanceof AddressError) return error.code;
  const code = "code" in error ? String(error.code) : "";
  return TLS_CODE.test(code) ? "tls" : "connection";
}
