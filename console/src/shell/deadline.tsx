/** The console's own session keeps the rules it shows: a warning, an answer, an end. */
import { useQueryClient } from "@tanstack/react-query";
import { call } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { useAct } from "../api/hooks.ts";
import type { Me } from "../api/types.ts";
import { Button } from "../ui/button.tsx";
import { spanWords, useNow } from "../ui/time.tsx";

const SECOND_MS = 1_000;
const WARN_MS = 120_000;

export function Deadline() {
  const { me } = useConsole();
  const client = useQueryClient();
  const act = useAct();
  const now = useNow();
  const { idleExpiresAt, absoluteExpiresAt } = me.session;
  const endsAt = Math.min(Date.parse(idleExpiresAt), Date.parse(absoluteExpiresAt));
  if (endsAt - now > WARN_MS) return null;
  const fixed = Date.parse(absoluteExpiresAt) <= endsAt;
  const stay = async (): Promise<void> => {
    const next = await call<Me>("/session/extend", { method: "POST" });
    client.setQueryData(["me"], next);
  };
  return (
    <div className="deadline" role="alert">
      <span>
        {fixed ? "Your time in the console is over " : "You will be signed out "}
        <span aria-hidden="true">in {spanWords((endsAt - now) / SECOND_MS)}</span>
        <span className="hidden-text">within two minutes</span>.
      </span>
      {fixed ? null : (
        <Button small busy={act.busy} onClick={() => void act.run(stay)}>
          Stay signed in
        </Button>
      )}
    </div>
  );
}
