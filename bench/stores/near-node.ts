/**
 * A process with near-caches, told by its parent what to do: `{ warm: token }` keeps a session near
 * in each and answers; from then on it says when each refuses the token.
 */
import { argv, hrtime } from "node:process";
import { createSessions } from "sojourn";
import type { Sessions } from "sojourn";
import { storeByUrl } from "./by-url.ts";

const [url = "", secret = "", count = "1", stalenessMs = "2000"] = argv.slice(2);
const POLL_MS = 1;

const nodes: Sessions[] = Array.from({ length: Number(count) }, () =>
  createSessions({
    store: storeByUrl(url),
    secrets: [secret],
    stalenessMs: Number(stalenessMs),
    sweep: false,
    warn: () => undefined,
  }),
);

function isActive(sessions: Sessions, token: string): Promise<boolean> {
  return sessions.authenticate(token, { activity: false }).then(({ state }) => state === "active");
}

/** Until it is answered from memory: then a refusal is the near-cache's doing. */
async function keepNear(sessions: Sessions, token: string): Promise<void> {
  const { store } = sessions.inside().core;
  const { session } = (await sessions.authenticate(token, { activity: false })) as {
    session?: { id: string | null };
  };
  const ref = { tenant: "default", id: session?.id?.slice("ses_".length) ?? "" };
  while (store.near?.peek(ref) === undefined) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    await isActive(sessions, token);
  }
}

function refused(sessions: Sessions, token: string): Promise<bigint> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      isActive(sessions, token).then(
        (active) => (active ? setTimeout(look, POLL_MS) : resolve(hrtime.bigint())),
        reject,
      );
    };
    look();
  });
}

process.on("message", ({ warm }: { warm: string }) => {
  void Promise.all(nodes.map((sessions) => keepNear(sessions, warm))).then(() => {
    process.send?.({ warmed: true });
    for (const sessions of nodes) {
      void refused(sessions, warm).then((at) => process.send?.({ refusedAt: String(at) }));
    }
  });
});
process.on("disconnect", () => process.exit(0));
