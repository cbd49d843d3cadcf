/** `sojourn stores …`: work on a store while nothing uses it. */
import { ConfigError } from "sojourn";
import { rebucket } from "sojourn/stores/redis";
import type { RebucketProgress, RebucketSummary } from "sojourn/stores/redis";
import { PlaceProblem } from "../config/place-url.ts";
import { nameOfPlace, readStorePlace } from "../config/places.ts";
import type { RedisPlace } from "../config/places.ts";
import { present } from "../config/present.ts";
import { openRedis } from "../engines/redis.ts";
import { inServiceWords } from "../engines/trouble.ts";
import { EXIT, textOption, UsageError } from "./command.ts";
import type { Command, Invocation } from "./command.ts";

const TOLD_EVERY_MS = 2_000;

const rebucketCommand: Command = {
  name: "stores rebucket",
  summary: "Move a Redis store to another number of buckets, while nothing is connected",
  words: [],
  options: [
    { name: "buckets", value: "N", means: "a power of two, 1 to 65536 (required)" },
    { name: "from", value: "URL", means: "redis://… or redis-cluster://… (SOJOURN_STORE)" },
  ],
  installation: false,
  details:
    "Stop every service first, and take a backup. What is half moved is opened by nobody: after an " +
    "interruption run it again with the same number. Afterwards put ?buckets=N into the URL of the " +
    "store on every machine.",
  examples: ["sojourn stores rebucket --from redis://127.0.0.1:6379 --buckets 1024"],
  async run(invocation) {
    const place = placeOf(invocation, this.name);
    const text = textOption(invocation.values, "buckets") ?? "";
    if (!/^\d{1,6}$/.test(text)) throw new UsageError("--buckets: a power of two", this.name);
    const { output } = invocation;
    const summary = await run(place, Number(text), (line) => output.note(line));
    const { from, to, sessions, subjects, foreign } = summary;
    output.result(summary, () =>
      [
        `Moved ${sessions} sessions of ${subjects} subjects from ${from} to ${to} buckets.`,
        ...(foreign === 0 ? [] : [`Left alone ${foreign} keys that are not ours.`]),
        `Now write ?buckets=${to} into the URL of the store on every machine.`,
      ].join("\n"),
    );
    return EXIT.ok;
  },
};

function placeOf({ values, env }: Invocation, command: string): RedisPlace {
  const given = textOption(values, "from") ?? env["SOJOURN_STORE"];
  if (given === undefined || given === "") throw new UsageError("--from is missing", command);
  try {
    const place = readStorePlace(given);
    if (place.kind === "redis") return place;
  } catch (error) {
    if (!(error instanceof PlaceProblem)) throw error;
    throw new UsageError(`--from: ${error.message}`, command);
  }
  throw new UsageError("--from: only Redis has buckets; accepted: redis://… and the like", command);
}

async function run(
  place: RedisPlace,
  buckets: number,
  say: (line: string) => void,
): Promise<RebucketSummary> {
  const client = await openRedis(place);
  let toldAt = performance.now();
  const onProgress = ({ phase, keys }: RebucketProgress): void => {
    if (performance.now() - toldAt < TOLD_EVERY_MS) return;
    toldAt = performance.now();
    say(`${phase}: ${keys} keys`);
  };
  try {
    return await rebucket({ client, buckets, onProgress, ...present({ prefix: place.prefix }) });
  } catch (error) {
    throw error instanceof ConfigError ? inServiceWords(error, nameOfPlace(place)) : error;
  }
}

export const storeCommands: readonly Command[] = [rebucketCommand];
