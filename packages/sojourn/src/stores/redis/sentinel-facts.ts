/** What Sentinels tell of a primary, whom of them to believe, and how they have to be set up. */
import { pairsOf } from "./reply.ts";

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** The primary as one Sentinel knows it. */
export interface Sighting {
  readonly address: RedisAddress;
  /** Grows by each failover: the higher one is right. */
  readonly epoch: number;
  /** Sentinels that have to agree that the primary is down. */
  readonly quorum: number;
  /** All Sentinels it knows, itself included. */
  readonly sentinels: number;
  readonly replicas: number;
}

/** How the Sentinels are set up. Hosts are as the servers announce them. */
export interface SentinelFacts {
  readonly sentinels: number;
  readonly quorum: number;
  readonly replicas: number;
  readonly primaryHost: string;
  readonly replicaHosts: readonly string[];
  readonly sentinelHosts: readonly string[];
}

/** @param reply To `SENTINEL MASTER <name>`. */
export function sightingOf(reply: unknown): Sighting {
  const facts = pairsOf(reply);
  const number = (name: string): number => Number(facts.get(name) ?? 0);
  return {
    address: { host: facts.get("ip") ?? "", port: number("port") },
    epoch: number("config-epoch"),
    quorum: number("quorum"),
    sentinels: number("num-other-sentinels") + 1,
    replicas: number("num-slaves"),
  };
}

export function sameAddress(a: RedisAddress, b: RedisAddress | undefined): boolean {
  return a.host === b?.host && a.port === b.port;
}

/**
 * The sighting to believe. One that knows less than was known before comes from a Sentinel that is
 * cut off together with the old primary, unless most of all Sentinels say the same.
 *
 * @param known The highest epoch met so far.
 */
export function newestOf(told: readonly Sighting[], known: number): Sighting | undefined {
  const [best] = told.toSorted((a, b) => b.epoch - a.epoch);
  if (best === undefined || best.epoch >= known) return best;
  const agreeing = told.filter((one) => sameAddress(one.address, best.address)).length;
  return agreeing * 2 > best.sentinels ? best : undefined;
}

const LOOPBACK: RegExp = /^(?:127\.|::1$|localhost$)/;
const SENTINELS_MIN = 3;

/** @returns why a failover would not happen, or at the wrong time; each with what mends it. */
export function sentinelProblems(facts: SentinelFacts): string[] {
  const { sentinels, quorum, primaryHost } = facts;
  const majority = Math.floor(sentinels / 2) + 1;
  const problems: string[] = [];
  if (sentinels < SENTINELS_MIN) {
    problems.push(`${sentinels} of at least ${SENTINELS_MIN} Sentinels are known; start more`);
  }
  if (quorum < majority || quorum > sentinels) {
    problems.push(
      `the quorum is ${quorum} of ${sentinels} Sentinels: set it to ${majority} with ` +
        "SENTINEL SET <name> quorum",
    );
  }
  const hosts = [...facts.sentinelHosts, ...facts.replicaHosts, primaryHost];
  if (hosts.every((host) => LOOPBACK.test(host))) return problems;
  const beside = facts.sentinelHosts.filter((host) => host === primaryHost).length;
  if (sentinels - beside < majority && hosts.some((host) => host !== primaryHost)) {
    problems.push(
      `${beside} of ${sentinels} Sentinels run on the primary's own host: when it is lost, the ` +
        "others are too few to choose another primary; put them on hosts of their own",
    );
  }
  return problems;
}
