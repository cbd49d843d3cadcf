/**
 * `npm run bench`: figures beside other libraries in the same run, with the ratios asked for.
 * `npm run bench:stores`: the engines, and several processes on them.
 * `-- --quick` for a glance, `-- --only verify,express` for some of them, `--sessions N` for how
 * many the sweep meets.
 */
import { argv } from "node:process";
import { parseArgs } from "node:util";
import { FULL, QUICK } from "./harness.ts";
import type { Effort } from "./harness.ts";
import { expressOverhead, fastifyOverhead, honoOverhead, koaOverhead } from "./http/overhead.ts";
import { accessTokens } from "./micro/access-tokens.ts";
import { lifecycle } from "./micro/lifecycle.ts";
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

type Suites = Readonly<Record<string, (effort: Effort) => Promise<Section>>>;

const LIBRARY: Suites = {
  verify,
  "access-tokens": accessTokens,
  sealed: sealedSessions,
  "near-cache": nearCache,
  lifecycle,
  sqlite,
  express: expressOverhead,
  fastify: fastifyOverhead,
  koa: koaOverhead,
  hono: honoOverhead,
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

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    quick: { type: "boolean" },
    only: { type: "string" },
    stores: { type: "boolean" },
    sessions: { type: "string" },
  },
});
const suites = { ...LIBRARY, ...STORES };
const names = values.only?.split(",") ?? Object.keys(values.stores === true ? STORES : LIBRARY);
const pace = values.quick === true ? QUICK : FULL;
const effort =
  values.sessions === undefined ? pace : { ...pace, sessions: Number(values.sessions) };
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
    `${new Date().toISOString().slice(0, 10)}${values.stores ? "-stores" : ""}`,
  );
  console.log(`\nkept in ${file}`);
}
const missed = sections.flatMap((section) => section.goals).filter((goal) => !goal.met);
console.log(missed.length === 0 ? "\nevery figure reached" : `\n${missed.length} figure(s) missed`);
