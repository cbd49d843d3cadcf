/** A process of its own with sessions on a shared SQLite file: ends sessions, redeems tickets. */
import { createSessions } from "sojourn";
import { SqliteStore } from "sojourn/stores/sqlite";

export type Task =
  | { readonly task: "revoke"; readonly handle: string }
  | { readonly task: "lock"; readonly handle: string }
  | { readonly task: "redeem"; readonly ticket: string };

const [path = "", secret = ""] = process.argv.slice(2);
const store = new SqliteStore({ path });
const sessions = createSessions({ store, secrets: [secret], sweep: false, warn: () => undefined });

async function run(task: Task): Promise<boolean> {
  if (task.task === "revoke") return (await sessions.revoke(task.handle)) !== undefined;
  if (task.task === "redeem") return (await sessions.tickets.redeem(task.ticket)) !== undefined;
  const session = await sessions.find(task.handle);
  await session?.lock();
  return session !== undefined;
}

process.on("message", (task: Task) => {
  run(task).then(
    // When it was acknowledged, by a clock that both processes read.
    (done) => process.send?.({ done, at: performance.timeOrigin + performance.now() }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on("disconnect", () => void sessions.close().then(() => store.close()));
process.send?.({ ready: true });
