/** Short notes about what was done. They are read out, stay 8 s, and can be closed. */
import { createContext, useCallback, useContext, useMemo, useRef, useState } from "react";
import type { ReactNode } from "react";
import { IconButton } from "./button.tsx";

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly bad: boolean;
}

const STAY_MS = 8_000;
type Say = (text: string, bad?: boolean) => void;
const SayContext = createContext<Say>(() => undefined);

export function useSay(): Say {
  return useContext(SayContext);
}

export function Toasts({ children }: { readonly children: ReactNode }) {
  const [toasts, setToasts] = useState<readonly Toast[]>([]);
  const count = useRef(0);
  const drop = useCallback((id: number) => {
    setToasts((all) => all.filter((toast) => toast.id !== id));
  }, []);
  const say = useCallback<Say>(
    (text, bad = false) => {
      count.current += 1;
      const id = count.current;
      setToasts((all) => [...all.slice(-3), { id, text, bad }]);
      setTimeout(() => drop(id), STAY_MS);
    },
    [drop],
  );
  const shown = useMemo(
    () =>
      toasts.map(({ id, text, bad }) => (
        <div key={id} className={bad ? "toast toast-bad" : "toast"}>
          <span>{text}</span>
          <IconButton icon="close" label="Close this note" onClick={() => drop(id)} />
        </div>
      )),
    [toasts, drop],
  );
  return (
    <SayContext value={say}>
      {children}
      <section className="toasts" aria-label="Notes" aria-live="polite">
        {shown}
      </section>
    </SayContext>
  );
}
