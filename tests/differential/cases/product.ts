/** Every combination of the options that decide about writes and cookies, times what a handler
 * may do: the part of express-session that nobody can keep in mind. */
import { BEGAN_AT } from "../support/world.ts";
import type { Case, Options, StoreKind } from "../support/types.ts";

const READS = ["none", "read", "touch", "max-age", "no-age", "save", "reload"];
const WRITES = ["modify", "same", "revert", "deep", "drop", "modify-save", "save-modify"];
const LOADS = ["modify-reload", "reload-modify"];
const ENDS = ["destroy", "regenerate", "regenerate-modify", "null", "undefined", "delete"];

const COOKIES: Readonly<Record<string, Options>> = {
  "session cookie": {},
  "maxAge 60 s": { maxAge: 60_000 },
  "a fixed expires": { expires: new Date(BEGAN_AT + 30_000) },
};

const BOTH = [true, false] as const;
const STORES: readonly StoreKind[] = ["spied", "touchless"];
const FEW_STORES: readonly StoreKind[] = ["memory", "prompt"];

/** Without a session, with one, again after a while, and what is left. */
function scriptOf(kind: string): Case["script"] {
  return [
    { ask: `/${kind}`, jar: "fresh" },
    "/modify",
    { advance: 1_500 },
    `/${kind}`,
    { advance: 10_000 },
    `/${kind}`,
    "/read",
  ];
}

/** One group for each combination of options. */
export interface Group {
  readonly name: string;
  readonly cases: readonly Case[];
}

function groupOf(name: string, options: Options, stores: readonly StoreKind[]): Group {
  const cases = [...READS, ...WRITES, ...LOADS, ...ENDS].map((kind) => {
    return { name: `${name}: ${kind}`, options, stores, script: scriptOf(kind) };
  });
  return { name, cases };
}

/** All values of all options with each other, as one list of options. */
function combined(values: Readonly<Record<string, readonly unknown[]>>): Options[] {
  let all: Options[] = [{}];
  for (const [name, some] of Object.entries(values)) {
    all = all.flatMap((options) => some.map((value) => ({ ...options, [name]: value })));
  }
  return all;
}

const UNSET = ["keep", "destroy"];

export function product(): Group[] {
  const flags = combined({ resave: BOTH, saveUninitialized: BOTH, rolling: BOTH, unset: UNSET });
  return flags.flatMap((options) =>
    Object.entries(COOKIES).map(([label, cookie], at) => {
      const { unset, ...others } = options;
      const on = Object.keys(others).filter((name) => others[name] === true);
      const name = `${on.join(" + ") || "all off"}, unset ${String(unset)}, ${label}`;
      // Stores that differ only in when they answer are asked in part of the groups.
      const more = at === 1 ? FEW_STORES : [];
      return groupOf(name, { ...options, cookie }, [...STORES, ...more]);
    }),
  );
}
