/** What one request has to say about its cookies; made only when there is something. */
import type { CookieRules } from "../http/cookie-rules.ts";
import type { ForwardedRules } from "../http/forwarded.ts";
import { tell } from "./cookie-notice.ts";
import type { CookieNotice, CredentialNotice, Notice, PlainNotice } from "./cookie-notice.ts";
import type { Core } from "./core.ts";
import type { AbsenceReason } from "./explain.ts";
import { absenceOf, callerOf, doubtOf, lookalike, peerOf, whyPlain } from "./notice-causes.ts";
import type { RequestView, ResponseHead } from "./request-view.ts";

interface Circumstances {
  readonly core: Core;
  readonly tenant: string;
  readonly forwarded: ForwardedRules;
  readonly view: RequestView;
  readonly rules: CookieRules;
  /** False where no credential may travel. */
  readonly encrypted: boolean;
}

export class Notices {
  readonly #in: Circumstances;
  #unused: CredentialNotice | undefined;
  /** For the header; development only. */
  #said: string | undefined;
  #caller: string | undefined;

  constructor(circumstances: Circumstances) {
    this.#in = circumstances;
  }

  /** Why this request counts as plain HTTP. */
  get plain(): PlainNotice {
    return whyPlain(this.#in.forwarded, this.#in.view);
  }

  /** Why there is no session. */
  get unused(): AbsenceReason {
    const { encrypted, rules, view } = this.#in;
    return this.#unused ?? (encrypted ? absenceOf(rules, view) : this.plain);
  }

  /** @returns nothing, which is the credential then. */
  ignore(why: CredentialNotice, event: Notice["event"] = "credential-ignored"): undefined {
    this.#unused = why;
    this.#tell({ event, why });
    return undefined;
  }

  lookAround(header: string): void {
    const like = lookalike(header, this.#in.rules);
    if (like !== undefined) this.ignore(like);
  }

  notSet(why: CookieNotice): void {
    this.#tell({ event: "cookie-not-set", why });
  }

  /** The cookie leaves: will it arrive? Asked where somebody listens. */
  doubt(head: ResponseHead, line: string): void {
    const { rules, view } = this.#in;
    const why = doubtOf(rules, view, head, line);
    if (why !== undefined) this.#tell({ event: "cookie-not-set", why, sent: true });
  }

  /** A change was asked for after the headers had left: remember where, for developers. */
  tooLate(): void {
    if (this.#in.core.development) this.#caller = callerOf(new Error("too late").stack);
  }

  leave(head: ResponseHead): void {
    if (this.#said !== undefined) head.set("sojourn-notice", this.#said);
  }

  #tell(notice: Pick<Notice, "event" | "why" | "sent">): void {
    const { core, tenant, rules } = this.#in;
    const detail = core.development ? this.#detail(notice.why) : undefined;
    const said = tell(core, tenant, { ...notice, cookie: rules.name, detail });
    if (said !== undefined) this.#said = this.#said === undefined ? said : `${this.#said} ${said}`;
  }

  #detail(why: string): string | undefined {
    if (why === "headers-sent") return this.#caller;
    return why === "proxy-not-trusted" ? peerOf(this.#in.view) : undefined;
  }
}
