import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startConsole } from "./console-harness.ts";
import type { ConsoleService, Visitor } from "./console-harness.ts";
import { folder } from "./service-harness.ts";

interface Told {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: Record<string, unknown>;
}

/** An open stream, read as browsers do. */
class Listener {
  readonly told: Told[] = [];
  /** What a browser would say when it comes back. */
  lastId = "";
  ended = false;
  readonly #response: IncomingMessage;
  #text = "";

  private constructor(response: IncomingMessage) {
    this.#response = response;
    response.setEncoding("utf8");
    response.on("data", (text: string) => this.#read(text));
    response.on("close", () => void (this.ended = true));
    response.on("error", () => undefined);
  }

  static open(s: ConsoleService, who: Visitor, more: Record<string, string> = {}, query = "") {
    return new Promise<Listener>((resolve, reject) => {
      const headers = { cookie: who.cookie, accept: "text/event-stream", ...more };
      const url = `${s.service.url}/console/api/v1/events${query}`;
      const sent = request(url, { headers, agent: false }, (response) => {
        if (response.statusCode === 200) resolve(new Listener(response));
        else reject(new Error(`answered ${response.statusCode}`));
      });
      sent.on("error", reject);
      sent.end();
    });
  }

  #read(text: string): void {
    const blocks = (this.#text + text).split("\n\n");
    this.#text = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = block.split("\n").map((line) => line.split(/: (.*)/s));
      const field = (name: string) => fields.find(([key]) => key === name)?.[1];
      const id = field("id");
      if (id !== undefined) this.lastId = id;
      const data = field("data");
      if (data === undefined) continue;
      this.told.push({ event: field("event") ?? "", id, data: JSON.parse(data) });
    }
  }

  entries(name: string): Told[] {
    return this.told.filter(({ event, data }) => event === "entry" && data["name"] === name);
  }

  close(): void {
    this.#response.destroy();
  }
}

const place = folder();
const env = { SOJOURN_STORE: `sqlite:${place.path}/sessions.db` };
let one: ConsoleService;
let two: ConsoleService;
let ada: Visitor;

beforeAll(async () => {
  // Two processes as far as the trail knows: each has a log and a reader of its own.
  one = await startConsole({ env });
  two = await startConsole({ env });
  ada = await one.arrive("ada", "auditor");
});

afterAll(async () => {
  await Promise.all([one.service.stop(), two.service.stop()]);
  place.remove();
});

const subjects = (told: readonly Told[]): string[] =>
  told.map(({ data }) => String(data["subject"]));

describe("live events", () => {
  it("tell what happens in this process and in others, each once", async () => {
    const listener = await Listener.open(one, ada);
    await one.open("here");
    await two.open("there");
    await expect
      .poll(() => new Set(subjects(listener.entries("session-established"))), { timeout: 10_000 })
      .toEqual(new Set(["here", "there"]));
    await one.open("again");
    await expect
      .poll(() => listener.entries("session-established").length, { timeout: 10_000 })
      .toBe(3);
    const ids = listener.entries("session-established").map(({ data }) => data["id"]);
    // By now its place in the trail is known, and it was not told a second time.
    await expect.poll(() => Number(listener.lastId), { timeout: 10_000 }).toBeGreaterThan(0);
    expect(new Set(ids).size).toBe(3);
    expect(JSON.stringify(listener.told)).not.toContain("sj1");
    listener.close();
  });

  it("tell whoever comes back what was missed, and nothing that was told before", async () => {
    const first = await Listener.open(one, ada);
    await two.open("before");
    await expect
      .poll(() => subjects(first.entries("session-established")), { timeout: 10_000 })
      .toContain("before");
    const { lastId } = first;
    first.close();
    await two.open("missed");
    await expect
      .poll(async () => (await one.api("GET", "/v1/audit?subject=missed")).text, {
        timeout: 10_000,
      })
      .toContain("session-established");
    const second = await Listener.open(one, ada, { "last-event-id": lastId });
    await expect
      .poll(() => subjects(second.entries("session-established")), { timeout: 10_000 })
      .toContain("missed");
    expect(subjects(second.entries("session-established"))).not.toContain("before");
    second.close();
  });

  it("are those of one tenant, which must be one's own", async () => {
    const acme = await one.arrive("acme", "auditor", ["acme"]);
    await expect(Listener.open(one, acme, {}, "?tenant=default")).rejects.toThrow("404");
    const listener = await Listener.open(one, acme, {}, "?tenant=acme");
    await one.open("not-for-acme");
    const key = await one.key("acme");
    await one.bare("POST", "/v1/sessions", {
      headers: { authorization: `Bearer ${key}` },
      body: { subject: "for-acme", amr: ["pwd"] },
    });
    await expect
      .poll(() => subjects(listener.entries("session-established")), { timeout: 10_000 })
      .toEqual(["for-acme"]);
    listener.close();
  });

  it("end with the session at the console, and are no activity of it", async () => {
    const leaver = await one.arrive("leaver", "auditor");
    const listener = await Listener.open(one, leaver);
    await leaver.send("DELETE", "/console/session");
    await expect.poll(() => listener.told.at(-1)?.event, { timeout: 10_000 }).toBe("ended");
    await expect.poll(() => listener.ended).toBe(true);
    await expect(Listener.open(one, leaver)).rejects.toThrow("401");
  });
});
