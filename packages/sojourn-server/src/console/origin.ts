/** Where the console is, as its browsers see it. */
import type { FastifyRequest } from "fastify";
import type { ConsoleHouse } from "./house.ts";

export interface Origin {
  readonly origin: string;
  /** The name that passkeys belong to. */
  readonly rpID: string;
}

const PORT = /:(\d{1,5})$/;

/**
 * As configured; on loopback `localhost` with the port of the request, which a tunnel may change.
 * Nothing but the port is believed: a passkey belongs to the name.
 */
export function originAt({ settings }: ConsoleHouse, request: FastifyRequest): Origin {
  const { origin } = settings;
  if (origin !== undefined) return { origin, rpID: new URL(origin).hostname };
  return { origin: `http://localhost${portOf(request)}`, rpID: "localhost" };
}

function portOf(request: FastifyRequest): string {
  const [, port] = PORT.exec(request.headers.host ?? "") ?? [];
  return port === undefined ? "" : `:${port}`;
}

/** An address can have no passkey: pages that are asked for there are at the name. */
export function isAddress(request: FastifyRequest): boolean {
  const host = (request.headers.host ?? "").replace(PORT, "");
  return /^[\d.]+$/.test(host) || host.startsWith("[");
}
