/** What happens now, told by the service; repeated entries are dropped. */
import { useEffect, useEffectEvent, useState } from "react";
import { call, queryText, wiring } from "./client.ts";
import type { AuditEntry } from "./types.ts";

const REMEMBERED_MAX = 1_000;
const AGAIN_MS = 1_000;
const AGAIN_MS_MAX = 8_000;

interface LiveHandlers {
  readonly onEntry: (entry: AuditEntry) => void;
  /** Entries are missing, or may be: what is shown has to be read anew. */
  readonly onGap: () => void;
}

interface Ears extends LiveHandlers {
  readonly onState: (state: LiveState) => void;
}

export type LiveState = "connecting" | "live" | "lost";

/** A stream that comes back: the browser gives up for good when it is answered 503. */
function listen(tenant: string, ears: Ears): () => void {
  const seen = new Set<string>();
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waitMs = AGAIN_MS;
  let lost = false;
  let stopped = false;
  const heard = ({ data }: MessageEvent<string>): void => {
    const told = JSON.parse(data) as AuditEntry;
    if (seen.has(told.id)) return;
    if (seen.size >= REMEMBERED_MAX) seen.clear();
    seen.add(told.id);
    ears.onEntry(told);
  };
  const failed = (): void => {
    lost = true;
    ears.onState("lost");
    if (source?.readyState !== EventSource.CLOSED || stopped) return;
    // An ended console session is answered in words here.
    call("/session", { background: true }).catch((error: unknown) => {
      if ((error as { status?: number }).status === 401) wiring.signedOut(undefined);
    });
    timer = setTimeout(open, waitMs);
    waitMs = Math.min(waitMs * 2, AGAIN_MS_MAX);
  };
  const open = (): void => {
    source = new EventSource(`/console/api/v1/events${queryText({ tenant })}`);
    source.addEventListener("hello", () => {
      waitMs = AGAIN_MS;
      ears.onState("live");
      if (lost) ears.onGap();
      lost = false;
    });
    source.addEventListener("entry", heard);
    source.addEventListener("gap", ears.onGap);
    source.addEventListener("ended", ({ data }: MessageEvent<string>) => {
      stop();
      wiring.signedOut((JSON.parse(data) as { reason?: string }).reason);
    });
    source.addEventListener("error", failed);
  };
  const stop = (): void => {
    stopped = true;
    clearTimeout(timer);
    source?.close();
  };
  open();
  return stop;
}

export function useLive(tenant: string, { onEntry, onGap }: LiveHandlers): LiveState {
  const [state, setState] = useState<LiveState>("connecting");
  const entry = useEffectEvent(onEntry);
  const gap = useEffectEvent(onGap);
  useEffect(
    () =>
      listen(tenant, {
        onEntry: (told) => entry(told),
        onGap: () => gap(),
        onState: setState,
      }),
    [tenant],
  );
  return state;
}
