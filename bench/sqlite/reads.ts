/** Reads of a large file through the public API, with bare SQL beside the ones that have a goal. */
import { randomBytes } from "node:crypto";
import { createSessions } from "sojourn";
import type { Sessions } from "sojourn";
import { SqliteStore } from "sojourn/stores/sqlite";
import { compare } from "../harness.ts";
import type { Case, Effort, Figure } from "../harness.ts";
import { Bare, Recorder, settingsOf } from "./bare.ts";
import type { Work } from "./bare.ts";
import { CROWD, crowdName, TENANT } from "./world.ts";
import type { RecordMaker } from "./world.ts";

const OPENED = 2000;
/** Different places that one figure reads, so that no page is always warm. */
const PLACES = 500;

export interface ReadWorld {
  readonly path: string;
  readonly maker: RecordMaker;
  readonly sessions: number;
  readonly now: number;
}

export interface Reads {
  readonly figures: readonly Figure[];
  /** Median of one page of 50 of one subject, milliseconds. */
  readonly pageMs: number;
}

export async function reads(world: ReadWorld, effort: Effort): Promise<Reads> {
  const recorder = new Recorder(world.path);
  const bare = new Bare(world.path, await settingsOf(recorder));
  const store = new SqliteStore({ path: world.path });
  const sessions = createSessions({ secrets: [randomBytes(32)], store, sweep: false });
  try {
    const cases = [
      ...(await pageCases(world, sessions, { recorder, bare })),
      ...(await findCases(sessions)),
      ...queryCases(world, sessions),
    ];
    const figures = await compare(cases, effort);
    return { figures, pageMs: (figures[0]?.wallUs ?? Number.NaN) / 1000 };
  } finally {
    await sessions.close();
    await store.close();
    await recorder.close();
    bare.close();
  }
}

async function pageCases(
  world: ReadWorld,
  sessions: Sessions,
  { recorder, bare }: { readonly recorder: Recorder; readonly bare: Bare },
): Promise<Case[]> {
  const crowds = world.sessions / 5 / CROWD;
  const subjects = Array.from({ length: PLACES }, () =>
    crowdName(Math.floor(Math.random() * crowds)),
  );
  const page = await sessions.subject(subjects[0] ?? "").list();
  if (page.items.length !== 50) throw new Error(`a page of ${page.items.length}, not of 50`);
  const list = (subject: string): Work => {
    return (store) => store.listBySubject(TENANT, subject, { now: Date.now(), limit: 50 });
  };
  const again: (() => void)[] = [];
  for (const subject of subjects) again.push(bare.replay(await recorder.record(list(subject))));
  return [
    {
      name: "page of 50 of one subject",
      run: each(subjects, (subject) => sessions.subject(subject).list()),
    },
    { name: "page of 50 of one subject, bare SQL", run: each(again, (replay) => replay()) },
  ];
}

/** A strict read each: nothing is cached between the caller and the file. */
async function findCases(sessions: Sessions): Promise<Case[]> {
  const tokens: string[] = [];
  const handles: string[] = [];
  let serial = 0;
  const open = async (): Promise<void> => {
    const data = { theme: "dark" };
    const opened = await sessions.open({ subject: `reader-${(serial += 1)}`, amr: ["pwd"], data });
    tokens.push(opened.token);
    handles.push(opened.session.id ?? "");
  };
  await Promise.all(Array.from({ length: OPENED }, open));
  return [
    { name: "authenticate, strict", run: each(tokens, (token) => sessions.authenticate(token)) },
    { name: "find by handle", run: each(handles, (handle) => sessions.find(handle)) },
    {
      name: "sessions.open, 64 callers, tokens minted",
      operations: 64,
      run: () => Promise.all(Array.from({ length: 64 }, open)),
    },
    { name: "sessions.open, one caller", run: open },
  ];
}

function queryCases({ now, sessions: size }: ReadWorld, sessions: Sessions): Case[] {
  const places = Array.from({ length: PLACES }, () => now - Math.floor(Math.random() * size));
  const names = places.map((_, index) => crowdName(index % (size / 5 / CROWD)));
  return [
    { name: "query, first page of 50", run: () => sessions.query({}) },
    {
      name: "query, page of 50 somewhere",
      run: each(places, (createdBefore) => sessions.query({ createdBefore })),
    },
    {
      name: "count of one subject's 100",
      run: each(names, (name) => sessions.subject(name).count()),
    },
    { name: "count, stops at 10 000", run: () => sessions.count() },
  ];
}

/** One after the other, and again from the start. */
function each<Item>(items: readonly Item[], run: (item: Item) => unknown): () => unknown {
  let next = 0;
  return () => {
    const item = items[next % items.length] as Item;
    next += 1;
    return run(item);
  };
}
