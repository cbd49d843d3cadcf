import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { MetaClient, takeReply } from "./meta-client.ts";

const VALUE = Buffer.from("VA 5 c7 W\r\na\r\nb\0\r\nHD\r\n", "latin1");

describe("a reply", () => {
  it("is taken whole, wherever the bytes were cut", () => {
    for (let cut = 0; cut < VALUE.indexOf("HD"); cut += 1) {
      expect(takeReply(VALUE.subarray(0, cut))).toBe("more");
    }
    const taken = takeReply(VALUE);
    if (typeof taken === "string") throw new Error(taken);
    expect(taken.reply?.code).toBe("VA");
    expect(taken.reply?.value?.toString("latin1")).toBe("a\r\nb\0");
    expect([...(taken.reply?.flags ?? [])]).toEqual([
      ["c", "7"],
      ["W", ""],
    ]);
    expect(VALUE.subarray(taken.length).toString()).toBe("HD\r\n");
  });

  it.each(["ERROR", "CLIENT_ERROR bad", "VALUE x", "VA x", "VA -1", "VA 99999999", ""])(
    "of %j is nonsense: the connection has lost its place",
    (line) => {
      expect(takeReply(Buffer.from(`${line}\r\n`))).toBe("nonsense");
    },
  );

  it("that has no end is nonsense, and a value without its end", () => {
    expect(takeReply(Buffer.alloc(3_000, "x"))).toBe("nonsense");
    expect(takeReply(Buffer.from("VA 1\r\nabc"))).toBe("nonsense");
  });

  it("of a server's own trouble is none, for that command alone", () => {
    const taken = takeReply(Buffer.from("SERVER_ERROR out of memory\r\nHD\r\n"));
    expect(taken).toEqual({ reply: undefined, length: 28 });
  });
});

describe("a client", () => {
  const ends: (() => void)[] = [];
  afterEach(() => {
    for (const end of ends.splice(0)) end();
  });

  /** A server that does with each connection what it is told, and a client of it. */
  async function pair(serve: (socket: Socket) => void): Promise<MetaClient> {
    const server = createServer((socket) => {
      ends.push(() => socket.destroy());
      socket.on("error", () => undefined);
      serve(socket);
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const client = new MetaClient({ host: "127.0.0.1", port }, { timeoutMs: 80 });
    ends.push(() => {
      client.close();
      server.close();
    });
    return client;
  }

  it("gives each command its own answer, in order, on one connection", async () => {
    let connections = 0;
    const client = await pair((socket) => {
      connections += 1;
      socket.on("data", (bytes) => {
        for (const line of bytes.toString().trim().split("\r\n")) {
          socket.write(`HD b${line.slice(-1)}\r\n`);
        }
      });
    });
    const replies = await Promise.all(["1", "2", "3"].map((name) => client.send(`mg k${name} b`)));
    expect(connections).toBe(1);
    expect(replies.map((reply) => reply?.code)).toEqual(["HD", "HD", "HD"]);
  });

  it("waits for no answer past the deadline, and believes nothing on that connection", async () => {
    let late: Socket | undefined;
    const client = await pair((socket) => void (late = socket));
    const began = performance.now();
    const replies = await Promise.all([client.send("mg a"), client.send("mg b")]);
    expect(replies).toEqual([undefined, undefined]);
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(client.failures).toBe(1);
    late?.write("HD\r\nHD\r\n");
    // At once: it is not asked again before a while has passed.
    const asked = performance.now();
    expect(await client.send("mg c")).toBeUndefined();
    expect(performance.now() - asked).toBeLessThan(50);
  });

  it.each([
    ["talks nonsense", "hello\r\n"],
    ["answers more than it was asked", "HD\r\nHD\r\n"],
  ])("gives up a server that %s", async (_what, says) => {
    const client = await pair((socket) => {
      socket.on("data", () => socket.write(says));
    });
    await client.send("mg a");
    await expect.poll(() => client.failures).toBe(1);
  });

  it("answers at once after it was closed, and takes an absent server for a miss", async () => {
    const client = await pair((socket) => socket.destroy());
    expect(await client.send("mg a")).toBeUndefined();
    client.close();
    expect(await client.send("mg a")).toBeUndefined();
    const nobody = new MetaClient({ host: "127.0.0.1", port: 1 }, { timeoutMs: 80 });
    expect(await nobody.send("mg a")).toBeUndefined();
    nobody.close();
  });
});
