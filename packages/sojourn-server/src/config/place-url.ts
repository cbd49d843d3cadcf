/**
 * URLs of engines, cut into parts. Unlike the platform's `URL`, they may name several hosts. What
 * is said of a wrong one never quotes it: a password may be anywhere in it. Invariant I12.
 */
import { unknownName } from "./nearest.ts";
import { present } from "./present.ts";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface PlaceUrl {
  readonly hosts: readonly HostPort[];
  readonly user?: string;
  readonly password?: string;
  /** Without its slash; empty when there is none. */
  readonly path: string;
  readonly options: ReadonlyMap<string, string>;
}

/** What is wrong with a URL, and what is accepted. */
export class PlaceProblem extends Error {}

const SHAPE = /^[a-z+-]+:\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^@?#]*))?(?:\?([^@#]*))?$/;
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/i;
const PORT_MAX = 65_535;

/**
 * @param known Names of options after the question mark.
 * @throws {PlaceProblem}
 */
export function readPlaceUrl(text: string, port: number, known: readonly string[]): PlaceUrl {
  const match = SHAPE.exec(text);
  if (match === null) {
    throw new PlaceProblem(
      "this is no URL; write special characters of user and password as %40 (@), %2F (/), " +
        "%3A (:), %3F (?), %23 (#), %25 (%)",
    );
  }
  const [, account, hosts = "", path = "", query = ""] = match;
  return {
    hosts: readHosts(hosts, port),
    ...(account === undefined ? {} : readAccount(account)),
    path: decoded(path),
    options: readOptions(query, known),
  };
}

function readAccount(text: string): { user?: string; password?: string } {
  const colon = text.indexOf(":");
  const user = decoded(colon < 0 ? text : text.slice(0, colon));
  const password = colon < 0 ? "" : decoded(text.slice(colon + 1));
  return present({
    user: user === "" ? undefined : user,
    password: password === "" ? undefined : password,
  });
}

function readHosts(text: string, standard: number): readonly HostPort[] {
  if (text === "") return [];
  return text.split(",").map((part) => {
    const match = HOST.exec(part);
    const port = Number(match?.[2] ?? standard);
    if (match === null || port < 1 || port > PORT_MAX) {
      throw new PlaceProblem(
        "a host is not HOST or HOST:PORT; several are separated by commas, an IPv6 address " +
          "stands in brackets, and special characters of a password are percent-encoded",
      );
    }
    return { host: (match[1] ?? "").replaceAll(/^\[|\]$/g, ""), port };
  });
}

function readOptions(query: string, known: readonly string[]): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (const pair of query.split("&").filter((part) => part !== "")) {
    const equals = pair.indexOf("=");
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals));
    if (!known.includes(name)) {
      const shown = /^\w{1,24}$/.test(name) ? `option "${name}"` : "an option";
      throw new PlaceProblem(`${shown}: ${unknownName(name, known)}`);
    }
    options.set(name, equals < 0 ? "" : decoded(pair.slice(equals + 1)));
  }
  return options;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new PlaceProblem("a % is not followed by two hexadecimal digits; write %25 for one");
  }
}

/** @throws {PlaceProblem} unless it is absent or a whole number from `min` to `max`. */
export function countOption(
  url: PlaceUrl,
  name: string,
  [min, max]: readonly [number, number],
): number | undefined {
  const text = url.options.get(name);
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (value >= min && value <= max) return value;
  throw new PlaceProblem(`option "${name}": accepted: a whole number from ${min} to ${max}`);
}

/** @throws {PlaceProblem} unless it is absent or one of `words`. */
export function wordOption<Word extends string>(
  url: PlaceUrl,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const text = url.options.get(name);
  if (text === undefined) return undefined;
  const word = words.find((one) => one === text);
  if (word !== undefined) return word;
  throw new PlaceProblem(`option "${name}": accepted: ${words.join(", ")}`);
}
