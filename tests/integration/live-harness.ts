/** A server with sockets on a world's sessions, and clients of it that tell what happened. */
import { createServer } from "node:http";
import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import type { LiveSession, Session } from "sojourn";
import { webSocketSessions } from "sojourn/websocket";
import type { WebSocketOptions, WebSocketSessions } from "sojourn/websocket";
import { WebSocket, WebSocketServer } from "ws";
import type { ClientOptions } from "ws";
import { listen, stopServers } from "../support/servers.ts";
import { world } from "../support/world.ts";
import type { Data, World, WorldOptions } from "../support/world.ts";

export interface Arrival {
  readonly session: LiveSession<Data>;
  readonly message: string;
}

export interface LiveServer {
  readonly url: string;
  readonly origin: string;
  readonly live: WebSocketSessions<Data>;
  readonly wss: WebSocketServer;
  readonly server: Server;
  /** Sockets as the application got them. */
  readonly guests: LiveSession<Data>[];
  /** What handlers of messages were called with. */
  readonly arrivals: Arrival[];
}

export async function serveSockets(
  place: Pick<World, "sessions">,
  options: WebSocketOptions = {},
  server: Server = createServer(),
): Promise<LiveServer> {
  const live = webSocketSessions(place.sessions, options);
  const wss = new WebSocketServer({ noServer: true });
  const guests: LiveSession<Data>[] = [];
  const arrivals: Arrival[] = [];
  server.on("upgrade", live.upgrade(wss));
  wss.on("connection", (socket: WebSocket, request: IncomingMessage) => {
    const session = live.sessionOf(request);
    guests.push(session);
    socket.on("message", (data: Buffer) => {
      arrivals.push({ session, message: data.toString() });
      socket.send(`heard ${data.toString()}`);
    });
  });
  cutOff(server);
  const { url } = await listen(server);
  return { url: url.replace("http", "ws"), origin: url, live, wss, server, guests, arrivals };
}

const connections: Set<Socket> = new Set();

/** Have `stopLive` end what a server does not end by itself: connections that were upgraded. */
export function cutOff(server: Server): void {
  server.on("connection", (socket: Socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
}

/** Stop what a test started. */
export async function stopLive(): Promise<void> {
  for (const socket of connections) socket.destroy();
  await stopServers();
}

export interface Closing {
  readonly code: number;
  readonly reason: string;
  /** `performance.now()` when the client heard it. */
  readonly at: number;
}

export interface Dialled {
  /** 101 when it was upgraded. */
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  readonly socket: WebSocket;
  readonly closed: Promise<Closing>;
  readonly messages: string[];
}

export interface Dialling extends ClientOptions {
  readonly token?: string | undefined;
  readonly protocols?: string[];
}

/** Open a socket as a page of the application's own would, unless told otherwise. */
export function dial(to: LiveServer, how: Dialling = {}): Promise<Dialled> {
  const { token, protocols = [], headers, ...rest } = how;
  const cookie = token === undefined ? {} : { cookie: `session=${token}` };
  const socket = new WebSocket(to.url, protocols, {
    origin: to.origin,
    ...rest,
    headers: { ...cookie, ...headers },
  });
  const messages: string[] = [];
  socket.on("message", (data: Buffer) => messages.push(data.toString()));
  const closed = new Promise<Closing>((resolve) => {
    socket.on("close", (code, reason) =>
      resolve({ code, reason: reason.toString(), at: performance.now() }),
    );
  });
  let shown: IncomingMessage["headers"] = {};
  socket.on("upgrade", (response) => void (shown = response.headers));
  return new Promise((resolve, reject) => {
    const base = { socket, closed, messages };
    socket.on("open", () => resolve({ ...base, status: 101, headers: shown, body: "" }));
    socket.on("error", reject);
    socket.on("unexpected-response", (_request, response) => {
      let body = "";
      response.on("data", (part: Buffer) => void (body += part.toString()));
      response.on("end", () =>
        resolve({ ...base, status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
  });
}

/** Say something and wait for the answer: what was sent before has arrived, too. */
export async function say({ socket, messages }: Dialled, text: string): Promise<void> {
  const answer = `heard ${text}`;
  const answered = new Promise<void>((resolve) => {
    const look = (data: Buffer): void => {
      if (data.toString() !== answer) return;
      socket.off("message", look);
      resolve();
    };
    socket.on("message", look);
  });
  socket.send(text);
  await answered;
  messages.splice(messages.indexOf(answer), 1);
}

/** Let what is under way on the network and in the store arrive, without time passing. */
export async function settle(place: World, rounds = 5): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await place.clock.advanceAsync(0);
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}

/** Let the world's time pass in steps, so that what is on the network keeps up. */
export async function pass(place: World, ms: number, stepMs = 1_000): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    await place.clock.advanceAsync(Math.min(left, stepMs));
  }
  await settle(place);
}

/** A world with a session of alice, and a server with sockets. */
export interface Scene {
  readonly place: World;
  readonly server: LiveServer;
  readonly session: Session<Data>;
  readonly token: string;
}

export async function scene(
  options: WebSocketOptions = {},
  how: WorldOptions = {},
): Promise<Scene> {
  const place = world({ policy: "owasp-asvs-l2", ...how });
  const { session, token } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
  return { place, server: await serveSockets(place, options), session, token };
}

/** A scene with one socket open and its session watched. */
export async function connected(
  options: WebSocketOptions = {},
  how: WorldOptions = {},
): Promise<Scene & { readonly client: Dialled }> {
  const stage = await scene(options, how);
  const client = await dial(stage.server, { token: stage.token });
  if (client.status !== 101) throw new Error(`refused: ${client.body}`);
  await settle(stage.place);
  return { ...stage, client };
}

/** The problem code of a refused handshake. */
export function codeOf({ body }: Dialled): unknown {
  return (JSON.parse(body) as { code: unknown }).code;
}
