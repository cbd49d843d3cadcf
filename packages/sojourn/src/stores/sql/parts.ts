/**
 * Positional JSON: an array without keys whose trailing defaults are cut off. 0 stands for
 * "absent", so a number that may be 0 is wrapped in an array of its own.
 */
import type { Assurance } from "../../engine/record.ts";

export type Part = string | number | readonly Part[];
export type Parts = readonly (Part | undefined)[];

/** `[authTime, amr, factors, acr, elevatedUntil]`; factors left out when `amr` says it all. */
export function assuranceParts(assurance: Assurance, createdAt: number): Part[] {
  const { amr, factors, authTime } = assurance;
  const plain =
    factors.length === amr.length &&
    factors.every((factor, index) => factor.method === amr[index] && factor.at === authTime);
  return trimmed([
    authTime - createdAt,
    [...amr],
    plain ? 0 : factors.flatMap((factor) => [factor.method, factor.at - createdAt]),
    assurance.acr,
    assurance.elevatedUntil === undefined ? 0 : [assurance.elevatedUntil - createdAt],
  ]);
}

export function decodeAssurance(part: Part | undefined, createdAt: number): Assurance {
  const [time, methods, given, acr, elevated] = listOf(part);
  const amr = listOf(methods) as string[];
  const authTime = createdAt + numberOf(time);
  return {
    ...(typeof acr === "string" ? { acr } : {}),
    amr,
    authTime,
    factors: Array.isArray(given)
      ? pairs(given as Part[]).map(([method, at]) => ({
          method: String(method),
          at: createdAt + numberOf(at),
        }))
      : amr.map((method) => ({ method, at: authTime })),
    ...(Array.isArray(elevated) ? { elevatedUntil: createdAt + numberOf(elevated[0]) } : {}),
  };
}

/** @returns `null` when all is default. */
export function json(parts: Parts): string | null {
  const kept = trimmed(parts);
  return kept.length === 0 ? null : JSON.stringify(kept);
}

function trimmed(parts: Parts): Part[] {
  const kept = parts.map((part) => part ?? 0);
  while (kept.length > 0 && kept.at(-1) === 0) kept.pop();
  return kept;
}

export function optional(text: string | undefined): string[] {
  return text === undefined ? [] : [text];
}

export function parse(value: unknown): Part[] {
  return typeof value === "string" ? (JSON.parse(value) as Part[]) : [];
}

export function listOf(part: Part | undefined): Part[] {
  return Array.isArray(part) ? (part as Part[]) : [];
}

export function numberOf(part: Part | undefined): number {
  return typeof part === "number" ? part : 0;
}

export function pairs(parts: readonly Part[]): [Part | undefined, Part | undefined][] {
  const list: [Part | undefined, Part | undefined][] = [];
  for (let index = 0; index < parts.length; index += 2) list.push([parts[index], parts[index + 1]]);
  return list;
}
