/**
 * Audit entries to a collector that speaks syslog. Over TCP and TLS a batch is a connection of its
 * own: we close our half, and that the collector then closes its own tells that it has read all of
 * it. Syslog has no other receipt, and a write that succeeded is none. A collector that closes
 * first has not: its kernel says so within a round trip, so our half stays open for longer.
 */
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { connect, isIP } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ConnectionOptions } from "node:tls";
import type { ReadEntry } from "../audit/trail-reader.ts";
import type { SyslogPlace } from "../config/consumer-settings.ts";
import { framed, syslogOf } from "./syslog-format.ts";

export interface SyslogOptions {
  /** For all of a batch. */
  readonly timeoutMs: number;
}

/** The collector has not taken the batch: it comes again. */
export class SinkError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`the sink has not taken the entries: ${code}`);
    this.name = "SinkError";
    this.code = code;
  }
}

/** How long our half stays open at least. */
const OPEN_MS_MIN = 50;
/** Of one datagram; collectors must take 480 bytes, and should 2048 (RFC 5426 section 3.2). */
const DATAGRAM_BYTES_MAX = 8_192;

/** @throws {SinkError} unless the collector has read everything. For UDP: unless it was sent. */
export function sendSyslog(
  place: SyslogPlace,
  entries: readonly ReadEntry[],
  { timeoutMs }: SyslogOptions,
): Promise<void> {
  const messages = entries.map((entry) => syslogOf(entry));
  return place.kind === "udp" ? overUdp(place, messages) : overTcp(place, messages, timeoutMs);
}

function overTcp(
  place: SyslogPlace,
  messages: readonly string[],
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectTo(place);
    const fail = (code: string): void => {
      socket.destroy();
      reject(new SinkError(code));
    };
    const timer = setTimeout(() => fail("ETIMEDOUT"), timeoutMs);
    const began = performance.now();
    let closing = false;
    let read = false;
    socket.on("error", (error) => fail("code" in error ? String(error.code) : "ECONNRESET"));
    socket.on(place.kind === "tls" ? "secureConnect" : "connect", () => {
      const roundTripMs = performance.now() - began;
      socket.write(messages.map(framed).join(""), "latin1", () => {
        setTimeout(
          () => {
            closing = true;
            socket.end();
          },
          Math.max(OPEN_MS_MIN, 2 * roundTripMs),
        );
      });
    });
    // Nothing is said in this direction; but only who reads finds its end.
    socket.resume();
    socket.on("end", () => {
      read = closing;
      if (!closing) fail("EPIPE");
    });
    socket.on("close", () => {
      clearTimeout(timer);
      if (read) resolve();
      else reject(new SinkError("ECONNRESET"));
    });
  });
}

function connectTo({ kind, host, port, caFile }: SyslogPlace): Socket {
  if (kind === "tcp") return connect({ host, port, allowHalfOpen: true });
  // An address is no server name (RFC 6066 section 3); certificates are judged by it all the same.
  const name = isIP(host) === 0 ? { servername: host } : {};
  const ca = caFile === undefined ? {} : { ca: readFileSync(caFile) };
  const options: ConnectionOptions = { host, port, ...name, ...ca };
  return connectTls({ ...options, allowHalfOpen: true } as ConnectionOptions);
}

async function overUdp({ host, port }: SyslogPlace, messages: readonly string[]): Promise<void> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  try {
    for (const message of messages) {
      await new Promise<void>((resolve, reject) => {
        const text = message.slice(0, DATAGRAM_BYTES_MAX);
        socket.send(text, port, host, (error) => {
          if (error === null) resolve();
          else reject(new SinkError("code" in error ? String(error.code) : "EUDP"));
        });
      });
    }
  } finally {
    socket.close();
  }
}
