/**
 * A back end in front of the service, as one in any language would be: it has a service key, reads
 * cookies, and hands on what browsers send to the two endpoints of device-bound sessions.
 */
import { readCookie } from "sojourn";
import { BOUND, SESSION } from "../support/bound-browser.ts";
import type { Front } from "../support/bound-browser.ts";
import type { Answer, Json, Sent, TestService } from "./service-harness.ts";

interface BrowserAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

export interface Gateway extends Front {
  /** What the last verify said. */
  verdict: Json;
  /** What the service was last asked, and answered. */
  last: Answer | undefined;
}

export function gateway(s: Pick<TestService, "api">): Gateway {
  const ask = async (path: string, sent: Sent): Promise<Answer> =>
    (place.last = await s.api("POST", path, sent));
  /** Whatever the service cannot answer is 503 to a browser: its session lives on. */
  const relay = async (path: string, body: object): Promise<Response> => {
    const answer = await ask(path, { body });
    if (answer.status !== 200) return new Response(null, { status: 503 });
    const { status, headers, body: text } = answer.json as unknown as BrowserAnswer;
    return new Response(text === "" ? null : text, { status, headers });
  };
  const place: Gateway = {
    act: undefined,
    verdict: {},
    last: undefined,
    handle: async (request) => {
      const headers = Object.fromEntries(request.headers);
      const token = cookieOf(request, SESSION);
      switch (new URL(request.url).pathname) {
        case "/login":
          return signedIn(await ask("/v1/sessions", { body: { subject: "alice", amr: ["pwd"] } }));
        case "/dbsc/register":
          return relay("/v1/device-bindings/register", { token: token ?? "none", headers });
        case "/dbsc/webcrypto":
          return relay("/v1/device-bindings/webcrypto", { token: token ?? "none", headers });
        case "/dbsc/refresh":
          return relay("/v1/device-bindings/refresh", { headers });
        default: {
          const boundCookie = cookieOf(request, BOUND);
          const skipped = request.headers.get("secure-session-skipped") ?? undefined;
          const body = { token: token ?? "none", boundCookie, skipped };
          const { json } = await ask("/v1/sessions/verify", { body });
          place.verdict = json;
          const unproven = json["unproven"] as { headers: Record<string, string> } | undefined;
          const status = json["state"] === "active" ? 200 : 403;
          return Response.json(
            { state: json["state"] },
            { status, headers: unproven?.headers ?? {} },
          );
        }
      }
    },
  };
  return place;
}

/** The session cookie, and whatever the service says belongs beside it. */
export function signedIn({ json }: Answer): Response {
  const headers = new Headers(json["headers"] as Record<string, string> | undefined);
  const attributes = "Path=/; Secure; HttpOnly; SameSite=Lax";
  headers.append("set-cookie", `${SESSION}=${String(json["token"])}; ${attributes}`);
  return Response.json({}, { headers });
}

function cookieOf(request: Request, name: string): string | undefined {
  const reading = readCookie(request.headers.get("cookie"), name);
  return reading.kind === "value" ? reading.value : undefined;
}
