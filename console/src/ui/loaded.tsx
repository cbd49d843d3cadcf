import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Bones, Trouble } from "./blocks.tsx";

interface LoadedProps<Value> {
  readonly of: UseQueryResult<Value>;
  /** As high as what comes, so that nothing jumps. */
  readonly bones?: ReactNode;
  readonly children: (value: Value) => ReactNode;
}

/** The three faces of what is read: on its way, there, or in trouble. Old data outlives trouble. */
export function Loaded<Value>({ of, bones, children }: LoadedProps<Value>) {
  if (of.data !== undefined) return <>{children(of.data)}</>;
  if (of.isError) return <Trouble error={of.error} onRetry={() => void of.refetch()} />;
  return (
    <div aria-busy="true">
      <span className="hidden-text">Loading</span>
      {bones ?? <Bones />}
    </div>
  );
}
