/** A real balancer with what `sojourn lb` prints, and the lines that it writes about requests. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { runCommandLine } from "../../packages/sojourn-server/src/cli/run.ts";
import { startHaproxy, startNginx } from "../../tools/engines.mjs";

export type Product = "nginx" | "haproxy";
export const PRODUCTS: readonly Product[] = ["nginx", "haproxy"];

/** One request, as the balancer saw it. */
export interface Line {
  /** The request's `X-Request-Id`. */
  readonly id: string;
  readonly status: number;
  readonly path: string;
  /** Ports of the nodes that it was tried on, the last one last. */
  readonly ports: readonly number[];
}

export interface Balancer {
  readonly url: string;
  readonly lines: Line[];
  /** All that was written, word for word. */
  readonly said: () => string;
  /** Other nodes: ports of them all, and of those that are given nothing new. */
  reload(ports: readonly number[], leaving?: readonly number[]): Promise<void>;
  stop(): Promise<void>;
}

/** @returns what the command prints. @throws what it says on standard error. */
export async function printed(...argv: readonly string[]): Promise<string> {
  let out = "";
  let err = "";
  const code = await runCommandLine({
    argv: ["lb", ...argv],
    env: {},
    out: { write: (text) => (out += text) },
    err: { write: (text) => (err += text) },
  });
  if (code !== 0) throw new Error(`${code}: ${err}`);
  return out;
}

export async function startBalancer(
  product: Product,
  ports: readonly number[],
  more: readonly string[] = [],
): Promise<Balancer> {
  const log = createSocket("udp4");
  log.bind(0, "127.0.0.1");
  await once(log, "listening");
  const lines: Line[] = [];
  let said = "";
  log.on("message", (message) => {
    const text = message.toString();
    said += `${text}\n`;
    const at = text.indexOf("{");
    if (at >= 0) lines.push(lineOf(text.slice(at)));
  });
  const text = (all: readonly number[], leaving: readonly number[] = []): Promise<string> => {
    const nodes = all.flatMap((port) => ["--node", `127.0.0.1:${port}`]);
    const gone = leaving.flatMap((port) => ["--leaving", `127.0.0.1:${port}`]);
    const syslog = `127.0.0.1:${log.address().port}`;
    return printed(product, ...nodes, ...gone, "--listen", LISTEN, "--log", syslog, ...more);
  };
  const begin = product === "nginx" ? startNginx : startHaproxy;
  let now = await text(ports);
  const engine = await begin((address) => now.replaceAll(LISTEN, address), { workers: true });
  return {
    url: engine.url,
    lines,
    said: () => said,
    async reload(all, leaving) {
      now = await text(all, leaving);
      engine.reload((address) => now.replaceAll(LISTEN, address));
    },
    async stop() {
      await engine.stop();
      log.close();
    },
  };
}

/** Stands for the address that the engine is given. */
const LISTEN = "127.0.0.9:9";

function lineOf(json: string): Line {
  const told = JSON.parse(json) as Record<string, string | number>;
  const { id, status, path } = told;
  const nodes = String(told["nodes"] ?? told["node"]).split(/,\s*/);
  const ports = nodes.map((node) => Number(node.split(":").at(-1)));
  return { id: String(id), status: Number(status), path: String(path), ports };
}
