/** What changes cost, through the public API, on the memory store, beside another library's. */
import { randomBytes } from "node:crypto";
import session from "express-session";
import type { SessionData, SessionStore } from "express-session";
import { createSessions } from "sojourn";
import { compare } from "../harness.ts";
import type { Case, Effort, Figure } from "../harness.ts";
import { round } from "../report.ts";
import type { Section } from "../report.ts";

const REVOKE_ALL_SESSIONS = 100;
/** Their store never forgets: ids come round again, or memory would be what is measured. */
const PEER_SESSIONS = 1_000;

export async function lifecycle(effort: Effort): Promise<Section> {
  const secrets = [randomBytes(32).toString("base64url")];
  const unlimited = {
    extends: "saas",
    concurrency: { max: null },
    justification: "benchmarks open many sessions of one subject",
  } as const;
  const sessions = createSessions<{ count: number }>({ secrets, policy: unlimited, sweep: false });
  const { session } = await sessions.open({ subject: "alice" });
  let serial = 0;
  const open = (): Promise<unknown> => sessions.open({ subject: `user-${(serial += 1)}` });
  const figures = await compare(
    [
      { name: "open", run: open },
      { name: "extend (a touch, written through)", run: () => session.extend() },
      { name: "set one key", run: () => session.set("count", (serial += 1)) },
      {
        name: "update, atomic",
        run: () => session.update((draft) => void (draft.count = (draft.count ?? 0) + 1)),
      },
      { name: "rotate, hard", run: () => session.rotate() },
      ...peerCases(),
      {
        name: "open and revoke",
        run: async () => {
          const opened = await sessions.open({ subject: `user-${(serial += 1)}` });
          await sessions.revoke(opened.session.id ?? "");
        },
      },
      {
        name: `open ${REVOKE_ALL_SESSIONS} and revoke all, per session`,
        operations: REVOKE_ALL_SESSIONS,
        run: async () => {
          const subject = `crowd-${(serial += 1)}`;
          for (let index = 0; index < REVOKE_ALL_SESSIONS; index += 1)
            await sessions.open({ subject });
          await sessions.subject(subject).revokeAll();
        },
      },
    ],
    effort,
  );
  await sessions.close();
  const title = "Changes, through the public API, memory store";
  return { title, figures, goals: [], notes: ratios(figures) };
}

/** Their store alone: no token is made, no epoch read, no index kept. */
function peerCases(): Case[] {
  const store: SessionStore = new session.MemoryStore();
  const data: SessionData = { cookie: { originalMaxAge: 60_000 }, user: "alice" };
  let serial = 0;
  const done = (act: (heard: () => void) => void): Promise<void> => new Promise(act);
  return [
    {
      name: "express-session store: set",
      run: () => done((heard) => store.set(`id-${(serial += 1) % PEER_SESSIONS}`, data, heard)),
    },
    {
      name: "express-session store: touch",
      run: () => done((heard) => store.touch("id-1", data, heard)),
    },
    {
      name: "express-session store: destroy",
      run: () => done((heard) => store.destroy("id-0", heard)),
    },
  ];
}

function ratios(figures: readonly Figure[]): string[] {
  const wall = (name: string): number =>
    figures.find((figure) => figure.name.startsWith(name))?.wallUs ?? Number.NaN;
  return [
    `set one key takes ${round(wall("set one key") / wall("express-session store: set"))} × ` +
      "express-session's set of the whole session",
    `extend takes ${round(wall("extend") / wall("express-session store: touch"))} × its touch`,
  ];
}
