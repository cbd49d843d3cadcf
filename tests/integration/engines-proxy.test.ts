/** The network that other tests spoil: each direction alone, and nothing is lost when it heals. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startTcpProxy } from "../../tools/engines.mjs";

/** Long enough for what is not held up to arrive. */
const LULL_MS = 60;

interface Ends {
  readonly client: Socket;
  readonly server: Socket;
  /** What each has heard so far. */
  readonly heard: { client: string; server: string };
}

const sockets: Socket[] = [];
let server: Server;
let port = 0;
let proxy: Awaited<ReturnType<typeof startTcpProxy>>;

async function open(): Promise<Ends> {
  const accepted = once(server, "connection");
  const client = connect(proxy.port, "127.0.0.1");
  const [serverEnd] = (await accepted) as [Socket];
  const heard = { client: "", server: "" };
  client.on("data", (chunk) => void (heard.client += String(chunk)));
  serverEnd.on("data", (chunk) => void (heard.server += String(chunk)));
  for (const socket of [client, serverEnd]) socket.on("error", () => undefined);
  sockets.push(client, serverEnd);
  return { client, server: serverEnd, heard };
}

/** Unlike `once`, an error on the way is no failure. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.on("close", () => resolve()));
}

beforeEach(async () => {
  server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
  proxy = await startTcpProxy({ port, url: `redis://127.0.0.1:${port}/2` });
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  proxy.stop();
  server.close();
});

describe("the TCP proxy of tests", () => {
  it("passes bytes and ends both ways, and stands in for the server in its URL", async () => {
    const ends = await open();
    ends.client.write("ask");
    ends.server.end("answer");
    await once(ends.client, "end");
    expect(ends.heard).toEqual({ client: "answer", server: "ask" });
    expect(proxy.url).toBe(`redis://127.0.0.1:${proxy.port}/2`);
  });

  it("cuts what goes to the server alone, and delivers it in order once healed", async () => {
    const ends = await open();
    proxy.cut({ toServer: true });
    for (const word of ["one ", "two ", "three"]) ends.client.write(word);
    ends.server.write("news");
    await expect.poll(() => ends.heard.client).toBe("news");
    await sleep(LULL_MS);
    expect(ends.heard).toEqual({ client: "news", server: "" });
    await proxy.heal();
    await expect.poll(() => ends.heard).toEqual({ client: "news", server: "one two three" });
  });

  it("cuts what goes to the client alone", async () => {
    const ends = await open();
    proxy.cut({ toClient: true });
    ends.client.write("ask");
    ends.server.write("answer");
    await expect.poll(() => ends.heard.server).toBe("ask");
    await sleep(LULL_MS);
    expect(ends.heard).toEqual({ client: "", server: "ask" });
    await proxy.heal();
    await expect.poll(() => ends.heard.client).toBe("answer");
  });

  it("hides the end of one side from the other while both ways are cut", async () => {
    const ends = await open();
    proxy.cut();
    ends.client.destroy();
    const ended = once(ends.server, "end").then(() => true);
    expect(await Promise.race([ended, sleep(LULL_MS, false)])).toBe(false);
    await proxy.heal();
    expect(await ended).toBe(true);
  });

  it("keeps what is larger than it holds waiting at the sender, and loses nothing", async () => {
    const ends = await open();
    const size = 16 * 1024 * 1024;
    proxy.cut();
    ends.client.write(Buffer.alloc(size, "x"));
    // Longer than all of it would take.
    await sleep(10 * LULL_MS);
    expect(ends.client.writableLength).toBeGreaterThan(0);
    await proxy.heal();
    while (ends.heard.server.length < size) await once(ends.server, "data");
    expect(ends.heard.server).toHaveLength(size);
  });

  it("delays each way by what it was told", async () => {
    const ends = await open();
    ends.server.on("data", (chunk: Buffer) => ends.server.write(chunk));
    proxy.delay(30);
    const began = performance.now();
    ends.client.write("there and back");
    await once(ends.client, "data");
    expect(performance.now() - began).toBeGreaterThanOrEqual(59);
  });

  it("breaks every connection at a reset, and accepts new ones", async () => {
    const ends = await open();
    const broken = Promise.all([closed(ends.client), closed(ends.server)]);
    proxy.reset();
    await broken;
    const next = await open();
    next.client.write("again");
    await once(next.server, "data");
    expect(next.heard.server).toBe("again");
  });

  it("refuses new connections until healed, while those there are go on", async () => {
    const ends = await open();
    proxy.refuse();
    const refused = connect(proxy.port, "127.0.0.1");
    const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
    ends.client.write("still here");
    await once(ends.server, "data");
    await proxy.heal();
    await open();
    expect(ends.heard.server).toBe("still here");
  });
});
