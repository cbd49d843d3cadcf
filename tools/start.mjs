/**
 * `npm start`: install and build what is missing, then run the service and the notes demo as two
 * processes on one SQLite file and one secret, until Ctrl-C.
 *
 * State lives in `.sojourn/` of the repository: the generated secret, the database, and what the
 * two processes print. Deleting that folder starts afresh.
 */
import { execFile } from "node:child_process";
import { exit } from "node:process";
import { promisify } from "node:util";
import { build } from "./build.mjs";
import { freePort, launch } from "./launch.mjs";
import { node, prepare, root } from "./setup.mjs";
import { openState, settings } from "./state.mjs";

const SERVICE_PORT = 7380;

const SOJOURN = "packages/sojourn-server/dist/cli/main.js";
const INVITE = ["console", "invite", "--name", "admin", "--role", "admin", "--json"];

/**
 * A link that signs the person before this terminal in to the console. It is said nowhere else.
 *
 * @param {Record<string, string>} env
 * @returns {Promise<string>} what is wrong where there is none.
 */
async function invited(env) {
  try {
    const options = { cwd: root, env: { ...process.env, ...env } };
    const { stdout } = await promisify(execFile)(node, [SOJOURN, ...INVITE], options);
    return JSON.parse(stdout).link;
  } catch (error) {
    return `none: ${String(/** @type {{ stderr?: string }} */ (error).stderr ?? error).trim()}`;
  }
}

/**
 * @param {{ url: string }} service
 * @param {{ url: string }} notes
 * @param {string} link
 */
function greet(service, notes, link) {
  console.log(`
  Sojourn service   ${service.url}
    Your code asks it with a service key:  npm run sojourn -- keys create --name trial
    sent as  Authorization: Bearer sj1k_…  (the page above links to the API document).

  Console           ${link}
    The link works once, for 15 minutes; register a passkey there. The next start makes another.

  Notes demo        ${notes.url}
    Sign in: alice with "correct horse", or bob with "battery staple". Do it in two browsers, and end
    one's session from the other under "Your devices".

  Ctrl-C stops both. State is kept in .sojourn/ for the next start.
`);
}

async function main() {
  await prepare();
  await build();
  const state = openState();
  const port = await freePort(SERVICE_PORT);
  const demoPort = await freePort(port + 1);
  const service = launch("service", [SOJOURN, "serve"], {
    log: state.serviceLog,
    env: settings(state, port),
  });
  const notes = launch("notes", ["examples/notes/server.mjs"], {
    log: state.notesLog,
    env: settings(state, demoPort),
  });
  const children = [service, notes];

  let stopping = false;
  const stop = async (/** @type {number} */ code) => {
    if (stopping) return;
    stopping = true;
    if (code === 0) console.log("\nStopping …");
    await Promise.all(children.map((child) => child.stop()));
    exit(code);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => void stop(0));
  }
  for (const child of children) {
    void child.ended.then((how) => {
      if (stopping) return undefined;
      console.error(`The ${child.name} ended by itself (${how}). It said last:\n${child.tail()}`);
      return stop(1);
    });
  }
  await Promise.all([service.ready(), notes.ready()]);
  if (stopping) return;
  greet(service, notes, await invited(settings(state, port)));
}

await main();
