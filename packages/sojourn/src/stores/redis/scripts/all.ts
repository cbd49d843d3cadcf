/** Every script of an installation. */
import type { Names } from "../names.ts";
import { scriptOf, seldomScript } from "../link.ts";
import type { Script } from "../link.ts";
import { BURY, PUT, RAISE_TO } from "./apply.ts";
import { DUE_TAGS, ERASE, LAST, RAISE, REVOKE, SWEEP, WORK_OFF } from "./end.ts";
import { preludeFor } from "./prelude.ts";
import { FIND, LIST, SCAN } from "./read.ts";
import { CREATE, PATCH, REPLACE, TOUCH } from "./write.ts";

/** What must work when memory is full: every end, and activity, which takes no more of it. I10. */
const PRESSED = "allow-oom";
const READS = "no-writes";

export interface Scripts {
  readonly create: Script;
  readonly replace: Script;
  /** The same for a decision that ends or locks. */
  readonly replacePressed: Script;
  readonly patch: Script;
  readonly touch: Script;
  readonly revoke: Script;
  readonly raise: Script;
  readonly workOff: Script;
  readonly erase: Script;
  readonly dueTags: Script;
  readonly sweep: Script;
  readonly last: Script;
  readonly find: Script;
  readonly list: Script;
  readonly scan: Script;
  readonly put: Script;
  /** The same for a session that has ended. */
  readonly putPressed: Script;
  readonly raiseTo: Script;
  readonly bury: Script;
}

export function scriptsFor(names: Names): Scripts {
  const make = (name: string, body: string, flags?: string): Script =>
    scriptOf(name, preludeFor(names, body), flags);
  return {
    create: make("create", CREATE),
    replace: make("replace", REPLACE),
    replacePressed: make("replace", REPLACE, PRESSED),
    patch: make("patchData", PATCH),
    touch: make("touch", TOUCH, PRESSED),
    revoke: make("revoke", REVOKE, PRESSED),
    raise: make("revokeSubject", RAISE, PRESSED),
    workOff: make("revokeSubject", WORK_OFF, PRESSED),
    erase: make("purgeSubject", ERASE, PRESSED),
    dueTags: make("sweep", DUE_TAGS, READS),
    sweep: make("sweep", SWEEP, PRESSED),
    last: seldomScript("tail", preludeFor(names, LAST), READS),
    find: { ...make("find", FIND, READS), apart: true },
    list: make("list", LIST, READS),
    scan: seldomScript("scan", preludeFor(names, SCAN), READS),
    put: make("apply", PUT),
    putPressed: make("apply", PUT, PRESSED),
    raiseTo: make("apply", RAISE_TO, PRESSED),
    bury: make("apply", BURY, PRESSED),
  };
}
