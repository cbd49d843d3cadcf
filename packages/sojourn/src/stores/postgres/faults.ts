/**
 * Driver errors told apart by SQLSTATE, never by their words, and wrapped as what the store
 * promises: trouble that says what is wrong and what mends it. Invariant I7.
 */
import { SojournError, StoreUnavailableError } from "../../engine/errors.ts";

type Advice = readonly [text: string, retryable: boolean];

/** By SQLSTATE, else by its class of two characters. */
const ADVICE: Readonly<Record<string, Advice>> = {
  "08": ["the connection to the server was lost", true],
  "25006": ["the server takes no writes: it is a standby, or was made one", true],
  "25P03": ["the server ended a transaction that stood still", true],
  "28": ["the server refused the login; check user and password", false],
  "3D000": ["there is no such database", false],
  "3F": ["the schema has disappeared while the store ran", false],
  "40": ["gave up after repeated collisions with other transactions", true],
  "42501": ["the user has not the right to do this; grant it", false],
  "42": ["the tables are not as the store made them", false],
  "53100": ["the server's disk is full", true],
  "53300": ["the server has no connection left", true],
  "53": ["the server is short of resources", true],
  "55P03": ["another transaction kept what it needs locked for too long", true],
  "57014": ["the server took too long and the statement was cancelled", true],
  "57": ["the server is starting, stopping or failing over", true],
  "58": ["the server's system reported an error", true],
  XX: ["the server reported damage or a fault of its own; see its log", false],
};
const UNKNOWN_SERVER: Advice = ["the server refused the statement", false];
const UNREACHABLE: Advice = ["the server cannot be reached; check address, TLS and network", true];

const SQLSTATE = /^[0-9A-Z]{5}$/;

/** The server's five-character code; `undefined` for an error that did not come from it. */
function sqlState(error: unknown): string | undefined {
  const code = codeOf(error);
  return code !== undefined && SQLSTATE.test(code) && /\d/.test(code) ? code : undefined;
}

/** True when the transaction was undone for a collision, so that it may simply be tried again. */
export function isCollision(error: unknown): boolean {
  const state = sqlState(error);
  return state === "40001" || state === "40P01";
}

/** True when the connection can be used no more. */
export function isBroken(error: unknown): boolean {
  if (error instanceof SojournError) return false;
  const state = sqlState(error);
  return state === undefined || /^(?:08|57P|25P03)/.test(state);
}

/** Wrap what a driver threw during `operation`; our own errors pass unchanged. */
export function storeFault(error: unknown, operation: string): Error {
  if (error instanceof SojournError) return error;
  const state = sqlState(error);
  const [text, retryable] =
    state === undefined
      ? UNREACHABLE
      : (ADVICE[state] ?? ADVICE[state.slice(0, 2)] ?? UNKNOWN_SERVER);
  const cause = bareCause(error, state);
  return new StoreUnavailableError(`${operation}: ${text}`, { cause, retryable });
}

/**
 * Code and class of the driver's error and no more: its properties may hold values of rows, or a
 * whole connection string.
 */
function bareCause(error: unknown, state: string | undefined): Error {
  const code = codeOf(error) ?? "no code";
  const kind = error instanceof Error ? error.name : typeof error;
  const what = state === undefined ? `${kind} (${code})` : `PostgreSQL error ${code}`;
  return Object.assign(new Error(what), { code });
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
