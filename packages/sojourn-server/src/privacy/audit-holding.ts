/** What the audit trail tells of a person, and what a person did in it. */
import type { AuditLog } from "../audit/audit-log.ts";
import { viewOfEntry } from "../audit/formats.ts";
import type { TrailReader } from "../audit/trail-reader.ts";
import { ERASED } from "../audit/trail.ts";
import type { Trail } from "../audit/trail.ts";
import type { Holding, Order, Person } from "./holding.ts";

export interface AuditHoldingParts {
  readonly trail: Trail;
  readonly reader: TrailReader;
  readonly log: AuditLog;
}

export class AuditHolding implements Holding {
  readonly name = "audit";
  readonly late = true;
  readonly #parts: AuditHoldingParts;

  constructor(parts: AuditHoldingParts) {
    this.#parts = parts;
  }

  async *export({ tenant, subject }: Person): AsyncGenerator<object> {
    const { reader } = this.#parts;
    for await (const entry of reader.entries({ tenant, subject })) yield viewOfEntry(entry);
    for await (const entry of reader.entries({ tenant, actor: subject })) {
      if (entry.subject !== subject) yield viewOfEntry(entry);
    }
  }

  /** @returns 1 when there was anything. */
  async erase({ tenant, subject }: Person, { actor, cause, request }: Order): Promise<number> {
    const { trail, log } = this.#parts;
    // What this process has just told of it goes, too.
    await log.drain();
    const done = await trail.erase(tenant, subject, (ref) => {
      const about = {
        ...(cause === undefined ? {} : { cause }),
        ...(request === undefined ? {} : { request }),
        detail: { ref },
      };
      return log.entry(ERASED, actor, about, tenant);
    });
    return done ? 1 : 0;
  }
}
