/** Socket.IO 4: the same guard, where Socket.IO lets one in. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { ProblemAnswer } from "../http/problem.ts";
import type { LiveSession } from "../sessions/live-session.ts";
import { closeWord, ignore, LIVE_CLOSE_CODES } from "./live-guard.ts";
import type { Connections, LiveGuard } from "./live-guard.ts";

/** What is used of a `Socket` of Socket.IO on the server. */
export interface SocketIoSocket {
  readonly request: IncomingMessage;
  readonly handshake: { readonly auth: { readonly [key: string]: unknown } };
  /** The application's; `session` is put there. */
  data: unknown;
  emit(event: string, detail: object): unknown;
  disconnect(close: boolean): unknown;
  onAny(listener: () => void): unknown;
  once(event: "disconnect", listener: () => void): unknown;
}

/** A server or a namespace of Socket.IO. */
export interface SocketIoTarget {
  /** The server of a namespace. */
  readonly server?: { readonly engine?: Connections };
  /** Of a server, once it is attached. */
  readonly engine?: Connections;
  use(middleware: (socket: SocketIoSocket, next: (error?: Error) => void) => void): unknown;
  on(event: "connection", listener: (socket: SocketIoSocket) => void): unknown;
}

export type EngineMiddleware = (
  req: IncomingMessage & { readonly _query?: { readonly sid?: unknown } },
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** What a refused client gets with `connect_error`: the problem as its `data`. */
class Refused extends Error {
  readonly data: ProblemAnswer["problem"];

  constructor({ problem }: ProblemAnswer) {
    super(problem.code);
    this.data = problem;
  }
}

export function guardSocketIo<Data extends object>(
  target: SocketIoTarget,
  guard: LiveGuard<Data>,
  counts: boolean,
): void {
  const admitted = new WeakMap<SocketIoSocket, LiveSession<Data>>();
  // However late this target is joined, the cookie is looked at while it is fresh.
  const { engine } = target.server ?? target;
  if (engine !== undefined) guard.attend(engine);
  target.use((socket, next) => {
    const { ticket } = socket.handshake.auth;
    const presented = ticket === undefined || typeof ticket === "string" ? ticket : "";
    void guard.join(socket.request, presented).then((admission) => {
      if (admission.refusal !== undefined) return next(new Refused(admission.refusal));
      admitted.set(socket, admission.live);
      (socket.data as { session: LiveSession<Data> }).session = admission.live;
      next();
    });
  });
  target.on("connection", (socket) => {
    const live = admitted.get(socket);
    // Connection state recovery has skipped the guard: nobody vouches for this socket.
    if (live === undefined) return void socket.disconnect(true);
    socket.once("disconnect", () => live.release());
    if (counts) socket.onAny(() => live.touch());
    live.begin((end) => {
      const reason = closeWord(end);
      socket.emit(`session-${end.kind}`, { code: LIVE_CLOSE_CODES[end.kind], reason });
      socket.disconnect(true);
    });
  });
}

/** Judge where a connection starts, before Socket.IO answers it. */
export function guardEngine<Data extends object>(
  guard: LiveGuard<Data>,
  refuseUpgrade: (socket: Duplex, answer: ProblemAnswer) => void,
): EngineMiddleware {
  return (req, res, next) => {
    // As Engine.IO reads it: what names a connection belongs to one that was judged, or is refused.
    if (req._query?.sid) return next();
    // Engine.IO listens only when this is done: a client that resets must not end the process.
    if (req.headers.upgrade !== undefined) req.socket.on("error", ignore);
    void guard.join(req, undefined).then(({ refusal }) => {
      // Who has no session yet may come with a ticket later, which `socketIo` judges.
      if (refusal === undefined || refusal.status === 401) return next();
      if (req.headers.upgrade !== undefined) return refuseUpgrade(req.socket, refusal);
      res.writeHead(refusal.status, refusal.headers).end(refusal.body);
    });
  };
}
