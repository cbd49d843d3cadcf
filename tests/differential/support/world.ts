/** Runs one case with one implementation, over real sockets, with the date under control. */
import { AsyncLocalStorage } from "node:async_hooks";
import { createServer } from "node:http";
import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";
import { vi } from "vitest";
import { acts } from "./acts.ts";
import { Jar, requestText, responseLines, turns, Wire } from "./client.ts";
import { overHttp2, overUpgrade } from "./other-ways.ts";
import { contentsOf, storeOf } from "./stores.ts";
import { errorText, SECRET } from "./text.ts";
import type { Ask, Case, Exchanged, Faults, Implementation, Incoming } from "./types.ts";
import type { LooseStore, Middleware, Outgoing, Parts, Step, StoreKind } from "./types.ts";
import type { Transcript, World } from "./types.ts";

/** When every case begins. */
export const BEGAN_AT: number = Date.UTC(2030, 0, 1);

const ASIDE = "aside";
/** A held request waits for other steps, not for the server alone. */
const HELD_MS = 10_000;
const labels = new AsyncLocalStorage<string>();

interface Listener {
  onRequest(req: IncomingMessage, res: Outgoing): void;
  onUpgrade(req: IncomingMessage, socket: unknown): void;
}

/** One server for all cases; the case of the moment answers. */
export interface Site {
  readonly port: number;
  current: Listener | undefined;
  requests: number;
  close(): Promise<void>;
}

export async function openSite(): Promise<Site> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const site: Site = {
    port: (server.address() as AddressInfo).port,
    current: undefined,
    requests: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  server.on("request", (req, res) => site.current?.onRequest(req, res));
  server.on("upgrade", (req, socket) => site.current?.onUpgrade(req, socket));
  return site;
}

interface Held {
  readonly wire: Wire;
  readonly ask: Ask;
}

export class Run implements World {
  readonly impl: Implementation;
  readonly store: LooseStore | undefined;
  readonly memory: Map<string, unknown> = new Map<string, unknown>();
  readonly #case: Case;
  readonly #site: Site;
  readonly #events: Map<string, string[]> = new Map<string, string[]>();
  readonly #answers: Map<string, readonly string[]> = new Map<string, readonly string[]>();
  readonly #jars: Map<string, Jar> = new Map<string, Jar>();
  readonly #held: Map<string, Held> = new Map<string, Held>();
  readonly #doors: Map<string, () => void> = new Map<string, () => void>();
  readonly #open: Map<string, Promise<unknown>> = new Map<string, Promise<unknown>>();
  /** Requests by the name that the script gives them. */
  readonly #labels: Map<string, string> = new Map<string, string>();
  #count = 0;
  #ids = 0;
  faults: Faults;

  constructor(one: Case, kind: StoreKind, impl: Implementation, site: Site) {
    this.#case = one;
    this.#site = site;
    this.impl = impl;
    this.faults = one.faults ?? {};
    const log = (line: string): void => this.log(line);
    this.store = storeOf(kind, { impl, log, faults: () => this.faults });
  }

  log(line: string): void {
    this.#eventsOf(labels.getStore() ?? ASIDE).push(line);
  }

