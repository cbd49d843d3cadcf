/** Sending webhooks to receivers that hang, fail, lead elsewhere, or come back after days. */
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ControlStore } from "../../packages/sojourn-server/src/control/control-store.ts";
import { SqliteControl } from "../../packages/sojourn-server/src/control/sqlite-control.ts";
import { addressRule } from "../../packages/sojourn-server/src/webhooks/addresses.ts";
import type { Delivery } from "../../packages/sojourn-server/src/webhooks/delivery-table.ts";
import { queued } from "../../packages/sojourn-server/src/webhooks/delivery-table.ts";
import { WebhookDesk } from "../../packages/sojourn-server/src/webhooks/desk.ts";
import { EndpointSecrets } from "../../packages/sojourn-server/src/webhooks/endpoint-secrets.ts";
import type { Endpoint } from "../../packages/sojourn-server/src/webhooks/endpoint-table.ts";
import {
  FAILING_MS_MAX,
  RETRY_AFTER_MS,
} from "../../packages/sojourn-server/src/webhooks/schedule.ts";
import { Sender } from "../../packages/sojourn-server/src/webhooks/sender.ts";
import type { SenderParts } from "../../packages/sojourn-server/src/webhooks/sender.ts";
import { startReceiver, verified } from "../support/webhook-receiver.ts";
import type { Receiver } from "../support/webhook-receiver.ts";
import { SECRET } from "./service-harness.ts";

const OTHER_SECRET = "b3RoZXItdGVzdC1zZWNyZXQtMDEyMzQ1Njc4OUFCQ0RFRkc";
const HOUR_MS = 3_600_000;
const toEnd: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of toEnd.splice(0).toReversed()) await end();
});

let now: number;
let control: ControlStore;
let sql: SqliteControl;
let disabled: string[];
let made: number;

beforeEach(() => {
  // Receivers look at their own clock.
  now = Date.now();
  disabled = [];
  made = 0;
  sql = new SqliteControl(":memory:");
  control = new ControlStore(sql, [SECRET], () => now);
});

interface Post {
  readonly sender: Sender;
  readonly desk: WebhookDesk;
}

function post(more: Partial<SenderParts> = {}, secrets: readonly string[] = [SECRET]): Post {
  const { endpoints, deliveries, trailReader: reader } = control;
  const rule = addressRule(["127.0.0.0/8"]);
  const own = new EndpointSecrets(secrets, endpoints);
  const shared = { endpoints, deliveries, reader, rule, secrets: own, now: () => now };
  const sender = new Sender({
    ...shared,
    timeoutMs: 10_000,
    onDisabled: ({ disabled: why = "" }) => void disabled.push(why),
    onFree: () => undefined,
    onTrouble: (error) => {
      throw error;
    },
    ...more,
  });
  return { sender, desk: new WebhookDesk({ ...shared, sender, wake: () => undefined }) };
}

async function receiver(): Promise<Receiver> {
  const one = await startReceiver();
  toEnd.push(() => one.close());
  return one;
}

/** Entries that all endpoints are to have. */
async function tell(count = 1): Promise<void> {
  const before = (await control.trail.head()).seq;
  await control.trail.append(
    Array.from({ length: count }, () => {
      made += 1;
      const about = { subject: "ann", session: `ses_${made}`, reason: "revoked" };
      const entry = { id: `w.${made}`, at: now, tenant: "default", name: "session-ended" };
      return { ...entry, actor: "key:shop", about };
    }),
  );
  const fresh = await control.trailReader.after(before, 1_000);
  await sql.all("test", [...queued(fresh, await control.endpoints.active(), now)]);
}

/** Until everything that is due now has been tried. */
async function work({ sender }: Post): Promise<void> {
  do {
    await sender.round();
    await sender.settle(20_000);
  } while ((await control.deliveries.withDue(now)).length > 0);
}

async function list(endpoint: Endpoint): Promise<readonly Delivery[]> {
  return control.deliveries.list(endpoint.id, {}, 200);
}

async function until(what: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 400 && !what(); attempt += 1) await sleep(25);
  expect(what()).toBe(true);
}

