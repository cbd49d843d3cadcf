/** Every combination of the options that decide about writes and cookies, times what a handler
 * may do: the part of express-session that nobody can keep in mind. */
import { BEGAN_AT } from "../support/world.ts";
import type { Case, Options, StoreKind } from "../support/types.ts";

const KINDS = [
  ...["none", "read", "modify", "same", "revert", "deep", "drop", "touch", "max-age", "no-age"],
  ...["save", "modify-save", "save-modify", "reload", "modify-reload", "reload-modify"],
  ...["destroy", "regenerate", "regenerate-modify", "null", "undefined", "delete"],
] as const;

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
  const cases = KINDS.map((kind) => {
    return { name: `${name}: ${kind}`, options, stores, script: scriptOf(kind) };
  });
  return { name, cases };
}

export function product(): Group[] {
  const groups: Group[] = [];
  for (const resave of BOTH) {
    for (const saveUninitialized of BOTH) {
      for (const rolling of BOTH) {
        for (const unset of ["keep", "destroy"]) {
          for (const [label, cookie] of Object.entries(COOKIES)) {
            const flags = Object.entries({ resave, saveUninitialized, rolling });
            const on = flags.filter(([, value]) => value).map(([flag]) => flag);
            const name = `${on.join(" + ") || "all off"}, unset ${unset}, ${label}`;
            const options = { resave, saveUninitialized, rolling, unset, cookie };
            // Stores that differ only in when they answer are asked in every second group.
            const more = groups.length % 2 === 0 ? FEW_STORES : [];
            groups.push(groupOf(name, options, [...STORES, ...more]));
          }
        }
      }
    }
  }
  return groups;
}
