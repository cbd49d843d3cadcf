/** A line that says that the service is away, and goes by itself when it is back. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { call, wiring } from "../api/client.ts";

const ASK_EVERY_MS = 1_000;

export function Connection() {
  const client = useQueryClient();
  const [away, setAway] = useState(false);
  useEffect(() => {
    wiring.reachable = (yes) => setAway(!yes);
  }, []);
  useEffect(() => {
    if (!away) return undefined;
    const timer = setInterval(() => {
      // Whatever is answered, somebody is there again.
      call("/session", { background: true }).catch(() => undefined);
    }, ASK_EVERY_MS);
    return () => {
      clearInterval(timer);
      void client.invalidateQueries();
    };
  }, [away, client]);
  return (
    <div role="status">
      {away ? (
        <p className="connection">
          The service does not answer; it may be restarting. What you see is what it said last.
        </p>
      ) : null}
    </div>
  );
}