describe("a delivery", () => {
  it("is tried over three days at growing distances, always with the same id, then dead", async () => {
    const to = await receiver();
    to.answer = (response) => void response.writeHead(503).end();
    const own = post();
    const { endpoint } = await own.desk.create("default", { url: to.url });
    await tell();
    const spans: number[] = [];
    for (let tries = 1; tries <= RETRY_AFTER_MS.length; tries += 1) {
      await work(own);
      const [one] = await list(endpoint);
      expect(one).toMatchObject({ state: "waiting", tries, status: 503, trouble: "status" });
      spans.push((one?.dueAt ?? 0) - now);
      now = one?.dueAt ?? 0;
    }
    for (const [at, least] of RETRY_AFTER_MS.entries()) {
      expect(spans[at]).toBeGreaterThanOrEqual(least);
      expect(spans[at]).toBeLessThanOrEqual(least * 1.2);
    }
    await work(own);
    expect(await list(endpoint)).toMatchObject([{ state: "dead", tries: 10, status: 503 }]);
    expect(to.got).toHaveLength(10);
    expect(new Set(to.got.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  });

  it("to an endpoint that has failed for three days disables it; enabled, it begins anew", async () => {
    const to = await receiver();
    to.answer = (response) => void response.writeHead(500).end();
    const own = post();
    const { endpoint } = await own.desk.create("default", { url: to.url });
    await tell();
    await work(own);
    now += FAILING_MS_MAX - 1;
    await work(own);
    expect(disabled).toEqual([]);
    now += HOUR_MS * 24;
    await work(own);
    expect(disabled).toEqual(["failing"]);
    const off = await control.endpoints.find(endpoint.id);
    expect((await list(endpoint))[0]?.state).toBe("held");
    // What happens meanwhile is not queued; it can be replayed.
    await tell();
    expect(await list(endpoint)).toHaveLength(1);
    to.answer = (response) => void response.writeHead(204).end();
    if (off === undefined) throw new Error("it is gone");
    const on = await own.desk.change(off, { enabled: true });
    expect(on.failingSince).toBeUndefined();
    now += HOUR_MS * 24;
    await work(own);
    expect(await list(endpoint)).toMatchObject([{ state: "done", status: 204 }]);
  });

  it("that comes through ends the time of failing", async () => {
    const to = await receiver();
    to.answer = (response) => void response.writeHead(500).end();
    const own = post();
    const { endpoint } = await own.desk.create("default", { url: to.url });
    await tell();
    await work(own);
    expect((await control.endpoints.find(endpoint.id))?.failingSince).toBe(now);
    to.answer = (response) => void response.writeHead(200).end();
    now += HOUR_MS;
    await work(own);
    expect((await control.endpoints.find(endpoint.id))?.failingSince).toBeUndefined();
  });

  it("that is answered by 410 disables the endpoint at once", async () => {
    const to = await receiver();
    to.answer = (response) => void response.writeHead(410).end();
    const own = post();
    await own.desk.create("default", { url: to.url });
    await tell();
    await work(own);
    expect(disabled).toEqual(["gone"]);
  });

  it("to a receiver that hangs is given up in time, and delays nobody else", async () => {
    const slow = await receiver();
    let most = 0;
    let open = 0;
    slow.answer = (response) => {
      open += 1;
      most = Math.max(most, open);
      response.on("close", () => (open -= 1));
    };
    const quick = await receiver();
    const own = post({ timeoutMs: 1_000 });
    const { endpoint: first } = await own.desk.create("default", { url: slow.url });
    await own.desk.create("default", { url: quick.url });
    await tell(8);
    const began = performance.now();
    while (quick.got.length < 8) {
      await own.sender.round();
      await sleep(5);
      if (performance.now() - began > 20_000) throw new Error("the quick one waits");
    }
    // The first ones to the slow one were not given up yet, or there were just so many at once.
    expect(most).toBe(4);
    await work(own);
    expect(most).toBe(4);
    expect(new Set((await list(first)).map(({ trouble }) => trouble))).toEqual(
      new Set(["timeout"]),
    );
  });

  it("does not follow where the answer leads", async () => {
    const elsewhere = await receiver();
    const to = await receiver();
    to.answer = (response) => void response.writeHead(307, { location: elsewhere.url }).end();
    const own = post();
    const { endpoint } = await own.desk.create("default", { url: to.url });
    await tell();
    await work(own);
    expect(await list(endpoint)).toMatchObject([{ status: 307, trouble: "redirect", tries: 1 }]);
    expect(elsewhere.got).toEqual([]);
  });

  it("goes to no address that is not allowed any more, also where no name is resolved", async () => {
    const to = await receiver();
    const { endpoint } = await post().desk.create("default", { url: to.url });
    const strict = post({ rule: addressRule([]) });
    expect(await strict.desk.test(endpoint)).toEqual({ trouble: "refused-address" });
    expect(to.got).toEqual([]);
  });

  it("reads of an answer without end no more than a bound", async () => {
    const sent: number[] = [];
    const server: Server = createServer((_request, response) => {
      response.writeHead(200);
      const more = (): void => {
        if (response.destroyed) return;
        sent.push(1);
        response.write(Buffer.alloc(65_536), () => setImmediate(more));
      };
      response.on("error", () => undefined);
      more();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    toEnd.push(() => server.close());
    let closed = false;
    server.on("connection", (socket) => socket.on("close", () => (closed = true)));
    const own = post();
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const { endpoint } = await own.desk.create("default", { url });
    await tell();
    await work(own);
    expect((await list(endpoint))[0]).toMatchObject({ state: "done", status: 200 });
    await until(() => closed);
    // Some of it lies in the buffers of both ends; without a bound it would be gigabytes.
    expect(sent.length).toBeLessThan(500);
  });

  it("of what was removed from the trail is dead at once; of what was erased names nobody", async () => {
    const to = await receiver();
    const own = post();
    const { endpoint } = await own.desk.create("default", { url: to.url });
    await tell(2);
    await control.trail.erase("default", "ann", () => ({
      id: "w.erased",
      at: now,
      tenant: "default",
      name: "audit-erased",
      actor: "operator:cli",
      about: {},
    }));
    await sql.run("test", "DELETE FROM control.audit_entry WHERE seq = 1");
    await work(own);
    expect(await list(endpoint)).toMatchObject([
      { seq: 2, state: "done" },
      { seq: 1, state: "dead", trouble: "retired" },
    ]);
    expect(to.got).toHaveLength(1);
    expect(to.got[0]?.json.data).toMatchObject({ erased: true });
    expect(to.got[0]?.body).not.toContain("ann");
  });
});

describe("the secret of a webhook", () => {
  it("is signed with beside its successor until the overlap ends", async () => {
    const to = await receiver();
    const own = post();
    const { endpoint, secret } = await own.desk.create("default", { url: to.url });
    const next = await own.desk.rotate(endpoint, HOUR_MS);
    await tell();
    await work(own);
    const [first] = to.got;
    if (first === undefined) throw new Error("nothing came");
    for (const one of [secret, next.secret]) expect(verified(first, one)).toEqual(first.json);
    now += HOUR_MS;
    await own.desk.test(next.endpoint);
    const last = to.got.at(-1);
    if (last === undefined) throw new Error("nothing came");
    // The clock of the library is not ours.
    const signatures = String(last.headers["webhook-signature"]).split(" ");
    expect([
      signatures.length,
      String(first.headers["webhook-signature"]).split(" ").length,
    ]).toEqual([1, 2]);
  });

  it("lies sealed, for its row alone, and under the first secret of the installation", async () => {
    const to = await receiver();
    const before = post();
    const { endpoint, secret } = await before.desk.create("default", { url: to.url });
    const stored = async (): Promise<Uint8Array> =>
      (await control.endpoints.find(endpoint.id))?.secret ?? new Uint8Array();
    expect(Buffer.from(await stored()).includes(Buffer.from(secret.slice(6), "base64"))).toBe(
      false,
    );
    expect(Buffer.from(await stored()).toString("latin1")).not.toContain(secret.slice(6));
    // Another one is put first, one step at a time; whatever is sent seals anew.
    const both = post({}, [OTHER_SECRET, SECRET]);
    await both.desk.test(endpoint);
    const after = post({}, [OTHER_SECRET]);
    const found = await control.endpoints.find(endpoint.id);
    if (found === undefined) throw new Error("it is gone");
    expect(await after.desk.test(found)).toEqual({ status: 200 });
    expect(verified(to.got.at(-1) ?? neverCame(), secret)).toBeDefined();
    expect(await post({}, [SECRET]).desk.test(found)).toEqual({ trouble: "secret" });
    const { endpoint: other } = await after.desk.create("default", { url: to.url });
    const moved = { ...other, secret: found.secret };
    expect(await after.desk.test(moved)).toEqual({ trouble: "secret" });
  });
});

function neverCame(): never {
  throw new Error("nothing came");
}
