/** What `sojourn lb` prints, in real nginx and HAProxy before nodes that note what they hear. */
import { createServer, request } from "node:http";
import type { IncomingHttpHeaders, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { generateSecret } from "../../packages/sojourn/src/tokens/index.ts";
import { until } from "../../tools/engines/process.mjs";
import { printed, PRODUCTS, startBalancer } from "./balancer-harness.ts";
import type { Balancer } from "./balancer-harness.ts";
import { send } from "./service-harness.ts";

interface Heard {
  readonly node: number;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

let heard: Heard[];
let nodes: Server[];
let balancer: Balancer | undefined;
/** Bytes that were taken off a node's hands. */
let flooded: number;
/** A node that takes requests and dies over them. */
let dying: number | undefined;

beforeEach(async () => {
  heard = [];
  dying = undefined;
  flooded = 0;
  nodes = await Promise.all([0, 1, 2].map(startNode));
});

afterEach(async () => {
  await balancer?.stop();
  balancer = undefined;
  for (const node of nodes) {
    node.closeAllConnections();
    node.close();
  }
});

async function startNode(index: number): Promise<Server> {
  const server = createServer((req, res) => {
    const { method = "", url = "", headers } = req;
    if (url === "/readyz") return void res.end("{}");
    heard.push({ node: index, method, url, headers });
    if (dying === index) return void req.socket.destroy();
    if (url === FLOOD) return flood(res);
    if (url !== "/v1/session/stream") return void req.resume().on("end", () => res.end(`${index}`));
    res.writeHead(200, { "content-type": "text/event-stream" });
    res.write("event: hello\n\n");
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return server;
}

const FLOOD = "/v1/session/stream?flood";
const FLOOD_BYTES = 64 * 1_048_576;
const CHUNK = Buffer.alloc(65_536, "x");

/** As much as is taken, up to a bound. */
function flood(res: ServerResponse): void {
  res.writeHead(200, { "content-type": "text/event-stream" });
  const pour = (): void => {
    for (let more = true; more && flooded < FLOOD_BYTES; flooded += CHUNK.length) {
      more = res.write(CHUNK);
    }
    if (flooded < FLOOD_BYTES) res.once("drain", pour);
    else res.end();
  };
  pour();
}

const portsOf = (servers: readonly Server[]): number[] =>
  servers.map((server) => (server.address() as AddressInfo).port);

/** A token's text: its handle, and what a renewal changes. */
function token(handle: string, rest = generateSecret()): string {
  return `sj1s_AAAA${handle}${rest.slice(0, 40)}`.padEnd(85, "x");
}

const HANDLES = Array.from({ length: 60 }, () => generateSecret().slice(0, 24));

async function nodeOf(url: string, cookie: string): Promise<number> {
  const { status, text } = await send(`${url}/page`, "GET", { headers: { cookie } });
  expect(status).toBe(200);
  return Number(text);
}

describe.each(PRODUCTS)("%s", (product) => {
  it("tells nodes who really asks, whatever a client says of itself", async () => {
    balancer = await startBalancer(product, portsOf(nodes));
    const { url } = balancer;
    const spoofed = {
      "x-forwarded-for": "203.0.113.9",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "evil.example",
      "x-real-ip": "203.0.113.9",
      forwarded: "for=203.0.113.9;proto=https",
      "x-forwarded-method": "GET",
      "x-forwarded-uri": "/other",
      "x-original-method": "GET",
      "x-original-uri": "/other",
    };
    const id = "client-chose-this-1";
    await send(`${url}/page?q=1`, "POST", {
      body: {},
      headers: { ...spoofed, "x-request-id": id },
    });
    await send(`${url}/page`, "GET", { headers: { "x-request-id": 'a b"c' } });
    const [first, second] = heard;
    expect(first?.headers).toMatchObject({
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-host": expect.stringMatching(/^127\.0\.0\.1(:\d+)?$/),
      "x-request-id": id,
    });
    const names = Object.keys(first?.headers ?? {});
    expect(names.filter((name) => /real-ip|^forwarded|method|-ur[il]/.test(name))).toEqual([]);
    // One that would break out of a log line is replaced.
    expect(second?.headers["x-request-id"]).toMatch(/^[0-9a-f-]{32,36}$/);
    await until("both are logged", async () => balancer?.lines.length === 2);
    // Its threads may log them in another order.
    const lines = balancer.lines.toSorted((a, b) => Number(b.id === id) - Number(a.id === id));
    expect(lines).toMatchObject([{ id, path: "/page", status: 200 }, { status: 200 }]);
  });

  it("lets events through as they come", async () => {
    balancer = await startBalancer(product, portsOf(nodes));
    const { url } = balancer;
    const first = await new Promise<string>((resolve, reject) => {
      const outgoing = request(`${url}/v1/session/stream`, (response) => {
        response.on("data", (chunk: Buffer) => {
          resolve(chunk.toString());
          outgoing.destroy();
        });
      });
      outgoing.on("error", reject);
      outgoing.end();
    });
    expect(first).toBe("event: hello\n\n");

    // And holds nothing back for a client that does not read: the node is to notice.
    const asleep = request(url + FLOOD, (response) => void response.pause());
    asleep.on("error", () => undefined).end();
    await until("the node can write no more", async () => {
      const before = flooded;
      await sleep(500);
      return flooded > 0 && flooded === before;
    });
    asleep.destroy();
    expect(flooded).toBeLessThan(FLOOD_BYTES);
  });

  it("asks again what changes nothing, and never what may have been done", async () => {
    balancer = await startBalancer(product, portsOf(nodes));
    const { url } = balancer;
    dying = 0;
    const ask = async (method: string, path: string): Promise<readonly number[]> => {
      let answered: readonly number[] = [];
      // For two seconds after a failure nginx leaves a node alone.
      await until("it met the node that dies", async () => {
        heard.length = 0;
        const body = method === "POST" ? { body: {} } : {};
        const { status } = await send(url + path, method, body);
        answered = [status, heard.length];
        return heard.some(({ node }) => node === 0);
      });
      return answered;
    };
    expect(await ask("GET", "/page")).toEqual([200, 2]);
    expect(await ask("POST", "/v1/sessions/verify")).toEqual([200, 2]);
    expect(await ask("POST", "/v1/sessions")).toEqual([502, 1]);
  });

  it("--sticky: keeps a session on its node over renewals, and moves few when one goes", async () => {
    balancer = await startBalancer(product, portsOf(nodes), ["--sticky"]);
    const { url, said } = balancer;
    const home = new Map<string, number>();
    const secrets: string[] = [];
    for (const handle of HANDLES) {
      for (const more of ["", "theme=dark; ", "x__Host-session=no; "]) {
        const value = token(handle);
        secrets.push(value.slice(33));
        const node = await nodeOf(url, `${more}__Host-session=${value}`);
        expect(home.get(handle) ?? node).toBe(node);
        home.set(handle, node);
      }
    }
    for (const node of [0, 1, 2]) {
      expect([...home.values()].filter((one) => one === node).length).toBeGreaterThan(5);
    }
    await until("all are logged", async () => (balancer?.lines.length ?? 0) >= secrets.length);
    for (const secret of secrets) expect(said()).not.toContain(secret.slice(0, 16));

    const [first = 0, second = 0, third = 0] = portsOf(nodes);
    await balancer.reload([first, second, third], [third]);
    // Old processes take a moment to go.
    await until("nobody is sent to it, and the others stay", async () => {
      for (const [handle, node] of home) {
        const now = await nodeOf(url, `__Host-session=${token(handle)}`);
        if (node === 2 ? now === 2 : now !== node) return false;
      }
      return true;
    });
  });
});

describe("sojourn lb", () => {
  it("prints YAML for Envoy and Traefik, with and without all that may be asked", async () => {
    const all = "--sticky --tls-cert /tls/c.pem --tls-key /tls/k.pem --stream /events --cookie sid";
    for (const product of ["envoy", "traefik"]) {
      for (const more of [[], all.split(" ")]) {
        const nodes = ["--node", "10.0.0.1:7380", "--node", "[fd00::1]:7380"];
        const text = await printed(product, ...nodes, "--leaving", "10.0.0.1:7380", ...more);
        expect(() => parse(text) as unknown).not.toThrow();
        expect(text).toContain("Not run by the tests");
        expect(JSON.stringify(parse(text))).toContain(
          product === "envoy" ? "fd00::1" : "[fd00::1]",
        );
      }
    }
  });

  it("refuses what could break out of a line, and says what is accepted", async () => {
    const refused = async (...argv: readonly string[]): Promise<string> =>
      printed(...argv).then(
        () => "accepted",
        (error: unknown) => String(error),
      );
    const node = ["--node", "10.0.0.1:7380"];
    for (const wrong of [
      "a",
      "a:0",
      "a:65536",
      "a:1;",
      "a b:1",
      "a:1\nb",
      "{a}:1",
      ":1",
      "[a]:1",
    ]) {
      expect(await refused("nginx", "--node", wrong)).toMatch(/2: .*--node: accepted: HOST:PORT/);
    }
    for (const [option, wrong, says] of [
      ["--tls-cert", "/a;b", "accepted: a path"],
      ["--check", "readyz", "accepted: a path"],
      ["--stream", "/a b", "accepted: a path"],
      ["--cookie", "a=b", "accepted: 1 to 64"],
      ["--listen", "80", "accepted: HOST:PORT"],
      ["--log", "x", "accepted: HOST:PORT"],
      ["--leaving", "10.0.0.2:1", "is no --node"],
      ["--leaving", "10.0.0.1:7380", "one node must stay"],
      ["--node", "10.0.0.1:7380", "is there twice"],
    ] as const) {
      expect(await refused("haproxy", ...node, option, wrong)).toContain(says);
    }
    expect(await refused("apache", ...node)).toContain("accepted: nginx, haproxy, envoy, traefik");
    expect(await refused("nginx")).toContain("--node: missing");
    expect(await refused("nginx", ...node, "--tls-key", "/k")).toContain(
      "missing beside --tls-key",
    );
    expect(await refused("k8s", ...node, "--node", "b:1")).toContain("accepted: one --node");
  });
});
