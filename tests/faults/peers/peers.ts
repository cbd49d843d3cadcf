/** What is compared: the peers and Sojourn, each behind the same eight calls. */
import type { StoreSpec } from "../messages.ts";
import type { SubjectUnderTest } from "../subject.ts";

export interface PeerEntry {
  readonly title: string;
  /** Address of the module that worker processes load. */
  readonly module: string;
  /** Calls for which it has no answer at all: no failure, but nothing to count either. */
  readonly lacks: readonly (keyof SubjectUnderTest)[];
  load(spec: StoreSpec): Promise<SubjectUnderTest>;
}

function entry(title: string, file: string, lacks: PeerEntry["lacks"] = []): PeerEntry {
  const module = new URL(file, import.meta.url).href;
  return {
    title,
    module,
    lacks,
    load: async (spec) => {
      const made = (await import(module)) as {
        makeSubject(spec: StoreSpec): Promise<SubjectUnderTest>;
      };
      return made.makeSubject(spec);
    },
  };
}

export const peers: Readonly<Record<string, PeerEntry>> = {
  "express-session": entry("express-session + connect-redis", "./express-session.ts", [
    "revokeSubject",
    "revokeOthers",
    "list",
    "rotate",
  ]),
  "better-auth": entry("better-auth", "./better-auth.ts", ["rotate"]),
  sojourn: entry("Sojourn", "../sojourn-subject.ts"),
};
