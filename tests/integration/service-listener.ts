/** Server-sent events of a service, as a client hears them. */
import { request } from "node:http";
import type { Json, Sent } from "./service-harness.ts";

interface Said {
  readonly event: string;
  readonly id: string;
  readonly data: Json;
}

/** An open stream: what it said so far, and when it said something. */
export class Listener {
  readonly said: Said[] = [];
  status = 0;
  text = "";
  ended = false;
  readonly #waiting = new Set<() => void>();
  readonly #stop: () => void;

  constructor(url: string, sent: Sent) {
    const outgoing = request(url, { headers: { ...sent.headers }, agent: false }, (response) => {
      this.status = response.statusCode ?? 0;
      response.on("data", (chunk: Buffer) => this.#hear(chunk.toString()));
      response.on("end", () => this.#end());
      response.on("error", () => this.#end());
      this.#wake();
    });
    outgoing.on("error", () => this.#end());
    outgoing.end();
    this.#stop = () => outgoing.destroy();
  }

  stop(): void {
    this.#stop();
  }

  async until(holds: () => boolean, withinMs = 5_000): Promise<number> {
    const startedAt = performance.now();
    while (!holds()) {
      if (performance.now() - startedAt > withinMs) throw new Error(`not within ${withinMs} ms`);
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
        setTimeout(resolve, 50);
      });
    }
    return performance.now() - startedAt;
  }

  heard(event: string): Said | undefined {
    return this.said.find((one) => one.event === event);
  }

  #hear(text: string): void {
    this.text += text;
    for (const block of text.split("\n\n")) {
      const [, event] = /^event: (.+)$/m.exec(block) ?? [];
      const [, id = ""] = /^id: (.+)$/m.exec(block) ?? [];
      const [, data = "{}"] = /^data: (.+)$/m.exec(block) ?? [];
      if (event !== undefined) this.said.push({ event, id, data: JSON.parse(data) as Json });
    }
    this.#wake();
  }

  #end(): void {
    this.ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