  #eventsOf(label: string): string[] {
    const events = this.#events.get(label) ?? [];
    this.#events.set(label, events);
    return events;
  }

  hold(): Promise<void> {
    const label = labels.getStore() ?? ASIDE;
    return new Promise((resolve) => {
      this.#doors.set(label, resolve);
      this.log("held");
    });
  }

  async run(): Promise<Transcript> {
    vi.setSystemTime(BEGAN_AT);
    let refused: string | undefined;
    try {
      this.#site.current = this.#application();
    } catch (error) {
      refused = errorText(error);
    }
    if (refused === undefined) {
      for (const step of this.#case.script) await this.#take(step);
    }
    this.#site.current = undefined;
    return this.#transcript(refused, await contentsOf(this.store));
  }

  #transcript(refused: string | undefined, contents: Record<string, unknown>): Transcript {
    const exchanges: Exchanged[] = [...this.#events]
      .filter(([label]) => label !== ASIDE)
      .map(([request, events]) => {
        return { request, events, response: this.#answers.get(request) ?? [] };
      });
    const aside = this.#events.get(ASIDE) ?? [];
    return { ...(refused === undefined ? {} : { refused }), exchanges, aside, contents };
  }

  #application(): Listener {
    const { options = {}, before, stack } = this.#case;
    const given = typeof options === "function" ? options(this.impl, this) : options;
    const defaults = {
      secret: SECRET,
      resave: false,
      saveUninitialized: false,
      genid: () => `id-${++this.#ids}`,
    };
    const store = this.store === undefined ? {} : { store: this.store };
    const middleware = this.impl({ ...defaults, ...store, ...given });
    const parts: Parts = {
      world: this,
      middleware,
      handler: (req, res) => this.#handle(req, res),
      failed: (error, _req, res) => this.#failed(error, res),
    };
    const answer = stack?.(parts) ?? plain(parts);
    const serve = (req: IncomingMessage, res: Outgoing): void => {
      before?.(req as Incoming, res, this);
      answer(req as Incoming, res);
    };
    const enter = (req: IncomingMessage, act: () => void): void => {
      this.#site.requests++;
      labels.run(String(req.headers["x-label"]), act);
    };
    return {
      onRequest: (req, res) => {
        const label = String(req.headers["x-label"]);
        this.#open.set(label, new Promise((resolve) => void res.on("close", resolve)));
        enter(req, () => serve(req, res));
      },
      onUpgrade: (req, socket) => enter(req, () => overUpgrade(parts, req as Incoming, socket)),
    };
  }

  #handle(req: Incoming, res: Outgoing): void {
    const name = new URL(req.url ?? "/", "http://example.test").pathname.split("/").at(-1) ?? "";
    const route = this.#case.routes?.[name] ?? acts[name];
    if (route === undefined) throw new Error(`the case has no route ${name}`);
    this.log(`handler ${name}`);
    const failed = (error: unknown): void => this.#failed(error, res);
    try {
      const result = route(req, res, this);
      if (result instanceof Promise) result.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #failed(error: unknown, res: Outgoing): void {
    this.log(`failed ${errorText(error)}${res.headersSent ? " after the headers" : ""}`);
    if (res.headersSent) return;
    try {
      res.statusCode = 500;
      res.end(errorText(error));
    } catch (again) {
      // A server would end its process here.
      this.log(`failed again ${errorText(again)}`);
      res.destroy();
    }
  }

  async #take(step: Step): Promise<void> {
    if (typeof step === "string" || !("as" in step)) return this.#takeSimple(step);
    const { start, as, until, ask } = step;
    const full = { ...ask, ...asked(start) };
    const label = `${this.#next()} ${start} as ${as}`;
    const text = requestText(full, label, this.#jarOf(full).header, true);
    this.#held.set(as, { wire: new Wire(this.#site.port, text, HELD_MS), ask: full });
    this.#doors.set(as, () => this.#doors.get(label)?.());
    this.#labels.set(as, label);
    await this.#reached(label, until);
  }

  /** Number of a request in the script, so that every label is another. */
  #next(): number {
    return ++this.#count;
  }

  async #reached(label: string, until: string): Promise<void> {
    const began = performance.now();
    while (!this.#eventsOf(label).some((line) => line.startsWith(until))) {
      if (performance.now() - began > HELD_MS) throw new Error(`${label}: never came to ${until}`);
      await turns(1);
    }
    await turns();
  }

  async #takeSimple(step: Exclude<Step, { as: string }>): Promise<void> {
    if (typeof step === "string") return this.#exchange(asked(step));
    if ("ask" in step) return this.#exchange(step);
    if ("pipeline" in step) return this.#pipeline(step.pipeline);
    if ("advance" in step) return void vi.setSystemTime(Date.now() + step.advance);
    if ("act" in step) return labels.run(`${this.#next()} ${step.act}`, () => step.does(this));
    if ("finish" in step) return this.#finish(step.finish);
    if ("received" in step) return this.#soFar(step.received);
    return this.#abort((step as { abort: string }).abort);
  }

  #jarOf(ask: Ask): Jar {
    const name = ask.jar ?? "a";
    if (name === "none") return new Jar();
    const jar = this.#jars.get(name) ?? new Jar();
    this.#jars.set(name, jar);
    return jar;
  }

  async #exchange(ask: Ask): Promise<void> {
    const label = `${this.#next()} ${ask.method ?? "GET"} ${ask.ask}`;
    if (this.#case.over === "http2") return this.#exchangeHttp2(ask, label);
    const text = requestText(ask, label, this.#jarOf(ask).header, true);
    await this.#answer(label, { wire: new Wire(this.#site.port, text, ask.patience), ask });
  }

  async #exchangeHttp2(ask: Ask, label: string): Promise<void> {
    const jar = this.#jarOf(ask);
    const lines = await overHttp2(this.#site.current, { ask, label, cookie: jar.header });
    jar.take(lines, Date.now());
    this.#answers.set(label, lines);
    await turns();
  }

  async #answer(label: string, { wire, ask }: Held): Promise<void> {
    const ended = await wire.ended;
    const lines = responseLines(wire.received, ended);
    this.#jarOf(ask).take(lines, Date.now());
    this.#eventsOf(label);
    this.#answers.set(label, lines);
    if (ended === "") await this.#open.get(label);
    await turns();
  }

  async #pipeline(asks: readonly (string | Ask)[]): Promise<void> {
    const all = asks.map((one) => (typeof one === "string" ? asked(one) : one));
    const cookie = this.#jarOf(all[0] as Ask).header;
    const names = all.map((ask) => `${this.#next()} ${ask.method ?? "GET"} ${ask.ask}`);
    const texts = all.map((ask, at) =>
      requestText(ask, names[at] as string, cookie, at === all.length - 1),
    );
    const wire = new Wire(this.#site.port, texts.join(""));
    await this.#answer(names.at(-1) as string, { wire, ask: all[0] as Ask });
  }

  async #finish(as: string): Promise<void> {
    const held = this.#held.get(as);
    if (held === undefined) throw new Error(`nothing was started as ${as}`);
    this.#doors.get(as)?.();
    await this.#answer(this.#labels.get(as) as string, held);
  }

  async #soFar(as: string): Promise<void> {
    await turns(20);
    const received = responseLines(this.#held.get(as)?.wire.received ?? "", "");
    this.#eventsOf(this.#labels.get(as) as string).push(`received ${JSON.stringify(received)}`);
  }

  async #abort(as: string): Promise<void> {
    const label = this.#labels.get(as) as string;
    this.#held.get(as)?.wire.leave();
    await this.#open.get(label);
    this.#doors.get(as)?.();
    await turns(12);
  }
}

function asked(step: string): Ask {
  const [first = "", second] = step.split(" ");
  return second === undefined ? { ask: first } : { method: first, ask: second };
}

/** The smallest application: the middleware, then the handler. */
function plain({
  world,
  middleware,
  handler,
  failed,
}: Parts): (req: Incoming, res: Outgoing) => void {
  return (req, res) => {
    const guarded = (act: () => unknown): void => {
      try {
        act();
      } catch (error) {
        world.log("thrown");
        failed(error, req, res);
      }
    };
    const next: Parameters<Middleware>[2] = (error) => {
      if (error !== undefined && error !== null) return failed(error, req, res);
      return guarded(() => handler(req, res, () => undefined));
    };
    guarded(() => middleware(req, res, next));
  };
}
