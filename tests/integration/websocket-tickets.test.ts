/** Tickets on sockets of `ws`: offered as a protocol, never answered. */
import { connect } from "node:net";
import type { Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { visit, world, MINUTE, SECOND } from "../support/world.ts";
import { codeOf, dial, pass, scene, serveSockets, settle, stopLive } from "./live-harness.ts";
import type { LiveServer } from "./live-harness.ts";

afterEach(stopLive);

const OTHER = "https://other.example";

function offer(ticket: string, ...others: string[]): string[] {
  return [...others, `sojourn.ticket.${ticket}`];
}

describe("a ticket as a protocol", () => {
  it("[TR-10] opens one socket from wherever it is brought, and the answer names the other", async () => {
    const { place, server, session } = await scene();
    const { ticket } = await place.sessions.tickets.issue(session);
    const protocols = [...offer(ticket), "app.v1", "app.v2"];
    const client = await dial(server, { protocols, origin: OTHER });
    expect([client.status, client.socket.protocol]).toEqual([101, "app.v1"]);
    expect(JSON.stringify(client.headers)).not.toContain("sojourn");
    expect(server.guests[0]?.subject).toBe("alice");
    await session.logout();
    expect(await client.closed).toMatchObject({ code: 4401, reason: "logout" });
  });

  it("[TR-10] that is worth nothing is refused with 401, and all look alike", async () => {
    const { place, server, session } = await scene();
    const issue = async (lifeMs = 30 * SECOND) =>
      (await place.sessions.tickets.issue(session, { lifeMs })).ticket;
    const used = await issue();
    expect((await dial(server, { protocols: offer(used, "app") })).status).toBe(101);
    const expired = await issue(1_000);
    await pass(place, SECOND);
    const good = await issue();
    const forged = good.slice(0, -1) + (good.endsWith("A") ? "B" : "A");
    const acme = world({ beside: place, tenant: "acme" });
    const theirs = await acme.sessions.open({ subject: "alice" });
    const foreign = (await acme.sessions.tickets.issue(theirs.session)).ticket;
    const gone = await place.sessions.open({ subject: "bob" });
    const ended = (await place.sessions.tickets.issue(gone.session)).ticket;
    await gone.session.logout();
    const answers = new Set<string>();
    for (const ticket of [used, expired, forged, foreign, ended, "", "x", "sj1t_"]) {
      const { status, headers, body } = await dial(server, { protocols: offer(ticket, "app") });
      answers.add(JSON.stringify([status, headers, body]));
    }
    expect(answers.size).toBe(1);
    expect([...answers][0]).toContain("unauthenticated");
    expect((await dial(server, { protocols: offer(good, "app") })).status).toBe(101);
  });

  it("speaks for itself: no cookie of the same browser stands in for a bad one, or against it", async () => {
    const { place, server, session, token } = await scene();
    const bad = await dial(server, { protocols: offer("x", "app"), token });
    expect(bad.status).toBe(401);
    const other = await place.sessions.open({ subject: "bob", amr: ["pwd"] });
    const { ticket } = await place.sessions.tickets.issue(other.session);
    const headers = { "sec-fetch-site": "same-site" };
    const good = await dial(server, {
      protocols: offer(ticket, "app"),
      token,
      origin: OTHER,
      headers,
    });
    expect([good.status, server.guests[0]?.subject]).toEqual([101, "bob"]);
    expect(session.subject).toBe("alice");
  });

  it("of several, none is meant", async () => {
    const { place, server, session } = await scene();
    const one = (await place.sessions.tickets.issue(session)).ticket;
    const two = (await place.sessions.tickets.issue(session)).ticket;
    const protocols = [...offer(one, "app"), ...offer(two)];
    expect((await dial(server, { protocols })).status).toBe(401);
  });

  it("alone is refused with 400: a browser needs the answer to name another", async () => {
    const { place, server, session } = await scene();
    const { ticket } = await place.sessions.tickets.issue(session);
    const alone = await dial(server, { protocols: offer(ticket) });
    expect([alone.status, codeOf(alone)]).toEqual([400, "invalid_request"]);
    expect(alone.body).not.toContain(ticket);
    expect((await dial(server, { protocols: offer(ticket, "app") })).status).toBe(101);
  });

  it("is not used up by a store that is down, and meets `require` like any session", async () => {
    const { place, server, session } = await scene();
    const { ticket } = await place.sessions.tickets.issue(session);
    place.store.setDown(true);
    expect((await dial(server, { protocols: offer(ticket, "app") })).status).toBe(503);
    place.store.setDown(false);
    expect((await dial(server, { protocols: offer(ticket, "app") })).status).toBe(101);
    const strict = await serveSockets(place, { require: { factors: 2 } });
    const next = (await place.sessions.tickets.issue(session)).ticket;
    expect((await dial(strict, { protocols: offer(next, "app") })).status).toBe(403);
  });

  it("[TR-09] is refused over plain HTTP in production, and not used up by that", async () => {
    const { place, session } = await scene({}, { production: true });
    const server = await serveSockets(place);
    const { ticket } = await place.sessions.tickets.issue(session);
    expect((await dial(server, { protocols: offer(ticket, "app") })).status).toBe(403);
    expect((await place.sessions.tickets.redeem(ticket))?.subject).toBe("alice");
  });

  it("opens a socket where the policy wants a form token, which no browser can send with one", async () => {
    const policy = { extends: "nist-aal2" } as const;
    const { place, server, session, token } = await scene({}, { policy });
    const byCookie = await dial(server, { token });
    expect([byCookie.status, codeOf(byCookie)]).toEqual([403, "csrf_failed"]);
    const { ticket } = await place.sessions.tickets.issue(session);
    expect((await dial(server, { protocols: offer(ticket, "app") })).status).toBe(101);
  });

  it("answered to a POST is not cached, and is in no cookie", async () => {
    const { place, token } = await scene();
    const exchange = await visit(place, { token });
    const { ticket } = await place.sessions.tickets.issue(exchange.session);
    const set: string[] = [];
    void exchange.commit({
      get: () => undefined,
      set: (name, value) => void set.push(`${name}: ${value}`),
      addCookie: (value) => void set.push(value),
    });
    expect(set).toContain("cache-control: no-store");
    expect(set.join()).not.toContain(ticket);
  });
});

describe("bytes of a handshake", () => {
  function raw(server: LiveServer, lines: readonly string[]): Promise<string> {
    const { port } = new URL(server.origin);
    const socket: Socket = connect(Number(port), "127.0.0.1");
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    let heard = "";
    return new Promise((resolve, reject) => {
      socket.on("data", (part: Buffer) => void (heard += part.toString()));
      socket.on("end", () => resolve(heard));
      socket.on("error", reject);
      setTimeout(() => {
        socket.destroy();
        resolve(heard);
      }, 1_000).unref();
    });
  }

  it("that are odd get an HTTP answer and an end, whoever sends them", async () => {
    const { place, server, token } = await scene();
    const base = [
      "GET /x HTTP/1.1",
      `host: ${new URL(server.origin).host}`,
      "connection: upgrade",
      "upgrade: websocket",
      "sec-websocket-version: 13",
      "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
    ];
    const cookie = `cookie: session=${token}`;
    const origin = `origin: ${server.origin}`;
    const odd: readonly (readonly string[])[] = [
      base,
      [...base, cookie],
      [...base, cookie, "origin: "],
      [...base, cookie, `cookie: session=${token.slice(0, -1)}x`, origin],
      [...base, `cookie: session=${"x".repeat(9_000)}`, origin],
      [...base, cookie, origin, "sec-websocket-protocol: ,,,sojourn.ticket.,"],
      [...base, cookie, origin, `sec-websocket-protocol: sojourn.ticket.${"x".repeat(5_000)}, a`],
      [...base.slice(0, 5), cookie, origin],
      [...base.slice(0, 3), "upgrade: h2c", ...base.slice(4), cookie, origin, "x: y"].slice(0, 6),
    ];
    for (const lines of odd) {
      const answer = await raw(server, lines);
      expect(answer, lines.join("|")).toMatch(/^HTTP\/1\.1 4\d\d /);
      expect(answer.toLowerCase()).toContain("connection: close");
    }
    expect(server.guests).toEqual([]);
    await settle(place);
    await pass(place, MINUTE, MINUTE);
    expect(place.sessions.live.size).toBe(0);
  });
});
