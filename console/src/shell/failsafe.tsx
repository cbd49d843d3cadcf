/** A page that breaks leaves the frame standing, and can be tried again. */
import { Component } from "react";
import type { ReactNode } from "react";
import { Trouble } from "../ui/blocks.tsx";

interface FailsafeState {
  readonly error?: unknown;
}

export class Failsafe extends Component<{ readonly children: ReactNode }, FailsafeState> {
  override state: FailsafeState = {};

  static getDerivedStateFromError(error: unknown): FailsafeState {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    // A file of the page that is gone after an update comes with the new index.
    return <Trouble error={error} onRetry={() => window.location.reload()} />;
  }
}
