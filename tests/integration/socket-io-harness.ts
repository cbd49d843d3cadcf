/** A Socket.IO server on a world's sessions, and clients of it. */
import { createServer } from "node:http";
import { Server } from "socket.io";
import type { ServerOptions } from "socket.io";
import { io as dialSocket, Manager } from "socket.io-client";
import type { ManagerOptions, Socket, SocketOptions } from "socket.io-client";
import type { LiveSession, Problem, Session } from "sojourn";
import { webSocketSessions } from "sojourn/websocket";
import type { WebSocketOptions, WebSocketSessions } from "sojourn/websocket";
import { listen } from "../support/servers.ts";
import { world } from "../support/world.ts";
import type { Data, World, WorldOptions } from "../support/world.ts";
import { cutOff, stopLive } from "./live-harness.ts";

type Events = Record<string, (...args: unknown[]) => void>;
type Io = Server<Events, Events, Events, { session: LiveSession<Data> }>;

const servers: Io[] = [];
const clients: Socket[] = [];

/** Stop what a test started. */
export async function stopSocketIo(): Promise<void> {
  for (const client of clients.splice(0)) client.disconnect();
  await Promise.all(servers.splice(0).map((io) => io.close()));
  await stopLive();
}

export interface Stage {
  readonly place: World;
  readonly io: Io;
  readonly live: WebSocketSessions<Data>;
  readonly url: string;
  readonly session: Session<Data>;
  readonly token: string;
  readonly guests: LiveSession<Data>[];
}

export interface Staging extends WorldOptions {
  readonly live?: WebSocketOptions;
  readonly engine?: boolean;
  /** The only namespace that is guarded; the server itself otherwise. */
  readonly guarded?: string;
  readonly server?: Partial<ServerOptions>;
}

export async function stage(staging: Staging = {}): Promise<Stage> {
  const { live: how = {}, engine = false, server = {}, guarded, ...options } = staging;
  const place = world({ policy: "owasp-asvs-l2", ...options });
  const { session, token } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
  const http = createServer();
  const io: Io = new Server(http, server);
  servers.push(io);
  const live = webSocketSessions(place.sessions, how);
  if (engine) io.engine.use(live.engine());
  live.socketIo(guarded === undefined ? io : io.of(guarded));
  const guests: LiveSession<Data>[] = [];
  io.on("connection", (socket) => {
    guests.push(socket.data.session);
    socket.on("say", (text, answer) => (answer as (text: unknown) => void)(text));
  });
  cutOff(http);
  const { url } = await listen(http);
  return { place, io, url, session, token, guests, live };
}

/** A page whose namespaces share one connection. */
export function page({
  url,
  token,
}: Stage): (namespace: string, auth?: object) => Promise<Outcome> {
  const extraHeaders = { origin: url, cookie: `session=${token}` };
  const transports = ["websocket"];
  const manager = new Manager(url, { extraHeaders, transports, reconnection: false });
  return (namespace, auth = {}) => opened(manager.socket(namespace, { auth }));
}

export interface Outcome {
  readonly socket: Socket;
  readonly error?: Error & { readonly data?: Problem };
  readonly gone: Promise<string>;
  readonly told: [string, unknown][];
}

export function dial(
  { url, token }: Pick<Stage, "url" | "token">,
  how: Partial<ManagerOptions & SocketOptions> & { readonly origin?: string } = {},
): Promise<Outcome> {
  const { origin = url, ...rest } = how;
  const extraHeaders = { origin, cookie: `session=${token}` };
  const transports = ["websocket"];
  const options = { extraHeaders, transports, reconnection: false, forceNew: true, ...rest };
  return opened(dialSocket(url, options));
}

function opened(socket: Socket): Promise<Outcome> {
  clients.push(socket);
  const told: [string, unknown][] = [];
  socket.onAny((event: string, detail: unknown) => void told.push([event, detail]));
  const gone = new Promise<string>((resolve) => void socket.once("disconnect", resolve));
  return new Promise((resolve) => {
    socket.once("connect", () => resolve({ socket, gone, told }));
    socket.once("connect_error", (error) => resolve({ socket, gone, told, error }));
    // One whose connection others have closed is told nothing.
    const closed = (why: string): void => resolve({ socket, gone, told, error: new Error(why) });
    socket.io.once("close", (why) => void setImmediate(closed, why));
  });
}
