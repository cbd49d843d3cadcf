/** A service, a back end that knows nothing of sessions, and a real gateway in front of it. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { Agent, IncomingHttpHeaders, Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { startCaddy, startHaproxy, startNginx, startRedis } from "../../tools/engines.mjs";
import { root } from "../tidy/repository.ts";
import { startTestService } from "./service-harness.ts";
import type { TestService } from "./service-harness.ts";

type Engine = Awaited<ReturnType<typeof startRedis>>;

const FOLDER = join(root, "examples", "gateway");
const START = {
  nginx: { file: "nginx.conf", start: startNginx },
  HAProxy: { file: "haproxy.cfg", start: startHaproxy },
  Caddy: { file: "Caddyfile", start: startCaddy },
} as const;
export type Product = keyof typeof START;
export const PRODUCTS: readonly Product[] = Object.keys(START) as Product[];

const STORE_TIMEOUT_MS = 500;

export interface Heard {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly cookies: readonly string[];
  readonly text: string;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly agent?: Agent;
}

export interface World {
  readonly s: TestService;
  readonly store: Engine;
  readonly url: string;
  /** Every request that reached the back end. */
  readonly heard: Heard[];
  /** Let the service believe that time has passed. */
  pass(ms: number): void;
  /** Through the gateway. */
  ask(path: string, asking?: Asking): Promise<Answered>;
  close(): Promise<void>;
}

/** @param edit Of the committed configuration, before addresses are filled in. */
export async function startWorld(
  product: Product,
  more: {
    readonly env?: Readonly<Record<string, string>>;
    readonly edit?: (text: string) => string;
  } = {},
): Promise<World> {
  const store = await startRedis({ args: ["--appendonly", "yes"] });
  const skew = { ms: 0 };
  const clock = { now: () => Date.now() + skew.ms, learn: () => undefined };
  const env = {
    SOJOURN_STORE: store.url,
    SOJOURN_CONTROL: "memory:",
    SOJOURN_STORE_TIMEOUT: `${STORE_TIMEOUT_MS}ms`,
    SOJOURN_PROXIES: "loopback",
    ...more.env,
  };
  const s = await startTestService({ env, library: { clock } });
  const heard: Heard[] = [];
  const backend = await startBackend(heard);
  const { file, start } = START[product];
  const gateway = await start((address) => {
    const text = readFileSync(join(FOLDER, file), "utf8");
    return (more.edit?.(text) ?? text)
      .replaceAll("127.0.0.1:8080", address)
      .replaceAll("127.0.0.1:7380", new URL(s.service.url).host)
      .replaceAll("127.0.0.1:9000", addressOf(backend))
      .replaceAll("sojourn.lua", join(FOLDER, "sojourn.lua"));
  });
  const close = async (): Promise<void> => {
    await gateway.stop();
    backend.closeAllConnections();
    backend.close();
    await s.service.stop();
    await store.stop();
  };
  return {
    s,
    store,
    url: gateway.url,
    heard,
    pass: (ms) => void (skew.ms += ms),
    ask: (path, asking) => ask(gateway.url + path, asking),
    close,
  };
}

function addressOf(server: Server): string {
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function startBackend(heard: Heard[]): Promise<Server> {
  const server = createServer((req, res) => {
    let body = "";
    req.on("data", (chunk: Buffer) => void (body += chunk.toString()));
    req.on("end", () => {
      const { method = "", url = "", headers } = req;
      heard.push({ method, url, headers, body });
      if (url === "/events") {
        res.writeHead(200, { "content-type": "text/event-stream", "x-accel-buffering": "no" });
        res.write("event: hello\n\n");
        return;
      }
      res.setHeader("cache-control", "public, max-age=60");
      res.setHeader("set-cookie", ["theme=dark; Path=/", "lang=de; Path=/"]);
      res.end(`hello ${String(headers["x-session-subject"])}`);
    });
  });
  server.on("upgrade", (req, socket) => {
    const { method = "", url = "", headers } = req;
    heard.push({ method, url, headers, body: "" });
    const key = `${String(headers["sec-websocket-key"])}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const lines = [
      "HTTP/1.1 101 Switching Protocols",
      "Connection: Upgrade",
      "Upgrade: websocket",
      `Sec-WebSocket-Accept: ${createHash("sha1").update(key).digest("base64")}`,
    ];
    socket.end(`${lines.join("\r\n")}\r\n\r\n`);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** One request; for a stream, up to its first event. */
function ask(url: string, asking: Asking = {}): Promise<Answered> {
  const { method = "GET", headers = {}, body, agent = false } = asking;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers: { ...headers }, agent }, (response) => {
      const { statusCode: status = 0, headers: answered } = response;
      const cookies = answered["set-cookie"] ?? [];
      let text = "";
      const done = (): void => resolve({ status, headers: answered, cookies, text });
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        if (!text.startsWith("event: ")) return;
        done();
        response.destroy();
      });
      response.on("error", reject);
      response.on("end", done);
    });
    outgoing.on("upgrade", (response, socket) => {
      const { statusCode: status = 0, headers: answered } = response;
      socket.destroy();
      resolve({ status, headers: answered, cookies: answered["set-cookie"] ?? [], text: "" });
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** What a browser's page of the gateway's own origin sends. */
export function page(token: string, more: Readonly<Record<string, string>> = {}): Asking {
  return { headers: { cookie: `session=${token}`, "sec-fetch-site": "same-origin", ...more } };
}

export const SOCKET = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
} as const;
