/** What tests of stores and applications need: the store contract, a clock by hand, faults. */
export { storeCases, storeCasesFor } from "./store-cases.ts";
export { caseKit } from "./store-case.ts";
export type { CaseKit, CaseKitOptions, RecordChanges, StoreCase } from "./store-case.ts";
export { CaseFailure } from "./expect.ts";
export { ManualClock } from "./manual-clock.ts";
export { InsecureSeededEntropy } from "./seeded-entropy.ts";
export { FaultyStore } from "./faulty-store.ts";
export type { FaultKind, FaultRates, FaultyStoreOptions, StoreOperation } from "./faulty-store.ts";
export { SeededRandom } from "./random.ts";
export { checkHistory } from "./history-check.ts";
export type { HistoryOptions } from "./history-check.ts";
export type {
  Evidence,
  HistoryFigures,
  HistoryInvariant,
  HistoryVerdict,
  Violation,
} from "./history-verdict.ts";
export { HistoryError, readHistory } from "./history.ts";
export type {
  HistoryAnswer,
  HistoryEvent,
  HistoryHappening,
  HistoryOperation,
  OperationKind,
  OperationOutcome,
} from "./history.ts";
