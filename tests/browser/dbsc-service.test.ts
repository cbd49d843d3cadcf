/** Sessions bound in Chromium where a back end of its own stands before the service. */
import { createServer } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { gateway } from "../integration/service-gateway.ts";
import { folder, startTestService } from "../integration/service-harness.ts";
import { BOUND } from "../support/bound-browser.ts";
import type { Front } from "../support/bound-browser.ts";
import { openBoundProfile } from "./support/bound-profile.ts";
import type { BoundProfile } from "./support/bound-profile.ts";
import { makeCertificate } from "./support/certificate.ts";
import { soon } from "./support/chromium.ts";

const HOST = "app.example.test";
const MINUTE_MS = 60_000;
const certificate = makeCertificate();
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** What a back end's framework does: a request in, an answer out. */
async function answer(place: Front, req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.url === "/page") {
    res.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>page</title>");
    return;
  }
  const headers = new Headers();
  for (const [name, value] of Object.entries(req.headers)) {
    if (typeof value === "string" && !name.startsWith(":")) headers.set(name, value);
  }
  const { method = "GET" } = req;
  const given = await place.handle(
    new Request(`https://${HOST}${req.url ?? "/"}`, { method, headers }),
  );
  const fields = [...given.headers].filter(([name]) => name !== "set-cookie");
  const cookies = given.headers.getSetCookie();
  res.writeHead(given.status, { ...Object.fromEntries(fields), "set-cookie": cookies });
  res.end(await given.text());
}

async function startPlace() {
  const skew = { ms: 0 };
  const disk = folder();
  closing.push(() => disk.remove());
  const s = await startTestService({
    env: { SOJOURN_DBSC: "true", SOJOURN_STORE: `sqlite:${disk.path}/sessions.db` },
    library: { clock: { now: () => Date.now() + skew.ms, learn: () => undefined } },
  });
  closing.push(() => s.service.stop());
  const place = gateway(s);
  const server = createServer(certificate, (req, res) => void answer(place, req, res));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { s, place, skew, url: `https://${HOST}:${port}/page` };
}

async function opened(url: string): Promise<BoundProfile> {
  const profile = await openBoundProfile(certificate);
  closing.push(() => profile.close());
  await profile.page.goto(url);
  return profile;
}

const ask = ({ page }: BoundProfile, path = "/", method = "GET") =>
  page.evaluate(
    async ([path, method]) => {
      const response = await fetch(path, { method });
      const { state } = (await response.json()) as { state?: string };
      return [response.status, state];
    },
    [path, method] as const,
  );

describe("a session bound in Chromium through the service", () => {
  it("[DB-11] is worth nothing in a copied jar once the bound time is over, and ends when told", async () => {
    const { s, place, skew, url } = await startPlace();
    const owner = await opened(url);
    await ask(owner, "/login", "POST");
    await soon(() => owner.told).toContain("created: Success");
    skew.ms += 11_000;
    expect(await ask(owner)).toEqual([200, "active"]);

    const thief = await opened(url);
    await thief.context.addCookies(await owner.context.cookies());
    expect(await ask(thief)).toEqual([200, "active"]);
    skew.ms += 10 * MINUTE_MS;
    expect(await ask(thief)).toEqual([403, "locked"]);
    expect(place.verdict).toMatchObject({ unproven: { why: "expired" } });

    // The owner's browser counts by its own clock, which has not moved.
    await owner.context.clearCookies({ name: BOUND });
    expect(await ask(owner)).toEqual([200, "active"]);
    expect(owner.told).toContain("Refreshed");
    expect(await ask(thief)).toEqual([403, "locked"]);

    await s.api("POST", "/v1/subjects/alice/revoke");
    await owner.context.clearCookies({ name: BOUND });
    expect(await ask(owner)).toEqual([403, "ended"]);
    await soon(() => owner.told).toContain("ServerRequested");
    const names = (await owner.context.cookies()).map(({ name }) => name);
    expect(names).not.toContain(BOUND);
  });

  it("[DB-06] [DB-08] survives a service that is away: the browser says that it could not", async () => {
    const { place, skew, url } = await startPlace();
    const owner = await opened(url);
    await ask(owner, "/login", "POST");
    await soon(() => owner.told).toContain("created: Success");
    skew.ms += 11_000;
    const { handle } = place;
    let skipped: string | null = null;
    place.handle = async (request) => {
      skipped = request.headers.get("secure-session-skipped") ?? skipped;
      const away = new URL(request.url).pathname === "/dbsc/refresh";
      return away ? new Response(null, { status: 503 }) : handle(request);
    };
    await owner.context.clearCookies({ name: BOUND });
    expect(await ask(owner)).toEqual([403, "locked"]);
    expect(skipped).toMatch(/^server_error;session_identifier="?ses_/);
    place.handle = handle;
    await soon(() => ask(owner)).toEqual([200, "active"]);
  });
});
