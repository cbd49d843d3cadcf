/** `sojourn serve`: the service, until it is told to stop. */
import { pino } from "pino";
import { createLog } from "../api/log.ts";
import type { ServerConfig } from "../config/config.ts";
import { nameOfPlace } from "../config/places.ts";
import { SCOPES } from "../control/key-table.ts";
import { linkTo } from "../console/invite.ts";
import type { RunningConsole } from "../main/service.ts";
import { startService } from "../main/service.ts";
import { EXIT, FailedError } from "./command.ts";
import type { Command } from "./command.ts";
import type { Output } from "./output.ts";

const serve: Command = {
  name: "serve",
  summary: "Run the service",
  words: [],
  options: [],
  installation: true,
  details:
    "Prints `listening on http://…` on standard output once it answers. Logs are JSON lines on " +
    "standard error. SIGTERM and SIGINT stop it: requests under way are finished, at most 10 s; " +
    "after SIGTERM requests are served for the span of --drain first, while /readyz says no.",
  examples: [
    "sojourn secret > sojourn.secret && sojourn serve --secret-file sojourn.secret",
    "sojourn serve --config sojourn.json --port 8080",
    "SOJOURN_STORE=postgres://sojourn:PASSWORD@db.internal/sessions sojourn serve",
  ],
  async run({ config: read, output }) {
    const config = read();
    const destination = pino.destination({ fd: 2, sync: false });
    const log = createLog(config.logLevel, destination);
    log.info({ store: nameOfPlace(config.store), control: nameOfPlace(config.control) }, "stores");
    if (isApart(config)) log.warn(CONTROL_APART);
    const service = await startService(config, log).catch((error: unknown) => {
      throw addressTaken(error, config) ?? error;
    });
    const { url, metricsUrl, console } = service;
    // Before anything is said: whoever reads it may send a signal at once.
    const signalled = nextSignal();
    output.result(
      {
        listening: url,
        ...(console === undefined ? {} : { console: console.url }),
        ...(metricsUrl === undefined ? {} : { metrics: metricsUrl }),
      },
      () =>
        [
          `listening on ${url}`,
          ...(console === undefined ? [] : [`console on ${console.url}`]),
          ...(metricsUrl === undefined ? [] : [`metrics on ${metricsUrl}/metrics`]),
        ].join("\n"),
    );
    if (config.store.kind === "memory") {
      const { text } = await service.keys.create({
        name: "trial",
        tenant: "default",
        scopes: SCOPES,
      });
      output.note(
        `The store is memory, so here is a service key for as long as this runs:\n${text}`,
      );
    }
    if (console !== undefined) await welcome(console, config, output);
    const signal = await signalled;
    log.info({ signal }, "stopping");
    // Whoever pressed Ctrl-C stands before it; a balancer does not.
    await service.stop(signal === "SIGTERM" ? config.drainMs : 0);
    log.info("stopped");
    destination.flushSync();
    return EXIT.ok;
  },
};

/** Nobody has ever signed in: who sits before it is given a link, others learn how to get one. */
async function welcome(
  console: RunningConsole,
  config: ServerConfig,
  output: Output,
): Promise<void> {
  const all = await console.users.list();
  if (all.some(({ signedInAt }) => signedInAt !== undefined)) return;
  if (config.console?.origin !== undefined || !output.watched) {
    output.note("The console has no user yet: sojourn console invite --name NAME --role admin");
    return;
  }
  const { token } = await console.invite({ name: "admin", role: "admin" });
  const link = linkTo(new URL(console.url).origin, token);
  output.note(`Sign in to the console; this works once, for 15 minutes:\n${link}`);
}

const CONTROL_APART =
  "service keys and kept replies live in a file of this machine: several machines need one " +
  "PostgreSQL for them, with --control postgres://…";

/** Sessions are shared between machines and what belongs to them is not. */
function isApart({ store, control }: ServerConfig): boolean {
  return (store.kind === "redis" || store.kind === "postgres") && control.kind === "sqlite";
}

/** Repeated signals change nothing: a terminal and a program above may both pass one on. */
function nextSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve(signal));
  });
}

function addressTaken(
  error: unknown,
  config: { readonly host: string; readonly port: number },
): FailedError | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  const place = `${config.host}:${config.port}`;
  if (error.code === "EADDRINUSE") {
    return new FailedError(
      `${place} is taken; choose another port with --port, or 0 for a free one`,
    );
  }
  if (error.code === "EACCES" || error.code === "EADDRNOTAVAIL") {
    return new FailedError(`cannot listen on ${place} (${error.code}); check host and port`);
  }
  return undefined;
}

export const serviceCommands: readonly Command[] = [serve];
