/** Collectors of logs on loopback: syslog over TCP, TLS and UDP, and OTLP over HTTP. */
import { createSocket } from "node:dgram";
import { createServer as createHttp } from "node:http";
import type { ServerResponse } from "node:http";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { createServer as createTls } from "node:tls";
import type { TlsOptions } from "node:tls";

/** A message of RFC 5424, taken to pieces. */
export interface SyslogMessage {
  readonly priority: number;
  readonly version: number;
  readonly timestamp: string;
  readonly host: string;
  readonly app: string;
  readonly process: string;
  readonly id: string;
  readonly data: string;
  readonly text: string;
}

const MESSAGE =
  /^<(\d{1,3})>(\d{1,2}) (\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) (-|(?:\[[^\]]*\])+)(?: (.*))?$/s;

/** @throws for what is no message of RFC 5424. */
export function parseSyslog(line: string): SyslogMessage {
  const match = MESSAGE.exec(line);
  if (match === null) throw new Error(`no message of RFC 5424: ${line.slice(0, 200)}`);
  const [, priority, version, timestamp = "", host = "", app = "", process = "", ...rest] = match;
  const [id = "", data = "", text = ""] = rest;
  const head = { timestamp, host, app, process, id, data, text };
  return { priority: Number(priority), version: Number(version), ...head };
}

/** Octet counting of RFC 6587. @returns what is not whole yet. */
function unframe(bytes: Buffer, got: (message: string) => void): Buffer {
  for (let rest = bytes; ;) {
    const space = rest.indexOf(0x20);
    if (space < 0) return rest;
    const length = Number(rest.subarray(0, space).toString("latin1"));
    if (!Number.isSafeInteger(length) || length < 1) throw new Error("no octet count");
    const end = space + 1 + length;
    if (rest.length < end) return rest;
    got(rest.subarray(space + 1, end).toString("utf8"));
    rest = rest.subarray(end);
  }
}

export interface SyslogReceiver {
  readonly port: number;
  readonly got: SyslogMessage[];
  /** What it does with a connection instead of reading it. */
  instead: ((socket: Socket) => void) | undefined;
  close(): Promise<void>;
}

export async function startSyslog(port = 0, tls?: TlsOptions): Promise<SyslogReceiver> {
  const sockets = new Set<Socket>();
  const serve = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    if (receiver.instead !== undefined) {
      receiver.instead(socket);
      return;
    }
    let rest: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      rest = unframe(Buffer.concat([rest, chunk]), (line) => receiver.got.push(parseSyslog(line)));
    });
  };
  const server: Server = tls === undefined ? createServer(serve) : createTls(tls, serve);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const receiver: SyslogReceiver = {
    port: (server.address() as AddressInfo).port,
    got: [],
    instead: undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return receiver;
}

export async function startUdpSyslog(): Promise<SyslogReceiver> {
  const socket = createSocket("udp4");
  const got: SyslogMessage[] = [];
  socket.on("message", (bytes) => got.push(parseSyslog(bytes.toString("utf8"))));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const close = (): Promise<void> => new Promise((resolve) => socket.close(() => resolve()));
  return { port: socket.address().port, got, instead: undefined, close };
}

type Members = Readonly<Record<string, unknown>>;

export interface OtlpReceiver {
  readonly url: string;
  /** Log records, with their attributes as plain values. */
  readonly got: Members[];
  readonly headers: Members[];
  answer: (response: ServerResponse, records: readonly Members[]) => boolean;
  close(): Promise<void>;
}

/** A collector of OTLP/HTTP logs in JSON. What `answer` says no to is not kept. */
export async function startOtlp(port = 0): Promise<OtlpReceiver> {
  const server = createHttp((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { resourceLogs } = JSON.parse(Buffer.concat(chunks).toString()) as {
        resourceLogs: { scopeLogs: { logRecords: Members[] }[] }[];
      };
      const records = resourceLogs.flatMap(({ scopeLogs }) =>
        scopeLogs.flatMap(({ logRecords }) => logRecords),
      );
      receiver.headers.push(request.headers);
      if (receiver.answer(response, records)) {
        receiver.got.push(...records.map((one) => ({ ...one, ...plainOf(one["attributes"]) })));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const receiver: OtlpReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/logs`,
    got: [],
    headers: [],
    answer: (response) => {
      response.writeHead(200, { "content-type": "application/json" }).end('{"partialSuccess":{}}');
      return true;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}

function plainOf(pairs: unknown): Members {
  const all = pairs as readonly { key: string; value: Members }[];
  return Object.fromEntries(all.map(({ key, value }) => [key, plain(value)]));
}

function plain(value: Members): unknown {
  if ("intValue" in value) return Number(value["intValue"]);
  if ("kvlistValue" in value) return plainOf((value["kvlistValue"] as Members)["values"]);
  if ("arrayValue" in value) {
    return ((value["arrayValue"] as Members)["values"] as Members[]).map(plain);
  }
  return Object.values(value)[0];
}
