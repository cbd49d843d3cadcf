/**
 * Terms: numbers that stand for what can be asked for, of live and of ended sessions apart. A
 * keyed hash of 48 bits, so that rows are small, ordered well, and name nobody; two things may
 * share one, which costs a look at the session and nothing else.
 */
import { hash } from "node:crypto";
import type { SessionSummary, StoredSession } from "sojourn";
import { facetsOf, stateAsked, wanted } from "./facets.ts";
import type { SearchFilter } from "./facets.ts";

const TERM_BYTES = 6;

type Part = "live" | "ended";

/** One range of the index: rows that have all of its terms. */
export type Source = readonly number[];

/** What is filed of a session. */
export interface Filing {
  readonly createdAt: number;
  readonly endedAt: number | null;
  readonly terms: readonly number[];
}

export class Terms {
  readonly #salt: string;

  /** @param salt Of this index alone. */
  constructor(salt: string) {
    this.#salt = salt;
  }

  filing({ record, subjectEpoch }: StoredSession): Filing {
    // The epoch ends all of a subject's sessions at once, before any row says so.
    const overtaken = record.subject !== null && record.epoch < subjectEpoch;
    const reason = record.end?.reason ?? (overtaken ? "subject_revoked" : undefined);
    const { createdAt, tenant } = record;
    const part = reason === undefined ? "live" : "ended";
    const words = [["all", ""], ...facetsOf(record).filter(isFiled)] as (readonly [
      string,
      string,
    ])[];
    words.push(...(reason === undefined ? statesOf(record) : [["reason", reason] as const]));
    const terms = words.map(([facet, value]) => this.#term(tenant, part, facet, value));
    const endedAt = reason === undefined ? null : (record.end?.at ?? createdAt);
    return { createdAt, endedAt, terms: [...new Set(terms)] };
  }

  /** All live sessions of a subject that are filed. */
  subject(tenant: string, subject: string): number {
    return this.#term(tenant, "live", "subject", subject);
  }

  /** Where the sessions are that a filter asks for. Live ones first: ends move on from there. */
  sources(tenant: string, filter: SearchFilter): readonly Source[] {
    const asked = stateAsked(filter);
    const facets = wanted(filter).filter(isFiled);
    const source = (part: Part, ...more: readonly (readonly [string, string])[]): Source => {
      const all = [...facets, ...more];
      const terms = all.map(([facet, value]) => this.#term(tenant, part, facet, value));
      return terms.length === 0 ? [this.#term(tenant, part, "all", "")] : terms;
    };
    const ended = filter.reason === undefined ? [] : [["reason", filter.reason] as const];
    switch (asked) {
      case "any":
        if (filter.reason !== undefined) return [source("ended", ...ended)];
        return [source("live"), source("ended")];
      case "ended":
        return [source("ended", ...ended)];
      case "locked":
        return [source("live", ["state", "locked"]), source("live", ["state", "locks"])];
      case "pending":
        return [source("live", ["state", "pending"])];
      case "active":
      case "live":
        return [source("live")];
    }
  }

  #term(tenant: string, part: Part, facet: string, value: string): number {
    const text = JSON.stringify([this.#salt, tenant, part, facet, value]);
    return hash("sha256", text, "buffer").readUIntBE(0, TERM_BYTES);
  }
}

/** What a live session may be besides active; idleness locks without a word. */
function statesOf(record: SessionSummary): readonly (readonly [string, string])[] {
  const { state, idleLockFactors } = record;
  if (state !== "active") return [["state", state]];
  return idleLockFactors > 0 ? [["state", "locks"]] : [];
}

/** What nearly every session has would only be read in vain. */
function isFiled([facet, value]: readonly [string, string]): boolean {
  return facet !== "kind" || value !== "user";
}
