/** Nodes come and go behind real balancers, as `sojourn lb` tells them, while requests go on. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../../tools/engines/process.mjs";
import { PRODUCTS, startBalancer } from "./balancer-harness.ts";
import type { Balancer, Product } from "./balancer-harness.ts";
import { SECRET, send, serveProcess, sojourn } from "./service-harness.ts";
import type { ServedProcess } from "./service-harness.ts";
import { postgres } from "./service-machines-harness.ts";
import type { Shared } from "./service-machines-harness.ts";

/** Longer than three of HAProxy's checks; nginx is told itself. */
const DRAIN = { haproxy: "3500ms", nginx: "200ms" } as const;
const WORKERS = 4;

let shared: Shared;
let settings: Readonly<Record<string, string>>;
let key: string;
const running = new Set<ServedProcess>();

beforeAll(async () => {
  shared = await postgres();
  settings = { ...shared.env, SOJOURN_SECRETS: SECRET };
  const made = await sojourn(["keys", "create", "--name", "load", "--json"], settings);
  key = (JSON.parse(made.out) as { key: string }).key;
});

afterAll(async () => {
  await Promise.all([...running].map((one) => one.stop("SIGINT")));
  await shared.stop();
});

interface Node {
  readonly port: number;
  readonly process: ServedProcess;
}

async function node(product: Product): Promise<Node> {
  const process = await serveProcess({ ...settings, SOJOURN_DRAIN: DRAIN[product] });
  running.add(process);
  return { port: Number(new URL(process.url).port), process };
}

async function leave({ process }: Node, signal: NodeJS.Signals): Promise<number | null> {
  running.delete(process);
  return process.stop(signal);
}

interface Sent {
  readonly id: string;
  /** 0: no answer. */
  readonly status: number;
}

/** Requests without a pause, each counted. */
class Load {
  readonly sent: Sent[] = [];
  readonly tokens: string[] = [];
  readonly #url: string;
  readonly #ending = new AbortController();
  readonly #workers: Promise<void>[];

  constructor(url: string) {
    this.#url = url;
    this.#workers = Array.from({ length: WORKERS }, (_, worker) => this.#work(worker));
  }

  async ask(path: string, body: object): Promise<Record<string, unknown>> {
    const id = randomUUID();
    const headers = { authorization: `Bearer ${key}`, "x-request-id": id };
    const answer = await send(this.#url + path, "POST", { body, headers }).catch(() => undefined);
    this.sent.push({ id, status: answer?.status ?? 0 });
    return answer?.json ?? {};
  }

  /** So many more requests are answered. */
  async more(count: number): Promise<void> {
    const from = this.sent.length;
    await until(`${count} more requests`, async () => this.sent.length >= from + count, 60_000);
  }

  async end(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#workers);
  }

  async #work(worker: number): Promise<void> {
    for (let round = 0; !this.#ending.signal.aborted; round += 1) {
      const body = { subject: `s${worker}-${round}`, amr: ["pwd"] };
      const { token } = await this.ask("/v1/sessions", body);
      if (typeof token === "string") this.tokens.push(token);
      const known = this.tokens[round % this.tokens.length];
      if (known !== undefined) await this.ask("/v1/sessions/verify", { token: known });
      await sleep(5);
    }
  }
}

/** The node gets nothing any more, then it is told to stop. */
async function drain(product: Product, balancer: Balancer, all: Node[], gone: Node): Promise<void> {
  if (product === "nginx") {
    await balancer.reload(portsOf(all), [gone.port]);
    let from = 0;
    await until("nothing more for the node", async () => {
      const since = balancer.lines.slice(from);
      from = balancer.lines.length;
      await sleep(200);
      return since.length > 5 && since.every(({ ports }) => !ports.includes(gone.port));
    });
  }
  expect(await leave(gone, "SIGTERM")).toBe(0);
  expect(gone.process.said()).not.toContain("cut off");
}

function portsOf(nodes: readonly Node[]): number[] {
  return nodes.map(({ port }) => port);
}

describe("a node that drains, dies, comes or goes costs no session and no request but its own", () => {
  it.each(PRODUCTS)("behind %s", async (product) => {
    const [first, second, third] = await Promise.all([1, 2, 3].map(() => node(product)));
    if (first === undefined || second === undefined || third === undefined) throw new Error();
    const balancer = await startBalancer(product, portsOf([first, second, third]));
    await until("ready", async () => (await send(`${balancer.url}/readyz`, "GET")).status === 200);
    const load = new Load(balancer.url);
    await load.more(40);

    await drain(product, balancer, [first, second, third], first);
    await load.more(40);
    expect(load.sent.filter(({ status }) => status >= 300 || status === 0)).toEqual([]);

    await leave(second, "SIGKILL");
    await load.more(60);

    // Scaled up, and down to the new one.
    const fourth = await node(product);
    await balancer.reload(portsOf([third, fourth]));
    await until("the new node is asked", async () => {
      return balancer.lines.slice(-40).some(({ ports }) => ports.includes(fourth.port));
    });
    await drain(product, balancer, [third, fourth], third);
    await balancer.reload(portsOf([fourth]));
    await load.more(40);
    await load.end();

    const failed = load.sent.filter(({ status }) => status >= 300 || status === 0);
    // Each worker has one request under way.
    expect(failed.length).toBeLessThanOrEqual(WORKERS);
    for (const { id } of failed) {
      const line = balancer.lines.find((one) => one.id === id);
      expect(line?.ports).toEqual([second.port]);
    }
    const answered = load.sent.filter(({ status }) => status === 200 || status === 201);
    expect(answered.length + failed.length).toBe(load.sent.length);
    for (const token of load.tokens) {
      expect(await load.ask("/v1/sessions/verify", { token })).toMatchObject({ state: "active" });
    }
    await balancer.stop();
    await leave(fourth, "SIGINT");
  });
});
