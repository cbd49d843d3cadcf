/**
 * Connections on which nothing was asked yet: browsers and pools open them ahead. A server that
 * closes waits for them as long as they live, since to Node they are not idle.
 */
import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";

export class SilentConnections {
  readonly #sockets = new Set<Socket>();

  constructor(server: Server) {
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.on("request", ({ socket }: IncomingMessage) => void this.#sockets.delete(socket));
  }

  end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
