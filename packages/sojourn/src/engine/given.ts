/** What was handed over: options out of range or unknown, and things taken for one another. */
import type { ConfigProblem } from "./errors.ts";

/** A problem for each option not in `known`. @param prefix Before each name, with its dot. */
export function unknownOptions(
  given: object | null | undefined,
  known: readonly string[],
  prefix: string = "",
): ConfigProblem[] {
  const message = `unknown option; known are ${known.join(", ")}`;
  return Object.keys(given ?? {})
    .filter((name) => !known.includes(name))
    .map((name) => ({ path: prefix + name, message }));
}

/** A whole number from `least` to `most`, both included. */
export function isWholeWithin(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
}

/** An option, the least and the most it takes. */
export type WholeRange<Options> = readonly [keyof Options & string, number, number];

/** A problem for each option that is there and no whole number of its range. */
export function rangeProblems<Options extends object>(
  options: Options,
  ranges: readonly WholeRange<Options>[],
): ConfigProblem[] {
  return ranges
    .filter(([path, least, most]) => !isWholeWithin(options[path] ?? least, least, most))
    .map(([path, least, most]) => {
      return { path, message: `takes a whole number from ${least} to ${most}` };
    });
}

/** What somebody gave where something else is taken. */
export type Given = "sessions" | "store" | "express-store" | "class" | "text";

/** Tell by what it can do, so that a second copy of this library is known, too. */
export function kindOf(given: unknown): Given | undefined {
  if (typeof given === "string") return "text";
  if (typeof given === "function") return isClass(given) ? "class" : undefined;
  if (can(given, "exchange")) return "sessions";
  if (can(given, "patchData")) return "store";
  return ["get", "set", "destroy"].every((name) => can(given, name)) ? "express-store" : undefined;
}

/** `; this is …` for the message of a problem; nothing for what is not known either. */
export function mixUp(given: unknown, instead: Partial<Readonly<Record<Given, string>>>): string {
  const kind = kindOf(given);
  const bridge = kind === undefined ? undefined : instead[kind];
  if (kind === undefined || bridge === undefined) return "";
  return `; ${NAMES[kind]}: ${bridge.replace("NAME", nameOf(given))}`;
}

/** What to say to somebody who gave something else where sessions are taken. */
export function sessionsProblem(given: unknown): ConfigProblem {
  const store = "createSessions({ store, secrets })";
  const theirs = "createSessions({ store: fromExpressStore(store), secrets })";
  const mixed = mixUp(given, { store, "express-store": theirs });
  return { path: "sessions", message: `takes what createSessions() returned${mixed}` };
}

const NAMES: Readonly<Record<Given, string>> = {
  sessions: "these are sessions",
  store: "this is a Sojourn store",
  "express-store": "this is an express-session store",
  class: "this is a class",
  text: "this is a text",
};

/** Class syntax, or a function whose instances are stores. */
function isClass(given: object): boolean {
  const prototype: unknown = Reflect.get(given, "prototype");
  return can(prototype, "find") || can(prototype, "get");
}

function nameOf(given: unknown): string {
  return typeof given === "function" ? given.name : "";
}

function can(given: unknown, method: string): boolean {
  if (typeof given !== "object" || given === null) return false;
  return typeof Reflect.get(given, method) === "function";
}
