/**
 * `npm run bench`: figures beside other libraries in the same run, with the ratios asked for.
 * `npm run bench:stores`: the engines, and several processes on them.
 * `npm run bench:service`: the service over HTTP, its latency, and floods.
 * `-- --quick` for a glance, `-- --only verify,express` for some of them; `--sessions N` for how
 * many the sweep meets, `--minutes M` for how long it is measured at most.
 */
import { argv } from "node:process";
import { parseArgs } from "node:util";
import { FULL, QUICK } from "./harness.ts";
import type { Effort } from "./harness.ts";
import { expressOverhead, fastifyOverhead, honoOverhead, koaOverhead } from "./http/overhead.ts";
import { audit } from "./micro/audit.ts";
import { accessTokens } from "./micro/access-tokens.ts";
import { boundAndEncrypted } from "./micro/bound-and-encrypted.ts";
import { lifecycle } from "./micro/lifecycle.ts";
import { lockouts } from "./micro/lockouts.ts";
import { nearCache } from "./micro/near-cache.ts";
import { sealedSessions } from "./micro/sealed-sessions.ts";
import { verify } from "./micro/verify.ts";
import { print, save } from "./report.ts";
import type { Section } from "./report.ts";
import { sqlite } from "./sqlite/sqlite.ts";
import { startUp } from "./start-up.ts";
import { crowds } from "./stores/crowds.ts";
import { fanOut } from "./stores/fan-out.ts";
import { listeners } from "./stores/listeners.ts";
import { postgres } from "./stores/postgres.ts";
import { redis } from "./stores/redis.ts";
import { refresh } from "./stores/refresh.ts";
import { sweep } from "./stores/sweep.ts";

import { floods } from "./service/floods.ts";
import { latency } from "./service/latency.ts";
import { rates } from "./service/rates.ts";

type Suites = Readonly<Record<string, (effort: Effort) => Promise<Section>>>;

const LIBRARY: Suites = {
  verify,
  "access-tokens": accessTokens,
  "bound-and-encrypted": boundAndEncrypted,
  sealed: sealedSessions,
  "near-cache": nearCache,
  lifecycle,
  sqlite,
  express: expressOverhead,
  fastify: fastifyOverhead,
  koa: koaOverhead,
  hono: honoOverhead,
  audit,
  lockouts,
  "start-up": startUp,
};
const STORES: Suites = {
  postgres,
  redis,
  refresh,
  "fan-out": fanOut,
  crowds,
  listeners,
  sweep,
};

const SERVICE: Suites = { rates, latency, floods };

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    quick: { type: "boolean" },
    only: { type: "string" },
    stores: { type: "boolean" },
    service: { type: "boolean" },
    sessions: { type: "string" },
    minutes: { type: "string" },
  },
});
const suites = { ...LIBRARY, ...STORES, ...SERVICE };
const group = values.stores === true ? STORES : values.service === true ? SERVICE : LIBRARY;
const names = values.only?.split(",") ?? Object.keys(group);
const pace = values.quick === true ? QUICK : FULL;
const { sessions, minutes } = values;
const effort = {
  ...pace,
  ...(sessions === undefined ? {} : { sessions: Number(sessions) }),
  ...(minutes === undefined ? {} : { minutes: Number(minutes) }),
};
const sections: Section[] = [];
for (const name of names) {
  const suite = suites[name as keyof typeof suites];
  if (suite === undefined) {
    console.error(`no suite "${name}"; there are ${Object.keys(suites).join(", ")}`);
    process.exit(2);
  }
  const section = await suite(effort);
  print(section);
  sections.push(section);
}
if (values.only === undefined && values.quick !== true) {
  const file = save(
    sections,
    new Date().toISOString().slice(0, 10) +
      (group === LIBRARY ? "" : group === STORES ? "-stores" : "-service"),
  );
  console.log(`\nkept in ${file}`);
}
const missed = sections.flatMap((section) => section.goals).filter((goal) => !goal.met);
console.log(missed.length === 0 ? "\nevery figure reached" : `\n${missed.length} figure(s) missed`);
