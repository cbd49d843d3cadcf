/**
 * The store contract as data: run every case against the real engine, one after another, with any
 * test runner or none. A store is finished when all of them pass.
 */
import type { StoreCapabilities } from "../engine/ports.ts";
import { applyCases } from "./cases/apply.ts";
import { createCases } from "./cases/create.ts";
import { dataCases } from "./cases/data.ts";
import { decisionCases } from "./cases/decisions.ts";
import { limitCases } from "./cases/limits.ts";
import { listCases } from "./cases/list.ts";
import { nameCases } from "./cases/names.ts";
import { purgeCases } from "./cases/purge.ts";
import { queryCases } from "./cases/query.ts";
import { replacesCases } from "./cases/replaces.ts";
import { revokeCases } from "./cases/revoke.ts";
import { scanCases } from "./cases/scan.ts";
import { subjectCases } from "./cases/subject.ts";
import { sweepCases } from "./cases/sweep.ts";
import { tailCases } from "./cases/tail.ts";
import { touchCases } from "./cases/touch.ts";
import { walkCases } from "./cases/walk.ts";
import type { StoreCase } from "./store-case.ts";

function themed(theme: string, cases: readonly StoreCase[]): readonly StoreCase[] {
  return cases.map((one) => ({ ...one, name: `${theme}: ${one.name}` }));
}

/** Every promise of `SessionStore`, in the order of the contract. */
export const storeCases: readonly StoreCase[] = [
  ...themed("create", createCases),
  ...themed("limits", limitCases),
  ...themed("replaces", replacesCases),
  ...themed("find and replace", decisionCases),
  ...themed("data", dataCases),
  ...themed("touch", touchCases),
  ...themed("revoke", revokeCases),
  ...themed("subject", subjectCases),
  ...themed("list", listCases),
  ...themed("query", queryCases),
  ...themed("scan", scanCases),
  ...themed("sweep", sweepCases),
  ...themed("tail", tailCases),
  ...themed("apply", applyCases),
  ...themed("purge", purgeCases),
  ...themed("names", nameCases),
  ...themed("walk", walkCases),
];

/** The cases that a store with these capabilities has to pass. */
export function storeCasesFor(capabilities: StoreCapabilities): readonly StoreCase[] {
  return storeCases.filter((one) => one.needs === undefined || one.needs(capabilities));
}
