/** What changes cost, through the public API, on the memory store. */
import { randomBytes } from "node:crypto";
import { createSessions } from "sojourn";
import { compare } from "../harness.ts";
import type { Effort } from "../harness.ts";
import type { Section } from "../report.ts";

const REVOKE_ALL_SESSIONS = 100;

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
  return { title: "Changes, through the public API, memory store", figures, goals: [] };
}
