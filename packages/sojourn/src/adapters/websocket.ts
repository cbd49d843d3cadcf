/** WebSocket adapter for `ws` 8 and Socket.IO 4: sockets that live as long as their session. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { ArgumentError } from "../engine/errors.ts";
import type { ConfigProblem } from "../engine/errors.ts";
import { problemOf } from "../http/problem.ts";
import type { ProblemAnswer } from "../http/problem.ts";
import type { LiveEnd, LiveSession } from "../sessions/live-session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { closeWord, ignore, LIVE_CLOSE_CODES, LiveGuard } from "./live-guard.ts";
import type { LiveOptions } from "./live-guard.ts";
import { guardEngine, guardSocketIo } from "./socket-io.ts";
import type { EngineMiddleware, SocketIoTarget } from "./socket-io.ts";

export { LIVE_CLOSE_CODES };
export type { EngineMiddleware, LiveEnd, LiveOptions, LiveSession, SocketIoTarget };

/** A browser offers its ticket as a protocol with this prefix, beside one of the application's. */
export const TICKET_PROTOCOL = "sojourn.ticket.";

export interface WebSocketOptions extends LiveOptions {
  /** "messages": each message that comes in is a person's act. Default "none". Pings never are. */
  readonly activity?: "none" | "messages";
}

/** What is used of a `WebSocket` of `ws`. */
export interface WsSocket {
  close(code: number, reason: string): void;
  terminate(): void;
  on(event: "message", listener: () => void): unknown;
  on(event: "error", listener: () => void): unknown;
  once(event: "close", listener: () => void): unknown;
  removeAllListeners(event: "message"): unknown;
}

/** What is used of a `WebSocketServer` of `ws`, made with `noServer: true`. */
export interface WsServer<Socket extends WsSocket = WsSocket> {
  handleUpgrade(
    req: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    done: (ws: Socket, req: IncomingMessage) => void,
  ): void;
  emit(event: "connection", ws: Socket, req: IncomingMessage): boolean;
}

export type UpgradeListener = (req: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** How long a client may take to answer a close before its connection is cut. */
const CLOSING_MS = 1_000;

export class WebSocketSessions<Data extends object = Record<string, unknown>> {
  readonly #guard: LiveGuard<Data>;
  readonly #counts: boolean;
  readonly #admitted: WeakMap<IncomingMessage, LiveSession<Data>> = new WeakMap();

  /** Use {@link webSocketSessions}. */
  constructor(of: Sessions<Data>, options: WebSocketOptions) {
    const { activity = "none" } = options;
    const known = activity === "none" || activity === "messages";
    const message = 'takes "none" or "messages"';
    const problems: ConfigProblem[] = known ? [] : [{ path: "activity", message }];
    this.#guard = new LiveGuard(of, options, { names: ["activity"], problems });
    this.#counts = activity === "messages";
  }

  /** For `server.on("upgrade", …)`. What is refused is answered as HTTP and never upgraded. */
  upgrade<Socket extends WsSocket>(wss: WsServer<Socket>): UpgradeListener {
    return (req, socket, head) => {
      // Nobody else listens yet: a client that goes away must not end the process.
      socket.on("error", ignore);
      void this.#admit(req).then((admission) => {
        if (admission.refusal !== undefined) return refuseUpgrade(socket, admission.refusal);
        const { live } = admission;
        socket.off("error", ignore);
        wss.handleUpgrade(req, socket, head, (ws, request) => {
          this.#admitted.set(request, live);
          this.#watchOver(ws, live);
          wss.emit("connection", ws, request);
        });
      });
    };
  }

  /** The session of a connection, from the request that `ws` gives its listeners. */
  sessionOf(req: IncomingMessage): LiveSession<Data> {
    const live = this.#admitted.get(req);
    if (live !== undefined) return live;
    throw new ArgumentError("sessionOf", "this request did not come through `upgrade`");
  }

  /** Guard a Socket.IO server or namespace: sets `socket.data.session`. Once, before others. */
  socketIo(target: SocketIoTarget): void {
    guardSocketIo(target, this.#guard, this.#counts);
  }

  /** For `io.engine.use(…)`: cross-site handshakes get no connection at all, tickets or not. */
  engine(): EngineMiddleware {
    return guardEngine(this.#guard, refuseUpgrade);
  }

  async #admit(req: IncomingMessage): ReturnType<LiveGuard<Data>["handshake"]> {
    const offered = takeTickets(req);
    if (offered === "alone") return { refusal: PROTOCOL_MISSING };
    return this.#guard.handshake(req, offered);
  }

  #watchOver(ws: WsSocket, live: LiveSession<Data>): void {
    let cancel: (() => void) | undefined;
    // `ws` closes a socket that breaks the protocol; an error nobody hears would end the process.
    ws.on("error", ignore);
    ws.once("close", () => {
      live.release();
      cancel?.();
    });
    if (this.#counts) ws.on("message", () => live.touch());
    live.begin((end: LiveEnd) => {
      // A client that does not answer the close may still send: none of it reaches anybody.
      ws.removeAllListeners("message");
      ws.close(LIVE_CLOSE_CODES[end.kind], closeWord(end));
      cancel = live.after(CLOSING_MS, () => ws.terminate());
    });
  }
}

/** @throws {ConfigError} listing every problem of the options. */
export function webSocketSessions<Data extends object>(
  of: Sessions<Data>,
  options: WebSocketOptions = {},
): WebSocketSessions<Data> {
  return new WebSocketSessions(of, options);
}

const PROTOCOL_MISSING = problemOf("invalid_request", {
  errors: [
    {
      path: "Sec-WebSocket-Protocol",
      message: "offer a protocol of the application beside the ticket: browsers need an answer",
    },
  ],
});

/**
 * Take the ticket out of the offered protocols, so that the answer can never name it.
 *
 * @returns the ticket; `undefined` when none is offered; "alone" when nothing else is.
 */
function takeTickets(req: IncomingMessage): string | undefined {
  const offered = (req.headers["sec-websocket-protocol"] ?? "").split(",").map((one) => one.trim());
  const tickets = offered.filter((one) => one.startsWith(TICKET_PROTOCOL));
  if (tickets.length === 0) return undefined;
  const others = offered.filter((one) => one !== "" && !tickets.includes(one));
  if (others.length === 0) return "alone";
  req.headers["sec-websocket-protocol"] = others.join(", ");
  // Of several, none is meant.
  return tickets.length === 1 ? tickets[0]?.slice(TICKET_PROTOCOL.length) : "";
}

/** Answer a handshake as HTTP, on the socket as it is. */
function refuseUpgrade(socket: Duplex, { status, headers, problem, body }: ProblemAnswer): void {
  const length = String(Buffer.byteLength(body));
  const fields = { ...headers, "content-length": length, connection: "close" };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.once("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${problem.title}\r\n${lines.join("")}\r\n${body}`);
}
