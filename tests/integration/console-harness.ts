/** Somebody at the web console of a test service. */
import { Authenticator } from "../support/passkey.ts";
import { at, send, startTestService } from "./service-harness.ts";
import type { Answer, Json, Sent, Setup, TestService } from "./service-harness.ts";
import type { ConsoleRole } from "../../packages/sojourn-server/src/control/console-users.ts";

export interface ConsoleService extends TestService {
  /** A token of a one-time link. */
  invite(name: string, role: ConsoleRole, tenants?: readonly string[]): Promise<string>;
  /** Somebody who has signed in by a link. */
  arrive(name: string, role: ConsoleRole, tenants?: readonly string[]): Promise<Visitor>;
}

/** What a page of the console's own sends. */
const PAGE = { "sec-fetch-site": "same-origin" } as const;

export class Visitor {
  readonly #url: string;
  readonly authenticator: Authenticator;
  cookie = "";

  constructor(url: string) {
    this.#url = url;
    this.authenticator = new Authenticator(`http://localhost:${new URL(url).port}`);
  }

  async send(method: string, path: string, sent: Sent = {}): Promise<Answer> {
    const host = `localhost:${new URL(this.#url).port}`;
    const headers = { host, ...PAGE, ...(this.cookie === "" ? {} : { cookie: this.cookie }) };
    const answer = await send(this.#url + path, method, {
      ...sent,
      headers: { ...headers, ...sent.headers },
    });
    for (const line of answer.headers["set-cookie"] ?? []) {
      this.cookie = /^sojourn-console=;|Max-Age=0/i.test(line) ? "" : (line.split(";")[0] ?? "");
    }
    return answer;
  }

  /** Make a passkey and confirm with it. */
  async enroll(): Promise<void> {
    const asked = await this.send("POST", "/console/passkeys/options");
    const response = this.authenticator.create(optionsIn(asked));
    const made = await this.send("POST", "/console/passkeys", { body: { response } });
    if (made.status !== 201) throw new Error(`${made.status} ${made.text}`);
    await this.stepUp();
  }

  async stepUp(): Promise<Answer> {
    const asked = await this.send("POST", "/console/session/step-up/options");
    const response = this.authenticator.get(optionsIn(asked));
    return this.send("POST", "/console/session/step-up", { body: { response } });
  }

  api(method: string, path: string, sent: Sent = {}): Promise<Answer> {
    return this.send(method, `/console/api${path}`, sent);
  }
}

export function optionsIn(answer: Answer): { readonly challenge: string } {
  const options = answer.json["options"] as { readonly challenge: string } | undefined;
  if (options === undefined) throw new Error(`${answer.status} ${answer.text}`);
  return options;
}

export async function startConsole(setup: Setup = {}): Promise<ConsoleService> {
  const s = await startTestService({
    ...setup,
    env: { SOJOURN_RATE_LIMIT: "0", ...setup.env },
  });
  const invite: ConsoleService["invite"] = async (name, role, tenants) => {
    const users = s.service.console?.users;
    if (users === undefined) throw new Error("this service has no console");
    return (await users.invite({ name, role, tenants })).token;
  };
  const arrive: ConsoleService["arrive"] = async (name, role, tenants) => {
    const visitor = new Visitor(s.service.url);
    const token = await invite(name, role, tenants);
    const answer = await visitor.send("POST", "/console/session/link", { body: { token } });
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
    return visitor;
  };
  return { ...s, invite, arrive };
}

export { at };
export type { Answer, Json };
