/** An example as its users have it: built for production, behind a proxy that speaks TLS. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import type { ClientRequest } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildExample } from "../../tools/examples.mjs";
import { cleanEnvironment, node } from "../../tools/setup.mjs";
import type { TestCertificate } from "../browser/support/certificate.ts";
import { ask } from "../support/servers.ts";

/** Rotation soon enough for a test, with room for a slow machine. Milliseconds. */
export const POLICY = {
  extends: "saas",
  transitMs: 2_500,
  rotateGraceMs: 5_000,
  rotateEveryMs: 10_100,
} as const;

export interface Example {
  readonly name: string;
  /** For this Node, in the example's folder. */
  readonly start: (port: number) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Started {
  readonly url: string;
  /** What it printed. */
  output(): string;
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 60_000;
const POLL_MS = 100;

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => void probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => void probe.close(resolve));
  return port;
}

/**
 * Build the example if need be, and start it on a database of its own.
 *
 * @param origin Of the pages, as browsers see it.
 */
export async function start(example: Example, origin: string): Promise<Started> {
  const folder = await buildExample(example.name);
  const data = mkdtempSync(join(tmpdir(), "sojourn-example-"));
  const port = await freePort();
  const child = spawn(node, example.start(port), {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...cleanEnvironment(),
      NODE_ENV: "production",
      NEXT_TELEMETRY_DISABLED: "1",
      HOST: "127.0.0.1",
      PORT: String(port),
      ORIGIN: origin,
      DATA_FOLDER: data,
      SOJOURN_SECRET: randomBytes(32).toString("base64url"),
      SESSION_POLICY: JSON.stringify(POLICY),
      ...example.env,
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => void (output += chunk.toString()));
  }
  const ended = new Promise<void>((resolve) => void child.on("exit", () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
    rmSync(data, { recursive: true, force: true });
  };
  const deadline = performance.now() + READY_WITHIN_MS;
  while (!(await answers(url))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop();
      throw new Error(`${example.name} does not answer; it printed:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return { url, output: () => output, stop };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await ask(url)).status < 500;
  } catch {
    return false;
  }
}

/** What the proxy adds for a browser that asked for `origin`. */
export function forwarded(origin: string): Readonly<Record<string, string>> {
  return {
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-host": new URL(origin).host,
    "x-forwarded-proto": "https",
  };
}

export interface Proxy {
  readonly port: number;
  sendTo(url: string): void;
  close(): Promise<void>;
}

/** TLS on loopback; what arrives goes on with forwarding headers. */
export async function tlsProxy(certificate: TestCertificate): Promise<Proxy> {
  let target = "";
  const server = createServer(certificate, (req, res) => {
    const { host = "" } = req.headers;
    const headers = { ...req.headers, ...forwarded(`https://${host}`) };
    const onward: ClientRequest = request(
      `${target}${req.url ?? "/"}`,
      { method: req.method, headers, agent: false },
      (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        answer.pipe(res);
      },
    );
    onward.on("error", () => void res.writeHead(502).end());
    req.pipe(onward);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    sendTo: (url) => void (target = url),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}
