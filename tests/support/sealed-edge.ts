/** workerd with the edge function in it. */
import { Miniflare } from "miniflare";
import { flatModules } from "./flat-modules.ts";

export interface EdgeSettings {
  readonly service: string;
  readonly serviceKey: string;
  readonly secret: string;
  readonly issuer: string;
  readonly boundMs: number;
  readonly renewEveryMs: number;
}

export interface EdgeAnswer {
  readonly status: number;
  readonly setCookies: readonly string[];
  readonly headers: { get(name: string): string | null };
  /** `{}` where the edge itself refused. */
  readonly standing: Readonly<Record<string, unknown>>;
  /** Paths that were asked for, since the last answer of the handler. */
  readonly calls: readonly string[];
  readonly troubles: readonly string[];
  readonly text: string;
}

export interface Edge {
  ask(cookies: string, path?: string, init?: EdgeRequest): Promise<EdgeAnswer>;
  stop(): Promise<void>;
}

export interface EdgeRequest {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const WORKER = "tests/support/sealed-edge-worker";

export function startEdge(settings: EdgeSettings): Edge {
  const main = `${WORKER}.js`;
  const modules = flatModules(`${WORKER}.ts`);
  const flare = new Miniflare({
    modulesRoot: "/",
    modules: modules
      .toSorted((a, b) => Number(b.path === main) - Number(a.path === main))
      .map(({ path, text }) => ({ type: "ESModule" as const, path: `/${path}`, contents: text })),
    compatibilityDate: "2026-07-01",
    bindings: {
      SECRET: settings.secret,
      SERVICE: settings.service,
      SERVICE_KEY: settings.serviceKey,
      ISSUER: settings.issuer,
      BOUND_MS: String(settings.boundMs),
      RENEW_EVERY_MS: String(settings.renewEveryMs),
    },
  });
  return {
    async ask(cookies, path = "/", { headers, ...init } = {}) {
      const sent = { ...(cookies === "" ? {} : { cookie: cookies }), ...headers };
      const response = await flare.dispatchFetch(`https://app.example${path}`, {
        ...init,
        headers: sent,
      });
      const text = await response.text();
      const said = response.status === 200 ? (JSON.parse(text) as Partial<EdgeAnswer>) : {};
      return {
        status: response.status,
        setCookies: response.headers.getSetCookie(),
        headers: response.headers,
        standing: said.standing ?? {},
        calls: said.calls ?? [],
        troubles: said.troubles ?? [],
        text,
      };
    },
    stop: () => flare.dispose(),
  };
}
