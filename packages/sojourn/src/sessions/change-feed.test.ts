import { describe, expect, it } from "vitest";
import type { SessionStore, StoreChange, TailHandlers } from "../engine/ports.ts";
import { ChangeFeed } from "./change-feed.ts";

const CHANGE = { kind: "subject", tenant: "t", subject: "alice", epoch: 1 } as const;

describe("a change feed whose store refuses to be followed", () => {
  it("keeps no listener that was told so", () => {
    let refuses = true;
    let tell: TailHandlers["change"] = () => undefined;
    const tail: SessionStore["tail"] = (_from, handlers) => {
      if (refuses) throw new Error("closed");
      tell = handlers.change.bind(handlers);
      return { close: () => undefined };
    };
    const feed = new ChangeFeed({ tail }, () => undefined);
    const heard: StoreChange[] = [];
    const add = () => feed.add({ change: (change) => void heard.push(change) });
    expect(add).toThrow("closed");
    refuses = false;
    add();
    tell({ ...CHANGE, position: "1" });
    expect(heard).toHaveLength(1);
  });
});
