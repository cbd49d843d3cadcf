/** Every way a session ends or is erased. The first end is kept. Invariants I2, I5. */
import { summaryOf } from "../../engine/liveness.ts";
import type {
  EndedSession,
  RevokeOptions,
  RevokeResult,
  RevokeSubjectOptions,
  RevokeSubjectResult,
  SessionRef,
  SweepOptions,
  SweepResult,
} from "../../engine/ports.ts";
import { overdueEnd } from "../../engine/liveness.ts";
import type { SessionEnd } from "../../engine/record.ts";
import type { Durability } from "../../protocol/words.ts";
import type { Written } from "./durable.ts";
import type { Base, Ground } from "./ground.ts";
import { forgetSubject, groupsOf } from "./log.ts";
import type { SubjectPlace } from "./names.ts";
import { sessionName } from "./names.ts";
import { summariesOf } from "./reads.ts";
import { decodeRecord, endText, reasonNumber } from "./row.ts";

/** Sessions one script ends: a few milliseconds in which the server does nothing else. */
const CHUNK = 500;
/** Entries one step of the sweep looks at, beside those it ends or erases. */
const LOOKED_AT_MAX = 1_000;

export class Ends {
  readonly #ground: Ground;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  async revoke(ref: SessionRef, end: SessionEnd, options: RevokeOptions): Promise<RevokeResult> {
    const { names, scripts } = await this.#ground.ready();
    const place = names.session(ref);
    const key = names.key("s", place.tag, place.name);
    const args = [place.tag, place.name, ...endArguments(end), `${options.tombstoneUntil ?? ""}`];
    const written = await this.#ground.durably(scripts.revoke, [key], args, options.durability);
    const { durability } = written;
    const [outcome, row] = written.value as [Buffer, Buffer | undefined];
    if (row === undefined) return { outcome: "absent", durability };
    const found = decodeRecord(row, ref);
    const record = summaryOf(found);
    if (String(outcome) === "ended") return { outcome: "ended", record, end, durability };
    return { outcome: "already", record, end: found.end ?? end, durability };
  }

  /** The epoch ends all of them at once; then their rows are ended in short steps. */
  async revokeSubject(
    tenant: string,
    subject: string,
    options: RevokeSubjectOptions,
  ): Promise<RevokeSubjectResult> {
    const base = await this.#ground.ready();
    const place = base.names.subject(tenant, subject);
    const { end, except, above } = options;
    const { value, durability } = await this.#raise(base, place, {
      subject,
      except: except === undefined ? "" : sessionName({ tenant, id: except }),
      above,
      wanted: options.durability,
    });
    const [epoch, before] = value as [number, number];
    const ended: EndedSession[] = [];
    let [more, offset] = [1, 0];
    while (more === 1) {
      const args = [`${epoch}`, `${offset}`, `${CHUNK}`, ...endArguments(end)];
      const reply = await this.#ground.link.run(base.scripts.workOff, [place.index], args);
      const [again, kept, ...pairs] = reply as [number, number, ...Buffer[]];
      [more, offset] = [again, kept];
      for (const record of summariesOf(pairs)) ended.push({ record, end });
    }
    return { epoch, before, ended, durability };
  }

  async purgeSubject(tenant: string, subject: string, now: number): Promise<number> {
    const base = await this.#ground.ready();
    const place = base.names.subject(tenant, subject);
    await this.#raise(base, place, { subject, except: "" });
    let purged = 0;
    let looked = CHUNK;
    while (looked === CHUNK) {
      const args = [`${CHUNK}`, `${now}`];
      const reply = await this.#ground.link.run(base.scripts.erase, [place.index], args);
      const [erased = 0, names = 0] = reply as number[];
      purged += erased;
      looked = names;
    }
    const { names } = base;
    const { link } = this.#ground;
    const whom = { part: place.tenantPart, subject };
    // Ids that another program made may lie in other buckets than their subject's.
    const buckets = link.together ? names.all : [place.bucket];
    await Promise.all(buckets.map((bucket) => forgetSubject(link, names.log(bucket), whom)));
    return purged;
  }

  /** Each step is short; several workers at once share the work. */
  async sweep({ now, limit, purgeBefore }: SweepOptions): Promise<SweepResult> {
    const base = await this.#ground.ready();
    const { names, scripts } = base;
    const { link } = this.#ground;
    const before = `${purgeBefore ?? ""}`;
    const ended: EndedSession[] = [];
    let purged = 0;
    for (const tag of await this.#dueTags(base, now, before)) {
      const room = limit - ended.length - purged;
      if (room <= 0) return { ended, purged, more: true };
      const args = [tag, `${now}`, `${Math.min(room, CHUNK)}`, before, `${LOOKED_AT_MAX}`];
      const reply = await link.run(scripts.sweep, [names.key("w", tag, "")], args);
      const [more, erased, ...pairs] = reply as [number, number, ...Buffer[]];
      purged += erased;
      for (const record of summariesOf(pairs)) {
        const end = overdueEnd(record, now);
        if (end !== undefined) ended.push({ record, end });
      }
      if (more === 1) return { ended, purged, more: true };
    }
    return { ended, purged, more: false };
  }

  async #dueTags({ names, scripts }: Base, now: number, before: string): Promise<string[]> {
    const { link } = this.#ground;
    const asked = groupsOf(link, names.all).map((group) => {
      const tags = group.map((bucket) => names.tag(bucket));
      const key = names.key("w", tags[0] ?? "", "");
      return link.run(scripts.dueTags, [key], [`${now}`, before, ...tags]);
    });
    return ((await Promise.all(asked)).flat() as Buffer[]).map(String);
  }

  /** @returns the new epoch and the one before it as `value`. */
  #raise(
    { scripts }: Base,
    place: SubjectPlace,
    whom: {
      readonly subject: string;
      readonly except: string;
      readonly above?: number | undefined;
      readonly wanted?: Durability | undefined;
    },
  ): Promise<Written> {
    const { subject, except, above = 0 } = whom;
    const args = [place.tag, place.tenantPart, subject, except, `${above}`];
    return this.#ground.durably(scripts.raise, [place.epoch, place.index], args, whom.wanted);
  }
}

function endArguments(end: SessionEnd): string[] {
  return [`${reasonNumber(end)}`, `${end.at}`, endText(end)];
}
